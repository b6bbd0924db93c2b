//! What the runtime itself costs. [`Measured`] is written by the benchmarks;
//! `docs/decisions/0003-weights.md` says how to measure again.

mod measured;

pub use measured::Measured;

use frame_support::weights::Weight;
use frame_system::ExtensionsWeightInfo;

/// The weights of the extensions of a signed transaction: nothing, for what is measured of the whole of it
/// ([`WeightInfo::signed_transaction`]) has them in it.
pub struct InBase;

impl ExtensionsWeightInfo for InBase {
	fn check_genesis() -> Weight {
		Weight::zero()
	}

	fn check_mortality_mortal_transaction() -> Weight {
		Weight::zero()
	}

	fn check_mortality_immortal_transaction() -> Weight {
		Weight::zero()
	}

	fn check_non_zero_sender() -> Weight {
		Weight::zero()
	}

	fn check_nonce() -> Weight {
		Weight::zero()
	}

	fn check_spec_version() -> Weight {
		Weight::zero()
	}

	fn check_tx_version() -> Weight {
		Weight::zero()
	}

	fn check_weight() -> Weight {
		Weight::zero()
	}

	fn weight_reclaim() -> Weight {
		Weight::zero()
	}
}

impl pallet_transaction_payment::WeightInfo for InBase {
	fn charge_transaction_payment() -> Weight {
		Weight::zero()
	}
}

/// The weight of what is no pallet's.
pub trait WeightInfo {
	/// `n` signed transactions, without what their calls do.
	fn signed_transaction(n: u32) -> Weight;
}
