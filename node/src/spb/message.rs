//! What a node sees of a message without the runtime.

use codec::{Compact, Decode};
use spb_primitives::{CtpId, Erc, Genesis, SignedCtp};

/// The version, the pallet and the call: the bytes of a bare extrinsic before its arguments.
const BEFORE_ARGUMENTS: usize = 3;

/// The CTP that a message commits to, if it is the commitment with this id.
///
/// Which extrinsics are messages, and about which CTP, is said by the runtime. This reads the first
/// argument as a CTP and believes it only where its id is the one that the runtime has named; so a
/// runtime with other calls can make it find nothing, but never something wrong.
pub fn committed(extrinsic: &[u8], id: &CtpId, genesis: &Genesis) -> Option<SignedCtp> {
	let signed = SignedCtp::decode(&mut arguments(extrinsic)?).ok()?;
	(CtpId::of(&signed.ctp, genesis) == *id).then_some(signed)
}

/// The ERC that a message carries, if it is one about the CTP with this id. Believed for the same
/// reason as [`committed`].
pub fn confirmed(extrinsic: &[u8], id: &CtpId) -> Option<Erc> {
	let erc = Erc::decode(&mut arguments(extrinsic)?).ok()?;
	(erc.ctp == *id).then_some(erc)
}

fn arguments(extrinsic: &[u8]) -> Option<&[u8]> {
	let mut rest = extrinsic;
	Compact::<u32>::decode(&mut rest).ok()?;
	rest.get(BEFORE_ARGUMENTS..)
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use codec::Encode;
	use sp_core::{ed25519, sr25519, H256};
	use sp_runtime::MultiSignature;
	use spb_primitives::{Ctp, Energy, Money, ReceiptKey};

	pub const GENESIS: Genesis = H256::repeat_byte(7);

	/// A CTP that differs from others by `vault`.
	pub fn signed(vault: u32) -> SignedCtp {
		let ctp = Ctp {
			vault,
			offer: 3,
			energy: Energy::from_wh(250),
			amount: Money::from_units(1_000_000),
			expiry: 40,
			receipt_key: ReceiptKey(H256::repeat_byte(9)),
		};
		SignedCtp { ctp, signature: MultiSignature::Sr25519(sr25519::Signature::default()) }
	}

	/// The id of [`signed`].
	pub fn id(vault: u32) -> CtpId {
		CtpId::of(&signed(vault).ctp, &GENESIS)
	}

	/// A bare extrinsic that commits to [`signed`], with `padding` for its proof.
	pub fn extrinsic(vault: u32, padding: usize) -> Vec<u8> {
		let content = [vec![5, 8, 16], signed(vault).encode(), vec![0; padding]].concat();
		content.encode()
	}

	/// A bare extrinsic with an ERC over `wh` for the CTP of `vault`, with `padding` for its proof.
	pub fn receipt(vault: u32, wh: u32, padding: usize) -> Vec<u8> {
		let erc = Erc {
			ctp: id(vault),
			delivered: Energy::from_wh(wh),
			at: 30,
			key: ed25519::Public::default(),
			signature: ed25519::Signature::default(),
		};
		let content = [vec![5, 8, 17], erc.encode(), vec![0; padding]].concat();
		content.encode()
	}

	#[test]
	fn receipt_should_be_read_where_the_id_agrees() {
		let erc = confirmed(&receipt(1, 200, 10), &id(1)).unwrap();
		assert_eq!((erc.ctp, erc.delivered), (id(1), Energy::from_wh(200)));
		assert_eq!(confirmed(&receipt(1, 200, 10), &id(2)), None);
		assert_eq!(confirmed(&extrinsic(1, 200), &id(1)), None);
		assert_eq!(committed(&receipt(1, 200, 200), &id(1), &GENESIS), None);
	}

	#[test]
	fn commitment_should_be_read_where_the_id_agrees() {
		assert_eq!(committed(&extrinsic(1, 10), &id(1), &GENESIS), Some(signed(1)));
		assert_eq!(committed(&extrinsic(1, 10), &id(2), &GENESIS), None);
	}

	#[test]
	fn other_bytes_should_be_nothing() {
		let whole = extrinsic(1, 0);
		for length in 0..whole.len() {
			assert_eq!(committed(&whole[..length], &id(1), &GENESIS), None);
		}
		let whole = receipt(1, 200, 0);
		for length in 0..whole.len() {
			assert_eq!(confirmed(&whole[..length], &id(1)), None);
		}
		assert_eq!(committed(&[0xff; 200], &id(1), &GENESIS), None);
	}
}
