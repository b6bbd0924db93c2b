//! What the database answers: lists, single CTPs, proofs under the header's root, and changes.

use super::*;
use crate::runtime_api::{CtpFilter, DatabaseSummary, OpenCtp};
use spb_primitives::{root::entry_key, BlockNumber, CtpId, Message};

fn open_ctp(deal: &Deal) -> OpenCtp {
	OpenCtp { id: deal.id(), signed: deal.signed() }
}

/// Deals in the order of the database: by expiry, then by id.
fn in_order(deals: &[Deal]) -> Vec<CtpId> {
	let mut keys: Vec<_> = deals.iter().map(|deal| (deal.ctp.expiry, deal.id())).collect();
	keys.sort();
	keys.into_iter().map(|(_, id)| id).collect()
}

/// Twelve deals of two vaults on two offers, over three expiries.
fn market() -> (TestChain, Vec<Deal>) {
	let mut chain = TestChain::new();
	chain.block_with(&[], || {
		deposit(Charlie, IN_VAULT);
		offer(Alice, OFFERED, PRICE, Terms::Listed);
	});
	let deals: Vec<_> = (0..12)
		.map(|leaf| {
			let deal = Deal::new(leaf).energy(150 + leaf).expiry(8 + leaf % 3);
			let deal = deal.with(|ctp| (ctp.vault, ctp.offer) = (leaf % 2, leaf / 6));
			deal.by(if leaf % 2 == 0 { Bob } else { Charlie })
		})
		.collect();
	chain.block(&deals.iter().map(Deal::commit).collect::<Vec<_>>());
	(chain, deals)
}

fn list(
	chain: &TestChain,
	filter: CtpFilter,
	after: Option<(BlockNumber, CtpId)>,
	limit: usize,
) -> Vec<CtpId> {
	let rows = chain.database(&chain.head, |database| database.list(&filter, after, limit));
	rows.unwrap().into_iter().map(|open| open.id).collect()
}

#[test]
fn database_of_genesis_should_be_empty() {
	let chain = TestChain::new();
	let summary = DatabaseSummary { root: H256::zero(), open: 0, buckets: vec![] };
	assert_eq!(chain.summary(&GENESIS), Ok(summary));
	assert!(chain.open().is_empty());
}

#[test]
fn summary_should_count_each_expiry() {
	let (mut chain, deals) = market();
	let summary = chain.summary(&chain.head).unwrap();
	assert_eq!((summary.open, summary.buckets), (12, vec![(8, 4), (9, 4), (10, 4)]));
	chain.block(&[deals[1].confirm(1, 2), deals[4].confirm(1, 2)]);
	let summary = chain.summary(&chain.head).unwrap();
	assert_eq!((summary.open, summary.buckets), (10, vec![(8, 4), (9, 2), (10, 4)]));
	chain.blocks_to(8 + PARAMETERS.grace);
	let summary = chain.summary(&chain.head).unwrap();
	assert_eq!((summary.open, summary.buckets), (6, vec![(9, 2), (10, 4)]));
}

#[test]
fn list_should_go_by_expiry_and_id_page_by_page() {
	let (chain, deals) = market();
	let all = in_order(&deals);
	let expiry = |id: &CtpId| deals.iter().find(|deal| deal.id() == *id).unwrap().ctp.expiry;
	assert_eq!(list(&chain, CtpFilter::default(), None, 100), all);
	for limit in [0, 1, 5, 12, 13] {
		assert_eq!(list(&chain, CtpFilter::default(), None, limit), all[..limit.min(12)]);
	}
	for (at, id) in all.iter().enumerate() {
		let after = Some((expiry(id), *id));
		let rest = &all[at + 1..];
		assert_eq!(list(&chain, CtpFilter::default(), after, 100), rest);
		assert_eq!(list(&chain, CtpFilter::default(), after, 3), rest[..rest.len().min(3)]);
	}
	// After what is not there, too.
	let end = Some((u32::MAX, CtpId(H256::repeat_byte(0xff))));
	assert!(list(&chain, CtpFilter::default(), end, 100).is_empty());
	let bucket = Some((8, CtpId(H256::repeat_byte(0xff))));
	assert_eq!(list(&chain, CtpFilter::default(), bucket, 100), all[4..]);
}

