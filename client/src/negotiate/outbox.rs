//! Letters on their way: each is sent beside the others, so that a node that takes its time over one
//! holds up nobody else's.

use super::writer::Outgoing;
use crate::relay::Post;
use spb_primitives::relay::ContactKey;
use std::{collections::BTreeMap, future, sync::Arc};
use tokio::{sync::Semaphore, task::JoinSet};

/// Answers on their way from one key at the most. More are dropped: whoever waits for one asks again.
const MOST: usize = 256;

/// What one side of many negotiations sends. `T` is what is told when something is sent.
pub(crate) struct Outbox<T> {
	post: Post,
	under_way: JoinSet<Option<T>>,
	/// What each of our own keys has room for: its letters go through one node, and what is stuck there
	/// is not to take the place of others.
	rooms: BTreeMap<ContactKey, Arc<Semaphore>>,
}

impl<T: Send + 'static> Outbox<T> {
	/// One that writes through the backbone.
	pub(crate) fn new(post: Post) -> Self {
		Self { post, under_way: JoinSet::new(), rooms: BTreeMap::new() }
	}

	/// Sends letters from one of our keys, one after the other. When that is done, [`Self::next`] gives
	/// what `told` makes of whether nodes took them all.
	pub(crate) fn send(
		&mut self,
		from: ContactKey,
		letters: Vec<Outgoing>,
		told: impl FnOnce(bool) -> Option<T> + Send + 'static,
	) {
		let room = self.rooms.entry(from).or_insert_with(|| Arc::new(Semaphore::new(MOST)));
		let room = room.clone().try_acquire_owned();
		let post = self.post.clone();
		self.under_way.spawn(async move {
			let Ok(_room) = room else {
				post.note(&format!("too much is on its way from {from}; an answer is dropped"));
				return told(false);
			};
			let mut taken = true;
			for letter in letters {
				// What is lost the other side asks for again.
				if let Err(error) = letter.send(&post).await {
					post.note(&error.to_string());
					taken = false;
				}
			}
			told(taken)
		});
	}

	/// What is told next. Can be given up at any time without a loss.
	pub(crate) async fn next(&mut self) -> T {
		loop {
			match self.under_way.join_next().await {
				Some(Ok(Some(told))) => return told,
				// Nothing is told of this one, or it has panicked and said so.
				Some(_) => {},
				None => future::pending().await,
			}
		}
	}
}
