//! The commands: each a module with its options and `run`.

mod account;
mod audit;
mod backbone;
mod company;
mod ctp;
mod ctps;
mod erc;
mod history;
mod meter;
mod negotiate;
mod offer;
mod status;
#[cfg(test)]
mod testing;
mod vault;
mod watch;

use crate::{
	context::Context,
	output::{self, Answer, Report},
};
use spb_client::Result;

/// What `spb` can do.
#[derive(clap::Subcommand)]
pub enum Command {
	/// Commit to pay for energy
	Ctp(ctp::Opts),
	/// Confirm that energy was received
	Erc(erc::Opts),
	/// The account and its energy account
	#[command(subcommand)]
	Account(account::Command),
	/// Energy for sale
	#[command(subcommand)]
	Offer(offer::Command),
	/// Money set aside for trading
	#[command(subcommand)]
	Vault(vault::Command),
	/// The meter and its one-time keys
	#[command(subcommand)]
	Meter(meter::Command),
	/// Agree on a price with a producer, or answer as one
	Negotiate(negotiate::Opts),
	/// The nodes that carry letters
	#[command(subcommand)]
	Backbone(backbone::Command),
	/// What energy companies do
	#[command(subcommand)]
	Company(company::Command),
	/// List open CTPs
	Ctps(ctps::Opts),
	/// List settled trades
	History(history::Opts),
	/// Verify the evidence of final blocks anew
	Audit(audit::Opts),
	/// Show the node, the chain and what is ours
	Status(status::Opts),
	/// Follow what becomes of CTPs, until interrupted
	Watch(watch::Opts),
}

impl Command {
	/// The command's name in JSON output.
	pub fn name(&self) -> &'static str {
		match self {
			Self::Ctp(_) => "ctp",
			Self::Erc(_) => "erc",
			Self::Account(command) => command.name(),
			Self::Offer(command) => command.name(),
			Self::Vault(command) => command.name(),
			Self::Meter(command) => command.name(),
			Self::Negotiate(_) => negotiate::NAME,
			Self::Backbone(command) => command.name(),
			Self::Company(command) => command.name(),
			Self::Ctps(_) => "ctps",
			Self::History(_) => "history",
			Self::Audit(_) => "audit",
			Self::Status(_) => "status",
			Self::Watch(_) => "watch",
		}
	}

	/// Runs the command; one that has written what it has to say itself answers nothing.
	pub async fn run(self, context: &Context) -> Result<Option<Answer>> {
		let answer = match self {
			Self::Ctp(opts) => Answer::of(&opts.run(context).await?)?,
			Self::Erc(opts) => Answer::of(&opts.run(context).await?)?,
			Self::Account(command) => command.run(context).await?,
			Self::Offer(command) => command.run(context).await?,
			Self::Vault(command) => command.run(context).await?,
			Self::Meter(command) => return command.run(context).await,
			Self::Negotiate(opts) => return opts.run(context).await,
			Self::Backbone(command) => command.run(context).await?,
			Self::Company(command) => command.run(context).await?,
			Self::Ctps(opts) => Answer::of(&opts.run(context).await?)?,
			Self::History(opts) => Answer::of(&opts.run(context).await?)?,
			Self::Audit(opts) => Answer::of(&opts.run(context).await?)?,
			Self::Status(opts) => Answer::of(&opts.run(context).await?)?,
			Self::Watch(opts) => {
				opts.run(context).await?;
				return Ok(None);
			},
		};
		Ok(Some(answer))
	}
}

/// Writes one of several things that a command has to say, as it comes.
fn write_line(context: &Context, name: &str, report: &impl Report) -> Result<()> {
	output::write_out(&Answer::of(report)?.render(name, context.format))
}

/// How far to wait before a command returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Wait {
	/// Until a block of the best chain has done it.
	Database,
	/// Until that block is final.
	Final,
	/// Until the trade has settled in a final block.
	Settled,
}

impl From<Wait> for spb_client::trade::Goal {
	fn from(wait: Wait) -> Self {
		match wait {
			Wait::Database => Self::Database,
			Wait::Final => Self::Final,
			Wait::Settled => Self::Settled,
		}
	}
}
