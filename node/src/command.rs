//! Runs what the command line asks for.

use crate::{
	chain_spec,
	cli::{Cli, RunArgs, Subcommand},
	service::{self, Core},
	spb::{self, conduct::Conduct, finality::Keep, relay::directory::Extent, LOG_TARGET},
};
use sc_cli::{OffchainWorkerEnabled, RunCmd, SubstrateCli, SyncMode};
use sc_network::config::NetworkBackendType;
use sc_service::{Configuration, DatabaseSource};
use sp_database::MemDb;
use spb_runtime::opaque::Block;
use std::{io::ErrorKind, path::Path, sync::Arc};

impl SubstrateCli for Cli {
	fn impl_name() -> String {
		"SPB Node".into()
	}

	fn impl_version() -> String {
		env!("CARGO_PKG_VERSION").into()
	}

	fn description() -> String {
		env!("CARGO_PKG_DESCRIPTION").into()
	}

	fn author() -> String {
		"the SPB project".into()
	}

	fn support_url() -> String {
		"docs/operations.md, and the people who gave you spb-node".into()
	}

	fn copyright_start_year() -> i32 {
		2026
	}

	fn load_spec(&self, id: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
		let chain = match id {
			"dev" => chain_spec::DEVELOPMENT,
			"" | "local" => chain_spec::LOCAL,
			"fast" => chain_spec::FAST,
			"consortium" => chain_spec::CONSORTIUM,
			path => return Ok(Box::new(chain_spec::from_file(path)?)),
		};
		Ok(Box::new(if self.writes_plain_specification() {
			chain.plain()?
		} else {
			chain.raw()?
		}))
	}
}

/// Parses the command line and does what it says.
pub fn run() -> sc_cli::Result<()> {
	run_as(&Cli::from_args(), &Conduct::default())
}

/// Does what the command line says; where it runs a node, one of this conduct.
pub fn run_as(cli: &Cli, conduct: &Conduct) -> sc_cli::Result<()> {
	let cache = cli.runtime_cache();
	let cache = cache.as_deref();
	match &cli.subcommand {
		None => run_node(cli, &cli.run, cache, conduct),
		Some(Subcommand::Run(command)) => run_node(cli, command, cache, conduct),
		Some(Subcommand::Key(command)) => command.run(cli),
		Some(Subcommand::BuildSpec(command)) => cli
			.create_runner(command)?
			.sync_run(|config| command.run(config.chain_spec, config.network)),
		Some(Subcommand::ExportChainSpec(command)) => command.run(cli.load_spec(&command.chain)?),
		Some(Subcommand::CheckBlock(command)) => cli.create_runner(command)?.async_run(|config| {
			let Core { client, import_queue, task_manager, .. } = service::core(&config, cache)?;
			Ok((command.run(client, import_queue), task_manager))
		}),
		Some(Subcommand::ExportBlocks(command)) => {
			cli.create_runner(command)?.async_run(|config| {
				let Core { client, task_manager, .. } = service::core(&config, cache)?;
				Ok((command.run(client, config.database), task_manager))
			})
		},
		Some(Subcommand::ImportBlocks(command)) => {
			cli.create_runner(command)?.async_run(|config| {
				let Core { client, import_queue, task_manager, .. } =
					service::core(&config, cache)?;
				Ok((command.run(client, import_queue), task_manager))
			})
		},
		Some(Subcommand::PurgeChain(command)) => {
			cli.create_runner(command)?.sync_run(|config| purge(command, config))
		},
		Some(Subcommand::Revert(command)) => cli.create_runner(command)?.async_run(|config| {
			let Core { client, backend, task_manager, .. } = service::core(&config, cache)?;
			let revert_votes = Box::new(|client, _, blocks| {
				sc_consensus_grandpa::revert(client, blocks).map_err(Into::into)
			});
			Ok((command.run(client, backend, Some(revert_votes)), task_manager))
		}),
		Some(Subcommand::ChainInfo(command)) => {
			cli.create_runner(command)?.sync_run(|config| command.run::<Block>(&config))
		},
	}
}

fn run_node(
	cli: &Cli,
	arguments: &RunArgs,
	cache: Option<&Path>,
	conduct: &Conduct,
) -> sc_cli::Result<()> {
	let command = &arguments.substrate;
	let keep = if arguments.evidence_archive { Keep::Always } else { Keep::Retention };
	let backbone =
		arguments.relay_bucket_size.map_or(Extent::Full, |most| Extent::Partial(most.into()));
	if matches!(command.offchain_worker_params.enabled, OffchainWorkerEnabled::Never) {
		return Err(sc_cli::Error::Input(
			"the off-chain worker keeps the CTP database in order and always runs: leave out \
			 `--offchain-worker never`"
				.into(),
		));
	}
	if matches!(command.network_params.sync, SyncMode::Fast | SyncMode::FastUnsafe) {
		return Err(sc_cli::Error::Input(
			"fast sync takes blocks without judging them: use `--sync warp` or `--sync full`"
				.into(),
		));
	}
	let in_memory = in_memory(command);
	cli.create_runner(command)?.run_node_until_exit(move |mut config| async move {
		if in_memory {
			log::info!(target: LOG_TARGET, "The chain is kept in memory and goes with this node");
			config.database = memory();
		}
		match config.network.network_backend {
			NetworkBackendType::Litep2p => {
				service::run(config, cache, keep, backbone, conduct).map_err(sc_cli::Error::Service)
			},
			NetworkBackendType::Libp2p => Err(sc_cli::Error::Input(
				"spb-node speaks litep2p only: leave out `--network-backend libp2p`".into(),
			)),
		}
	})
}

/// Whether a chain is to be kept in memory: one for development that is given neither a folder nor a
/// kind of database. Keys are in a temporary folder all the same.
fn in_memory(command: &RunCmd) -> bool {
	let RunCmd { shared_params, import_params, .. } = command;
	shared_params.is_dev()
		&& shared_params.base_path.is_none()
		&& import_params.database_params.database.is_none()
}

/// A chain's database that goes with the process.
fn memory() -> DatabaseSource {
	DatabaseSource::Custom { db: Arc::new(MemDb::new()), require_create_flag: true }
}

/// Removes the chain's database and, once that is gone, what the node keeps beside it.
fn purge(command: &sc_cli::PurgeChainCmd, config: Configuration) -> sc_cli::Result<()> {
	let beside = spb::store_path(&config.data_path);
	let chain = config.database.path().map(std::path::Path::to_path_buf);
	command.run(config.database)?;
	// The command asks before it removes anything, and answers the same when it was told no.
	if chain.is_some_and(|path| path.exists()) {
		return Ok(());
	}
	match std::fs::remove_dir_all(&beside) {
		Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
		_ => Ok(()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::Parser;

	#[test]
	fn chain_for_development_should_be_in_memory_unless_it_is_given_a_place() {
		let cases: [(&[&str], bool); 6] = [
			(&["--dev"], true),
			(&["--dev", "--chain", "local"], true),
			(&["--dev", "--base-path", "/nowhere"], false),
			(&["--dev", "--database", "paritydb"], false),
			(&["--alice"], false),
			(&["--alice", "--tmp"], false),
		];
		for (arguments, expected) in cases {
			let arguments = std::iter::once("spb-node").chain(arguments.iter().copied());
			let cli = Cli::try_parse_from(arguments).unwrap();
			assert_eq!(in_memory(&cli.run.substrate), expected, "{:?}", cli.run.substrate);
		}
		assert!(memory().path().is_none());
	}
}
