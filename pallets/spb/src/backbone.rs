//! The backbone: nodes that carry letters between participants (docs/protocol.md, section 10).

use crate::{
	pallet::*,
	types::{BackboneNode, NodeIdentifier, MAX_ADDRESS},
};
use alloc::vec::Vec;
use frame_support::{pallet_prelude::*, traits::Get};
use spb_primitives::{
	relay::{consent_counts, peer_key, verify_node, PEER_LENGTH},
	AccountId, BlockNumber, MeterSignature,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_join_backbone(
		owner: AccountId,
		peer: BoundedVec<u8, ConstU32<{ PEER_LENGTH as u32 }>>,
		address: BoundedVec<u8, ConstU32<MAX_ADDRESS>>,
		valid_until: BlockNumber,
		signature: MeterSignature,
	) -> DispatchResult {
		ensure!(is_address(&address), Error::<T>::BadAddress);
		ensure!(peer_key(&peer).is_some(), Error::<T>::BadPeer);
		let identifier = NodeIdentifier::of_peer(&peer);
		ensure!(!BackboneNodes::<T>::contains_key(&owner), Error::<T>::NodeListed);
		ensure!(!BackboneOwners::<T>::contains_key(identifier), Error::<T>::NodeListed);
		let room = BackboneNodes::<T>::count() < T::MaxBackboneNodes::get();
		ensure!(room, Error::<T>::TooManyNodes);
		// A node's place is its own: without its key nobody can take it or send its users elsewhere.
		ensure!(consent_counts(valid_until, Self::now()), Error::<T>::ConsentOutOfDate);
		let agreed = verify_node(&signature, &owner, &peer, valid_until, &Self::genesis());
		ensure!(agreed, Error::<T>::BadNodeSignature);
		let deposit = Self::hold_deposit(&owner, T::BackboneDeposit::get())?;
		BackboneOwners::<T>::insert(identifier, &owner);
		let node = BackboneNode { owner: owner.clone(), identifier, peer, address, deposit };
		BackboneNodes::<T>::insert(&owner, node);
		Self::deposit_event(Event::NodeJoined { owner, identifier });
		Ok(())
	}

	pub(crate) fn do_update_backbone(
		owner: AccountId,
		address: BoundedVec<u8, ConstU32<MAX_ADDRESS>>,
	) -> DispatchResult {
		ensure!(is_address(&address), Error::<T>::BadAddress);
		let node = BackboneNodes::<T>::get(&owner).ok_or(Error::<T>::NoNode)?;
		let identifier = node.identifier;
		BackboneNodes::<T>::insert(&owner, BackboneNode { address, ..node });
		Self::deposit_event(Event::NodeUpdated { identifier });
		Ok(())
	}

	pub(crate) fn do_leave_backbone(owner: AccountId) -> DispatchResult {
		let node = BackboneNodes::<T>::get(&owner).ok_or(Error::<T>::NoNode)?;
		Self::free_deposit(&owner, node.deposit)?;
		BackboneNodes::<T>::remove(&owner);
		BackboneOwners::<T>::remove(node.identifier);
		Self::deposit_event(Event::NodeLeft { identifier: node.identifier });
		Ok(())
	}

	/// The backbone nodes, in order of their identifiers.
	pub fn backbone() -> Vec<BackboneNode> {
		let mut nodes: Vec<_> = BackboneNodes::<T>::iter_values().collect();
		nodes.sort_unstable_by_key(|node| node.identifier);
		nodes
	}
}

/// Whether this may be the address of a node's RPC: only printed ASCII after the scheme.
fn is_address(address: &[u8]) -> bool {
	let host = address.strip_prefix(b"ws://").or_else(|| address.strip_prefix(b"wss://"));
	host.is_some_and(|host| !host.is_empty() && host.iter().all(u8::is_ascii_graphic))
}
