//! The backbone: a node is listed under its own place, by whom it agreed to, once.

use super::*;
use crate::{BackboneNodes, BackboneOwners, Error};
use frame_support::{assert_noop, BoundedVec};
use sp_core::{ed25519, Pair};
use sp_runtime::{DispatchError, TokenError};
use spb_primitives::{
	relay::{node_payload, peer_id, MAX_CONSENT, PEER_LENGTH},
	BlockNumber, Genesis, NodeIdentifier,
};

type Peer = BoundedVec<u8, ConstU32<{ PEER_LENGTH as u32 }>>;

const ADDRESS: &str = "wss://node.example:9944/relay?key=1";

/// The network key of a node.
fn network_key(node: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[200 + node; 32])
}

fn peer(node: u8) -> Peer {
	peer_id(&network_key(node).public()).to_vec().try_into().unwrap()
}

fn place(node: u8) -> NodeIdentifier {
	NodeIdentifier::of_peer(&peer(node))
}

/// The last block at which consents count here.
const UNTIL: BlockNumber = 10;

fn consent(node: u8, owner: Sr25519Keyring, genesis: &Genesis) -> ed25519::Signature {
	consent_until(node, owner, UNTIL, genesis)
}

fn consent_until(
	node: u8,
	owner: Sr25519Keyring,
	until: BlockNumber,
	genesis: &Genesis,
) -> ed25519::Signature {
	network_key(node).sign(&node_payload(&owner.to_account_id(), &place(node), until, genesis))
}

fn address(text: &str) -> BoundedVec<u8, ConstU32<{ crate::MAX_ADDRESS }>> {
	text.as_bytes().to_vec().try_into().unwrap()
}

fn join(who: Sr25519Keyring, node: u8) -> DispatchResult {
	join_with(who, node, consent(node, who, &GENESIS))
}

fn join_with(who: Sr25519Keyring, node: u8, consent: ed25519::Signature) -> DispatchResult {
	Spb::join_backbone(signed(who), peer(node), address(ADDRESS), UNTIL, consent)
}

#[test]
fn node_should_be_listed_under_the_hash_of_its_peer_id() {
	ExtBuilder::default().execute(|| {
		ok(join(Dave, 1));
		let node = BackboneNodes::<Test>::get(Dave.to_account_id()).unwrap();
		assert_eq!((&node.peer, &node.address), (&peer(1), &address(ADDRESS)));
		assert_eq!((node.owner, node.identifier), (Dave.to_account_id(), place(1)));
		assert_eq!(node.deposit, money(BACKBONE_DEPOSIT));
		assert_eq!((held(Dave), free(Dave)), (BACKBONE_DEPOSIT, ENDOWMENT - BACKBONE_DEPOSIT));
		assert_eq!(BackboneOwners::<Test>::get(place(1)), Some(Dave.to_account_id()));
		assert_last_event(Event::NodeJoined { owner: Dave.to_account_id(), identifier: place(1) });
	});
}

#[test]
fn calls_should_need_a_signature() {
	ExtBuilder::default().execute(|| {
		for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
			let bad = DispatchError::BadOrigin;
			let consent = consent(1, Dave, &GENESIS);
			let joined =
				|| Spb::join_backbone(origin.clone(), peer(1), address(ADDRESS), UNTIL, consent);
			assert_noop!(joined(), bad);
			assert_noop!(Spb::update_backbone(origin.clone(), address(ADDRESS)), bad);
			assert_noop!(Spb::leave_backbone(origin.clone()), bad);
		}
	});
}

#[test]
fn account_and_node_should_be_listed_once() {
	ExtBuilder::default().execute(|| {
		ok(join(Dave, 1));
		assert_noop!(join(Dave, 1), Error::<Test>::NodeListed);
		assert_noop!(join(Dave, 2), Error::<Test>::NodeListed);
		assert_noop!(join(Charlie, 1), Error::<Test>::NodeListed);
		ok(join(Charlie, 2));
	});
}

#[test]
fn node_should_be_listed_only_where_it_agreed() {
	ExtBuilder::default().execute(|| {
		let joined = |signature| join_with(Dave, 1, signature);
		// For another owner, by another node, for another chain.
		let for_another = consent(1, Charlie, &GENESIS);
		let by_another = consent(2, Dave, &GENESIS);
		let elsewhere = consent(1, Dave, &OTHER_GENESIS);
		let for_longer = consent_until(1, Dave, UNTIL + 1, &GENESIS);
		for signature in [for_another, by_another, elsewhere, for_longer] {
			assert_noop!(joined(signature), Error::<Test>::BadNodeSignature);
		}
		ok(joined(consent(1, Dave, &GENESIS)));
	});
}

