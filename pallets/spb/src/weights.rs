//! What the calls cost. [`Measured`] is written by the benchmarks;
//! `docs/decisions/0003-weights.md` says how to measure again.

mod measured;

pub use measured::Measured;

use frame_support::weights::Weight;

/// The weight of each call.
pub trait WeightInfo {
	/// [`crate::Call::open_account_with_burn`].
	fn open_account_with_burn() -> Weight;
	/// [`crate::Call::open_account_with_certificate`].
	fn open_account_with_certificate() -> Weight;
	/// [`crate::Call::close_account`].
	fn close_account() -> Weight;
	/// [`crate::Call::offer_energy`].
	fn offer_energy() -> Weight;
	/// [`crate::Call::top_up_offer`].
	fn top_up_offer() -> Weight;
	/// [`crate::Call::reprice_offer`].
	fn reprice_offer() -> Weight;
	/// [`crate::Call::close_offer`].
	fn close_offer() -> Weight;
	/// [`crate::Call::deposit`].
	fn deposit() -> Weight;
	/// [`crate::Call::request_withdrawal`].
	fn request_withdrawal() -> Weight;
	/// [`crate::Call::cancel_withdrawal`].
	fn cancel_withdrawal() -> Weight;
	/// [`crate::Call::withdraw`].
	fn withdraw() -> Weight;
	/// [`crate::Call::revoke_meter`].
	fn revoke_meter() -> Weight;
	/// [`crate::Call::add_company`].
	fn add_company() -> Weight;
	/// [`crate::Call::remove_company`].
	fn remove_company() -> Weight;
	/// [`crate::Call::add_manufacturer`].
	fn add_manufacturer() -> Weight;
	/// [`crate::Call::retire_manufacturer`].
	fn retire_manufacturer() -> Weight;
	/// [`crate::Call::join_backbone`].
	fn join_backbone() -> Weight;
	/// [`crate::Call::update_backbone`].
	fn update_backbone() -> Weight;
	/// [`crate::Call::leave_backbone`].
	fn leave_backbone() -> Weight;
	/// [`crate::Call::list_meter`].
	fn list_meter() -> Weight;
	/// [`crate::Call::unlist_meter`].
	fn unlist_meter() -> Weight;
	/// [`crate::Call::seal`] with `n` settlements.
	fn seal(n: u32) -> Weight;
	/// Forgetting `ids` settled ids and `offers` closed offers when a block begins.
	fn sweep(ids: u32, offers: u32) -> Weight;
}