#[test]
fn list_should_filter_by_vault_and_offer() {
	let (chain, deals) = market();
	for vault in [None, Some(0), Some(1), Some(2)] {
		for offer in [None, Some(0), Some(1), Some(2)] {
			let wanted: Vec<_> = deals
				.iter()
				.filter(|deal| vault.is_none_or(|vault| vault == deal.ctp.vault))
				.filter(|deal| offer.is_none_or(|offer| offer == deal.ctp.offer))
				.cloned()
				.collect();
			let wanted = in_order(&wanted);
			let filter = CtpFilter { vault, offer };
			assert_eq!(list(&chain, filter.clone(), None, 100), wanted);
			assert_eq!(list(&chain, filter, None, 2), wanted[..wanted.len().min(2)]);
		}
	}
}

#[test]
fn each_block_should_answer_for_itself() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(6);
	let before = chain.block(&[]).hash;
	let open = chain.block(&[deal.commit()]).hash;
	let settled = chain.block(&[deal.confirm(1_000, 3)]).hash;
	let entry = |hash| chain.database(hash, |database| database.entry(&deal.id())).unwrap();
	assert_eq!(entry(&before), None);
	assert_eq!(entry(&open), Some(deal.signed()));
	assert_eq!(entry(&settled), None);
	let stranger = chain.database(&open, |database| database.entry(&Deal::new(1).id()));
	assert_eq!(stranger, Ok(None));
}

#[test]
fn proof_should_hold_under_the_root_of_the_header() {
	let (mut chain, deals) = market();
	let block = chain.block(&[]);
	let root = block.digest.unwrap().database_root;
	for deal in &deals {
		let proven = chain.database(&block.hash, |database| database.proof(&deal.id()));
		let (open, proof) = proven.unwrap().unwrap();
		assert_eq!(open, open_ctp(deal));
		let key = entry_key(deal.ctp.expiry, &deal.id());
		assert!(proof.verify(&root, &key, &deal.signed().leaf()));
		assert!(!proof.verify(&root, &key, &deal.signed_anew().leaf()));
		assert!(!proof.verify(&H256::zero(), &key, &deal.signed().leaf()));
	}
	let absent = chain.database(&block.hash, |database| database.proof(&Deal::new(50).id()));
	assert_eq!(absent, Ok(None));
}

#[test]
fn proof_of_the_only_entry_should_be_its_leaf() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	let block = chain.block(&[deal.commit()]);
	assert_eq!(block.digest.unwrap().database_root, deal.signed().leaf());
	let proven = chain.database(&block.hash, |database| database.proof(&deal.id()));
	assert!(proven.unwrap().unwrap().1.steps.is_empty());
}

#[test]
fn changes_should_say_what_entered_settled_and_was_dropped() {
	let mut chain = TestChain::new();
	let (stays, settles, at_once) = (Deal::new(0).expiry(4), Deal::new(1), Deal::new(2));
	let block = chain.block(&[stays.commit(), settles.commit()]);
	let changes = chain.changes(&block.hash).unwrap();
	assert_eq!(changes.added, [open_ctp(&stays), open_ctp(&settles)]);
	assert!(changes.settled.is_empty() && changes.expired.is_empty());

	let messages = [at_once.commit(), settles.confirm(7, 2), at_once.confirm(9, 2)];
	let block = chain.block(&messages);
	let changes = chain.changes(&block.hash).unwrap();
	assert_eq!(changes.added, [open_ctp(&at_once)]);
	let settled: Vec<_> = changes.settled.into_iter().map(|s| (s.id, s.settlement)).collect();
	assert_eq!(
		settled,
		[(settles.id(), settles.settlement(7)), (at_once.id(), at_once.settlement(9))]
	);

	chain.blocks_to(4 + PARAMETERS.grace);
	let changes = chain.changes(&chain.head).unwrap();
	assert_eq!(changes.expired, [open_ctp(&stays)]);
	assert!(changes.added.is_empty() && changes.settled.is_empty());
}

#[test]
fn messages_should_name_their_ctp() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		for message in [deal.commit(), deal.confirm(1, 1)] {
			let carried = Spb::message(&call(&message));
			assert_eq!(carried.as_ref(), Some(&message));
			assert_eq!(Spb::message_id(&message), deal.id());
		}
		assert_eq!(Spb::message(&crate::Call::withdraw {}), None);
		// The CTP's id is not the signature's matter.
		let mut addition = deal.addition();
		addition.ctp = deal.signed_anew();
		assert_eq!(Spb::message_id(&Message::Commit(addition)), deal.id());
	});
}
