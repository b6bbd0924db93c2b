//! What the command line understands.

use crate::executor;
use sc_cli::RunCmd;
use std::{env, path::PathBuf};

/// The arguments of `spb-node`.
#[derive(Debug, clap::Parser)]
pub struct Cli {
	/// What to do; without it, the node runs.
	#[command(subcommand)]
	pub subcommand: Option<Subcommand>,

	/// How the node runs.
	#[command(flatten)]
	pub run: RunArgs,

	/// Keep compiled runtimes in this folder, so that the next start need not compile them (also by
	/// SPB_RUNTIME_CACHE). What is there is run as it is: nobody else may write to it.
	#[arg(long, global = true, value_name = "FOLDER")]
	pub runtime_cache: Option<PathBuf>,
}

impl Cli {
	/// Where compiled runtimes are kept, if anywhere.
	pub fn runtime_cache(&self) -> Option<PathBuf> {
		let named = || env::var_os(executor::VARIABLE).map(PathBuf::from);
		self.runtime_cache.clone().or_else(named).filter(|path| !path.as_os_str().is_empty())
	}

	/// Whether a chain specification is to be written as people read it, and not its raw state.
	pub fn writes_plain_specification(&self) -> bool {
		match &self.subcommand {
			Some(Subcommand::BuildSpec(command)) => !command.raw,
			Some(Subcommand::ExportChainSpec(command)) => !command.raw,
			_ => false,
		}
	}
}

/// How the node runs.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
	/// What every Substrate node has.
	#[command(flatten)]
	pub substrate: RunCmd,

	/// Keep the evidence of all blocks for ever: sidecars are never pruned, and who joins late can
	/// have the whole chain judged.
	#[arg(long)]
	pub evidence_archive: bool,

	/// Hand packets of the backbone only to so many nodes of each length of shared prefix, spread
	/// evenly over those that share it, instead of to any listed node: fewer connections, more hops.
	#[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u16).range(1..))]
	pub relay_bucket_size: Option<u16>,
}

/// What `spb-node` can do.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
	/// Run the node; the same as no subcommand.
	Run(Box<RunArgs>),

	/// Make and look at keys.
	#[command(subcommand)]
	Key(sc_cli::KeySubcommand),

	/// Write a chain specification.
	BuildSpec(sc_cli::BuildSpecCmd),

	/// Write a chain specification, without a boot node of its own.
	ExportChainSpec(sc_cli::ExportChainSpecCmd),

	/// Import a stored block once more.
	CheckBlock(sc_cli::CheckBlockCmd),

	/// Write blocks to a file.
	ExportBlocks(sc_cli::ExportBlocksCmd),

	/// Read blocks from a file; the sidecars they name must be in the database.
	ImportBlocks(sc_cli::ImportBlocksCmd),

	/// Remove the chain with its CTP database, evidence and trades; keys stay.
	PurgeChain(sc_cli::PurgeChainCmd),

	/// Take back the last blocks that are not final.
	Revert(sc_cli::RevertCmd),

	/// Show the heads of the chain.
	ChainInfo(sc_cli::ChainInfoCmd),
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::{CommandFactory, Parser};

	#[test]
	fn arguments_should_be_consistent() {
		Cli::command().debug_assert();
	}

	#[test]
	fn spec_should_be_built_with_the_arguments_of_zombienet() {
		let arguments =
			["spb-node", "build-spec", "--chain", "local", "--disable-default-bootnode", "--raw"];
		let cli = Cli::try_parse_from(arguments).unwrap();
		let Some(Subcommand::BuildSpec(command)) = cli.subcommand else { panic!("no build-spec") };
		assert!(command.raw && command.disable_default_bootnode);
	}

	#[test]
	fn run_should_be_the_default() {
		let plain = Cli::try_parse_from(["spb-node", "--dev"]).unwrap();
		assert!(plain.subcommand.is_none() && plain.run.substrate.shared_params.dev);
		let named = Cli::try_parse_from(["spb-node", "run", "--dev"]).unwrap();
		let Some(Subcommand::Run(run)) = named.subcommand else { panic!("no run") };
		assert!(run.substrate.shared_params.dev && !run.evidence_archive);
	}

	#[test]
	fn evidence_should_be_archived_where_it_is_asked_for() {
		let cli = Cli::try_parse_from(["spb-node", "--dev", "--evidence-archive"]).unwrap();
		assert!(cli.run.evidence_archive);
		let cli = Cli::try_parse_from(["spb-node", "run", "--evidence-archive"]).unwrap();
		let Some(Subcommand::Run(run)) = cli.subcommand else { panic!("no run") };
		assert!(run.evidence_archive);
	}

	#[test]
	fn compiled_runtimes_should_be_kept_where_it_is_asked_for() {
		for arguments in [
			["spb-node", "--dev", "--runtime-cache", "kept"].as_slice(),
			&["spb-node", "run", "--dev", "--runtime-cache", "kept"],
			&["spb-node", "--runtime-cache", "kept", "chain-info"],
		] {
			let cli = Cli::try_parse_from(arguments).unwrap();
			assert_eq!(cli.runtime_cache(), Some("kept".into()), "{arguments:?}");
		}
		assert!(Cli::try_parse_from(["spb-node", "--runtime-cache", ""]).is_err());
	}

	#[test]
	fn specification_should_be_plain_unless_it_is_raw_or_run() {
		let plain = |arguments: &[&str]| {
			Cli::try_parse_from(arguments).unwrap().writes_plain_specification()
		};
		assert!(plain(&["spb-node", "build-spec"]) && plain(&["spb-node", "export-chain-spec"]));
		assert!(!plain(&["spb-node", "build-spec", "--raw"]));
		assert!(!plain(&["spb-node", "export-chain-spec", "--raw"]));
		assert!(!plain(&["spb-node", "--dev"]) && !plain(&["spb-node", "chain-info"]));
	}

	#[test]
	fn backbone_should_be_known_in_parts_where_it_is_asked_for() {
		let cli = Cli::try_parse_from(["spb-node", "--dev", "--relay-bucket-size", "8"]).unwrap();
		assert_eq!(cli.run.relay_bucket_size, Some(8));
		assert!(Cli::try_parse_from(["spb-node", "--relay-bucket-size", "0"]).is_err());
	}
}
