//! What is wanted, by whom, and what peers have said: the fetcher's memory, without its network.

use super::{
	super::super::Hash, Patience, Timing, AHEAD_AT_ONCE, AHEAD_BYTES, FAILED_TRIES, MAX_ANNOUNCED,
	MAX_WANTS,
};
use futures::channel::oneshot;
use sc_network::PeerId;
use std::{
	collections::{HashMap, HashSet, VecDeque},
	time::{Duration, Instant},
};

pub(super) struct Waiter {
	pub(super) tell: oneshot::Sender<Option<Vec<u8>>>,
	pub(super) patience: Patience,
}

/// What a peer said when it was asked for a sidecar.
pub(super) struct Said {
	pub(super) times: u32,
	/// Whether it has said so, and did not merely fail.
	pub(super) answered: bool,
	pub(super) again: Instant,
}

pub(super) struct Want {
	pub(super) order: u64,
	/// When it is given up.
	pub(super) until: Instant,
	pub(super) waiting: Vec<Waiter>,
	/// Whether only announcements have named it.
	pub(super) announced: bool,
	/// Of peers that have not got it.
	pub(super) said: HashMap<PeerId, Said>,
	/// Who was asked last, and has not answered.
	pub(super) asked: Option<(PeerId, Instant)>,
}

impl Want {
	pub(super) fn new(order: u64, until: Instant) -> Self {
		let (said, asked) = (HashMap::new(), None);
		Self { order, until, waiting: Vec::new(), announced: false, said, asked }
	}

	/// Whether someone waits for it.
	pub(super) fn is_urgent(&mut self) -> bool {
		self.waiting.retain(|waiter| !waiter.tell.is_canceled());
		!self.waiting.is_empty()
	}
}

/// A peer that is asked.
#[derive(Default)]
pub(super) struct Asked {
	/// Since when a request is under way.
	pub(super) busy: Option<Instant>,
	pub(super) ahead_only: bool,
	/// Whether it has answered the last request that is over.
	pub(super) answers: bool,
	pub(super) failures: u32,
	pub(super) again: Option<Instant>,
}

impl Asked {
	/// Whether there is no point in waiting for it: it is asked, and others have waited in vain.
	pub(super) fn is_silent(&self, now: Instant, round: Duration) -> bool {
		!self.answers && self.busy.is_some_and(|since| now >= since + round)
	}
}

#[derive(Default)]
pub(super) struct State {
	pub(super) wants: HashMap<Hash, Want>,
	pub(super) peers: HashMap<PeerId, Asked>,
	pub(super) next_order: u64,
	/// To be fetched ahead, in order.
	pub(super) ahead: VecDeque<Hash>,
	/// Fetched ahead: how large, and when.
	pub(super) fetched: HashMap<Hash, (usize, Instant)>,
	/// What someone has waited for in vain.
	pub(super) given_up: HashMap<Hash, Instant>,
	/// Where to begin among the peers.
	pub(super) turn: usize,
}

impl State {
	pub(super) fn want(&mut self, hash: Hash, until: Instant) -> &mut Want {
		self.next_order += 1;
		let order = self.next_order;
		self.wants.entry(hash).or_insert_with(|| Want::new(order, until))
	}

	/// Whether one more can be wanted. Where all places are taken, the oldest that no one waits for any
	/// more goes; an announcement takes the place of none but another.
	pub(super) fn has_room(&mut self, announced: bool) -> bool {
		let most = if announced { MAX_ANNOUNCED } else { MAX_WANTS };
		let may_go = |want: &Want| !announced || want.announced;
		if self.wants.values().filter(|want| may_go(want)).count() < most {
			return true;
		}
		let of_kind = self.wants.iter_mut().filter(|(_, want)| may_go(want));
		let idle =
			of_kind.filter_map(|(hash, want)| (!want.is_urgent()).then_some((want.order, *hash)));
		let oldest = idle.min();
		oldest.is_some_and(|(_, hash)| self.wants.remove(&hash).is_some())
	}

	/// Makes wants of what is to be fetched ahead, as far as there is room.
	pub(super) fn make_wants(&mut self, now: Instant, linger: Duration) {
		let mut count = self.wants.values().filter(|want| !want.announced).count();
		while self.held_ahead() < AHEAD_BYTES && count < AHEAD_AT_ONCE {
			let Some(hash) = self.ahead.pop_front() else { break };
			self.want(hash, now + linger).announced = false;
			count += 1;
		}
	}

	/// Bytes fetched ahead whose blocks are still to be judged.
	pub(super) fn held_ahead(&self) -> usize {
		self.fetched.values().map(|(size, _)| size).sum()
	}

	/// A peer has not got a sidecar, or does not answer.
	pub(super) fn not_there(
		&mut self,
		hash: &Hash,
		peer: PeerId,
		answered: bool,
		now: Instant,
		timing: &Timing,
	) {
		self.free(hash, peer);
		let Some(want) = self.wants.get_mut(hash) else { return };
		let new = Said { times: 0, answered, again: now };
		let said = want.said.entry(peer).or_insert(new);
		said.answered |= answered;
		said.times = said.times.saturating_add(1);
		said.again = now + timing.back_off(said.times);
	}

	/// A peer has answered about a sidecar.
	pub(super) fn free(&mut self, hash: &Hash, peer: PeerId) {
		if let Some(want) = self.wants.get_mut(hash) {
			want.asked.take_if(|(asked, _)| *asked == peer);
		}
	}

	/// Tells those who want to know no more than whether any peer has it.
	pub(super) fn tell_impatient(&mut self, here: &HashSet<PeerId>, now: Instant, round: Duration) {
		let Self { wants, peers, .. } = self;
		let is_silent =
			|peer: &PeerId| peers.get(peer).is_some_and(|asked| asked.is_silent(now, round));
		for want in wants.values_mut() {
			let is_over = |peer: &PeerId| match want.said.get(peer) {
				Some(said) => said.answered || said.times >= FAILED_TRIES || is_silent(peer),
				None => is_silent(peer),
			};
			if here.is_empty() || !here.iter().all(is_over) {
				continue;
			}
			let (impatient, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut want.waiting)
				.into_iter()
				.partition(|waiter| waiter.patience == Patience::OneRound);
			want.waiting = waiting;
			for waiter in impatient {
				let _ = waiter.tell.send(None);
			}
		}
	}
}
