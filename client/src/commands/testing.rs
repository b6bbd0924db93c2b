//! What the tests of several commands have in common.

use sp_core::{sr25519, H256};
use spb_client::{files::Encoded, negotiate::Agreed};
use spb_primitives::{
	units::SPB, AccountId, Ctp, CtpId, Energy, Genesis, Money, Price, ReceiptKey,
};

/// An agreement on 700 Wh of offer 3, for a quarter of an SPB with the fee.
pub(super) fn agreed() -> Agreed {
	let ctp = Ctp {
		vault: 2,
		offer: 3,
		energy: Energy::from_wh(700),
		amount: Money::from_units(SPB / 4),
		expiry: 600,
		receipt_key: ReceiptKey(H256::repeat_byte(1)),
	};
	Agreed {
		genesis: Genesis::zero(),
		id: CtpId(H256::repeat_byte(1)),
		producer: AccountId::new([2; 32]),
		price: Price::per_kwh(5),
		ctp: Encoded(ctp),
		quote: Encoded(sr25519::Signature::default().into()),
		agreed_at: 9,
	}
}