#[test]
fn consent_should_count_for_a_while_only() {
	ExtBuilder::default().execute(|| {
		let joined = |until| {
			let consent = consent_until(1, Dave, until, &GENESIS);
			Spb::join_backbone(signed(Dave), peer(1), address(ADDRESS), until, consent)
		};
		for until in [0, 2 + MAX_CONSENT, BlockNumber::MAX] {
			assert_noop!(joined(until), Error::<Test>::ConsentOutOfDate);
		}
		for until in [1, 1 + MAX_CONSENT] {
			ok(joined(until));
			ok(Spb::leave_backbone(signed(Dave)));
		}
		// Whoever left is not brought back with what was signed long ago.
		System::set_block_number(2);
		assert_noop!(joined(1), Error::<Test>::ConsentOutOfDate);
	});
}

#[test]
fn other_kinds_of_peer_ids_should_be_refused() {
	ExtBuilder::default().execute(|| {
		let mut hashed = peer(1);
		hashed[0] = 0x12;
		let short: Peer = peer(1)[..37].to_vec().try_into().unwrap();
		for bad in [hashed, short, Peer::default()] {
			let consent = consent(1, Dave, &GENESIS);
			let joined =
				|| Spb::join_backbone(signed(Dave), bad.clone(), address(ADDRESS), UNTIL, consent);
			assert_noop!(joined(), Error::<Test>::BadPeer);
		}
	});
}

#[test]
fn address_should_be_one() {
	ExtBuilder::default().execute(|| {
		ok(join(Dave, 1));
		for bad in ["", "ws://", "wss://", "http://node", "ws://a b", "ws://a\n", "ws://ä"] {
			let bad = address(bad);
			let consent = consent(2, Charlie, &GENESIS);
			let joined =
				|| Spb::join_backbone(signed(Charlie), peer(2), bad.clone(), UNTIL, consent);
			assert_noop!(joined(), Error::<Test>::BadAddress);
			assert_noop!(Spb::update_backbone(signed(Dave), bad), Error::<Test>::BadAddress);
		}
		ok(Spb::update_backbone(signed(Dave), address("ws://1.2.3.4:5")));
		let node = BackboneNodes::<Test>::get(Dave.to_account_id()).unwrap();
		assert_eq!((node.address, node.identifier), (address("ws://1.2.3.4:5"), place(1)));
		assert_last_event(Event::NodeUpdated { identifier: place(1) });
	});
}

#[test]
fn joining_should_need_the_deposit() {
	ExtBuilder::default().balance(Dave, BACKBONE_DEPOSIT + ED - 1).execute(|| {
		assert_noop!(join(Dave, 1), TokenError::FundsUnavailable);
	});
	ExtBuilder::default().balance(Dave, BACKBONE_DEPOSIT + ED).execute(|| ok(join(Dave, 1)));
}

#[test]
fn backbone_should_have_no_more_nodes_than_it_may() {
	ExtBuilder::default().execute(|| {
		for (who, node) in [(Alice, 1), (Bob, 2), (Charlie, 3), (Dave, 4)] {
			ok(join(who, node));
		}
		assert_noop!(join(Eve, 5), Error::<Test>::TooManyNodes);
		ok(Spb::leave_backbone(signed(Bob)));
		ok(join(Eve, 5));
	});
}

#[test]
fn leaving_should_free_deposit_and_place() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Spb::leave_backbone(signed(Dave)), Error::<Test>::NoNode);
		assert_noop!(Spb::update_backbone(signed(Dave), address(ADDRESS)), Error::<Test>::NoNode);
		ok(join(Dave, 1));
		ok(Spb::leave_backbone(signed(Dave)));
		assert_last_event(Event::NodeLeft { identifier: place(1) });
		assert_eq!((held(Dave), free(Dave)), (0, ENDOWMENT));
		assert_eq!(BackboneNodes::<Test>::count(), 0);
		ok(join(Charlie, 1));
	});
}

#[test]
fn backbone_should_be_told_in_order_of_identifiers() {
	ExtBuilder::default().execute(|| {
		assert_eq!(Spb::backbone(), []);
		for (who, node) in [(Alice, 1), (Bob, 2), (Charlie, 3), (Dave, 4)] {
			ok(join(who, node));
		}
		let told: Vec<_> = Spb::backbone().into_iter().map(|node| node.identifier).collect();
		let mut places = [1, 2, 3, 4].map(place);
		places.sort();
		assert_eq!(told, places);
	});
}
