use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::weights::Weight;
pub struct Measured<T>(PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for Measured<T> {
	fn open_account_with_burn() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn open_account_with_certificate() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn close_account() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn offer_energy() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn top_up_offer() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn reprice_offer() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn close_offer() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn deposit() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn request_withdrawal() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn cancel_withdrawal() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn withdraw() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn revoke_meter() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn add_company() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn remove_company() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn add_manufacturer() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn retire_manufacturer() -> Weight { Weight::from_parts(1_000_000, 0) }
	fn seal(n: u32) -> Weight { Weight::from_parts(1_000_000, 0) }
	fn sweep(ids: u32, offers: u32) -> Weight { Weight::from_parts(1_000_000, 0) }
}
