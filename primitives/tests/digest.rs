//! The entry of SPB in a header's digest: found where there is exactly one that decodes.

use codec::Encode;
use sp_core::H256;
use sp_runtime::{Digest, DigestItem};
use spb_primitives::{DatabaseDigest, ENGINE_ID};

fn entry() -> DatabaseDigest {
	DatabaseDigest { database_root: H256::repeat_byte(1), sidecar_hash: H256::repeat_byte(2) }
}

fn find(logs: Vec<DigestItem>) -> Option<DatabaseDigest> {
	DatabaseDigest::find(&Digest { logs })
}

fn item(payload: Vec<u8>) -> DigestItem {
	DigestItem::Consensus(ENGINE_ID, payload)
}

#[test]
fn one_entry_should_be_found_among_others() {
	let slot = DigestItem::PreRuntime(*b"aura", vec![0; 8]);
	let other_engine = DigestItem::Consensus(*b"FRNK", entry().encode());
	let seal = DigestItem::Seal(ENGINE_ID, entry().encode());
	assert_eq!(find(vec![slot, other_engine, entry().to_item(), seal]), Some(entry()));
}

#[test]
fn none_should_be_found_where_only_others_are() {
	let before = DigestItem::PreRuntime(ENGINE_ID, entry().encode());
	let other_engine = DigestItem::Consensus(*b"aura", entry().encode());
	assert_eq!(find(vec![]), None);
	assert_eq!(find(vec![before, other_engine]), None);
}

#[test]
fn two_entries_should_be_as_good_as_none() {
	assert_eq!(find(vec![entry().to_item(), entry().to_item()]), None);
	assert_eq!(find(vec![entry().to_item(), item(vec![])]), None);
}

#[test]
fn truncated_and_padded_entries_should_not_be_found() {
	let bytes = entry().encode();
	for length in 0..bytes.len() {
		assert_eq!(find(vec![item(bytes[..length].to_vec())]), None);
	}
	assert_eq!(find(vec![item([&bytes[..], &[0]].concat())]), None);
	assert_eq!(find(vec![item(bytes)]), Some(entry()));
}
