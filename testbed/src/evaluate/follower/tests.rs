use super::*;

fn block(number: BlockNumber, hash: u8, settled: &[CtpId]) -> SeenBlock {
	SeenBlock {
		head: Head { number, hash: Hash::repeat_byte(hash) },
		at: Instant::now(),
		header_bytes: 100,
		transactions: vec![(Hash::repeat_byte(hash ^ 0xff), 150)],
		inherent_bytes: 10,
		seal_bytes: 80,
		settled: settled.to_vec(),
	}
}

fn id(number: u8) -> CtpId {
	CtpId(Hash::repeat_byte(number))
}

#[test]
fn what_a_fork_takes_away_should_not_count() {
	let mut seen = Seen::default();
	seen.take(block(1, 1, &[id(1)]));
	seen.take(block(2, 2, &[id(2)]));
	seen.take(block(3, 3, &[id(3)]));
	seen.take(block(2, 4, &[id(3)]));
	assert_eq!(seen.blocks.keys().copied().collect::<Vec<_>>(), [1, 2]);
	assert!(seen.notes.contains_key(&What::Settled(id(1))));
	assert!(!seen.notes.contains_key(&What::Settled(id(2))));
	assert!(!seen.notes.contains_key(&What::Included(Hash::repeat_byte(2 ^ 0xff))));
	let again = seen.notes[&What::Settled(id(3))].block.unwrap();
	assert_eq!(again.hash, Hash::repeat_byte(4));
}

#[test]
fn who_waits_should_be_woken_once_and_by_the_first_sight() {
	let mut seen = Seen::default();
	let (sender, mut waiter) = oneshot::channel();
	seen.waiting.entry(What::Noticed(id(1))).or_default().push(sender);
	let first = Sight { at: Instant::now(), block: None };
	seen.note(What::Noticed(id(2)), first);
	assert!(waiter.try_recv().is_err());
	seen.note(What::Noticed(id(1)), first);
	assert_eq!(waiter.try_recv(), Ok(()));
	seen.note(What::Noticed(id(1)), Sight { at: first.at + SILENCE, block: None });
	assert_eq!(seen.notes[&What::Noticed(id(1))], first);
}

#[test]
fn unsigned_extrinsics_should_be_told_by_their_version() {
	let with = |version: u8| vec![version, 0, 0].encode();
	assert!(is_bare(&with(4)) && is_bare(&with(5)));
	assert!(!is_bare(&with(0x84)) && !is_bare(&with(0x45)));
	assert!(!is_bare(&[]));
}
