//! What goes wrong with a demo.

use super::plan::PlanError;
use crate::{audit::AuditError, community::CommunityError, node::NodeError};
use spb_client::{connection::ConnectionError, error::Kind, trade::TradeError};
use spb_primitives::{BlockNumber, CtpId};
use spb_readings::{FileError, Timestamp};
use std::{io, path::PathBuf};

/// What goes wrong with a demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
	/// The readings cannot be used.
	#[error(transparent)]
	Readings(#[from] FileError),
	/// No quarter-hour begins when the replay should.
	#[error("--from {from}: no quarter-hour of the readings begins then; they go from {first} to {last}")]
	NoSuchQuarter {
		/// When it should begin.
		from: Timestamp,
		/// The first quarter-hour.
		first: Timestamp,
		/// The last one.
		last: Timestamp,
	},
	/// The readings cannot be replayed on this chain.
	#[error(transparent)]
	Plan(#[from] PlanError),
	/// The node.
	#[error(transparent)]
	Node(#[from] NodeError),
	/// The participants and what they do.
	#[error(transparent)]
	Community(#[from] CommunityError),
	/// Looking at the blocks.
	#[error(transparent)]
	Audit(#[from] AuditError),
	/// A file or folder.
	#[error("cannot write {}: {source}", path.display())]
	Output {
		/// The file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// No author took a CTP.
	#[error("CTP {id} has not entered the database by block {block}: the machine may be too busy; try again")]
	NotTaken {
		/// The CTP.
		id: CtpId,
		/// The block.
		block: BlockNumber,
	},
	/// A confirmed CTP did not settle.
	#[error("CTP {id} is confirmed and has not settled by block {block}: the machine may be too busy; try again")]
	NotSettled {
		/// The CTP.
		id: CtpId,
		/// The block.
		block: BlockNumber,
	},
	/// CTPs stay open for longer than they may.
	#[error("{open} CTPs are still open at block {block}, after the last one's grace period")]
	NotDropped {
		/// How many.
		open: usize,
		/// The block.
		block: BlockNumber,
	},
	/// Someone asked for it.
	#[error("interrupted")]
	Interrupted,
}

impl DemoError {
	/// 2 for bad input, else 1.
	pub fn exit_code(&self) -> u8 {
		let bad = match self {
			Self::Readings(_) | Self::NoSuchQuarter { .. } | Self::Plan(_) => true,
			Self::Community(error) => error.kind() == Kind::BadInput,
			_ => false,
		};
		if bad {
			2
		} else {
			1
		}
	}
}

macro_rules! through_community {
	($($error:ty),*) => {$(
		impl From<$error> for DemoError {
			fn from(error: $error) -> Self {
				Self::Community(error.into())
			}
		}
	)*};
}
through_community!(ConnectionError, TradeError);
