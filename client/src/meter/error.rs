//! What goes wrong with a meter.

use super::VALIDITY_STEP;
use crate::{
	error::{Classify, Kind},
	files::FileError,
};
use spb_primitives::{BlockNumber, CtpId, Energy, Refusal, VaultId};

/// What goes wrong with a meter.
#[derive(Debug, thiserror::Error)]
pub enum MeterError {
	/// A file of the meter, or one that it was given.
	#[error(transparent)]
	File(#[from] FileError),
	/// The chain's own rules say no.
	#[error(transparent)]
	Refused(#[from] Refusal),
	/// There is no meter.
	#[error("there is no meter in {0}: make one with `spb meter init`")]
	NoMeter(String),
	/// There is a meter already.
	#[error("there is a meter in {0} already: name another directory with --dir")]
	MeterExists(String),
	/// The file is meant for another chain.
	#[error("the file is for the chain with genesis {found:?}, not for {expected:?}")]
	OtherChain {
		/// The chain it is for.
		found: sp_core::H256,
		/// The chain we are on.
		expected: sp_core::H256,
	},
	/// The meter's key is not certified on this chain.
	#[error(
		"the meter is not certified on this chain: have its manufacturer run `spb meter certify`"
	)]
	NotCertified,
	/// The certificate is for another meter.
	#[error("the certificate is for another meter")]
	CertificateForAnother,
	/// No tree has a certificate and keys left.
	#[error(
		"no certified one-time key is left: run `spb meter coe`, which has another meter certify a \
		 tree, or by files `spb meter coe request`, `sign` and `import`"
	)]
	NoKeysLeft,
	/// A tree of impossible size.
	#[error("a tree has between 1 and 65536 one-time keys")]
	TreeSize,
	/// A certificate that may have run out before it is there.
	#[error(
		"a certificate for {valid_for} blocks may count for none, because certificates run out at \
		 multiples of {step} blocks: make it for as many at least, with --valid-for",
		step = VALIDITY_STEP
	)]
	ValidityTooShort {
		/// For how many blocks it was to count.
		valid_for: BlockNumber,
	},
	/// The certificate is for a tree that the meter does not have.
	#[error("the certificate is not for a tree of this meter")]
	NotOurTree,
	/// A meter does not sign for itself.
	#[error("a meter does not sign its own tree: have another one sign it")]
	OwnTree,
	/// The CTP names a key that was not set aside for it.
	#[error("the CTP names a one-time key that was not set aside for it, or not long enough")]
	NotReserved,
	/// Tree numbers are used up.
	#[error("the numbers of trees are used up: start a new meter")]
	TreesUsedUp,
	/// The meter signs only for vaults it is paired with.
	#[error("the meter is not paired with vault {0}: pair it with `spb meter pair {0}`")]
	NotPaired(VaultId),
	/// The meter does not know this CTP.
	#[error("the meter has no one-time key for CTP {0}: only the meter that made its key can confirm it")]
	UnknownCtp(CtpId),
	/// A CTP is confirmed once.
	#[error("CTP {id} is confirmed already, for {confirmed}: a watt-hour counts once")]
	ConfirmedAlready {
		/// The CTP.
		id: CtpId,
		/// The energy that was confirmed.
		confirmed: Energy,
	},
	/// More than was metered and has not been counted yet.
	#[error("the meter has measured only {left} Wh that count towards no CTP yet")]
	NotMeasured {
		/// What is left.
		left: u64,
	},
	/// All places of the vault or of the tree in the pool are taken.
	#[error(
		"all places in the pool are taken: wait until some of the pending CTPs are in the database"
	)]
	NoPlace,
	/// The state directory holds what this program never writes.
	#[error("the meter's state is damaged: {0}; restore a copy with `spb meter init --restore`")]
	Damaged(String),
}

impl Classify for MeterError {
	fn kind(&self) -> Kind {
		match self {
			Self::File(error) => error.kind(),
			Self::Refused(_) | Self::NoPlace => Kind::Refused,
			Self::Damaged(_) => Kind::Failed,
			_ => Kind::BadInput,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::File(error) => return error.code(),
			Self::Refused(refusal) => refusal.name(),
			Self::NoMeter(_) => "no-meter",
			Self::MeterExists(_) => "meter-exists",
			Self::OtherChain { .. } => "other-chain",
			Self::NotCertified => "not-certified",
			Self::CertificateForAnother => "certificate-for-another",
			Self::NoKeysLeft => "no-keys-left",
			Self::TreeSize => "tree-size",
			Self::ValidityTooShort { .. } => "validity-too-short",
			Self::NotOurTree => "not-our-tree",
			Self::OwnTree => "own-tree",
			Self::NotReserved => "not-reserved",
			Self::TreesUsedUp => "trees-used-up",
			Self::NotPaired(_) => "not-paired",
			Self::UnknownCtp(_) => "unknown-ctp",
			Self::ConfirmedAlready { .. } => "confirmed-already",
			Self::NotMeasured { .. } => "not-measured",
			Self::NoPlace => "no-place-in-pool",
			Self::Damaged(_) => "meter-damaged",
		}
		.into()
	}
}
