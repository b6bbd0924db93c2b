//! The council of the companies: how many motions one of them may have before it.
//!
//! The council takes a hundred motions, which end when they are voted upon or after a week. So that no
//! company can take all of these, each has a few places of its own. The pallet's consideration for a
//! motion, elsewhere a deposit, is here such a place: nothing is paid for it.

use crate::{configs::CompanyCollective, AccountId, Hash, Runtime};
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
	traits::{Consideration, MaybeConsideration},
	weights::Weight,
};
use pallet_collective::{
	weights::{SubstrateWeight, WeightInfo},
	CostOf, Proposals,
};
use scale_info::TypeInfo;
use sp_runtime::DispatchError;

/// Motions that one company may have before the council at once.
pub const MOTIONS_EACH: usize = 8;

/// A company's place for one motion.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Place;

impl Consideration<AccountId, u32> for Place {
	fn new(who: &AccountId, _: u32) -> Result<Self, DispatchError> {
		let motions = Proposals::<Runtime, CompanyCollective>::get();
		// The last one is the motion that wants the place.
		let others = motions.split_last().map_or(&[][..], |(_, others)| others);
		let is_theirs = |motion: &&Hash| {
			let place = CostOf::<Runtime, CompanyCollective>::get(**motion);
			place.is_some_and(|(mover, _)| mover == *who)
		};
		if others.iter().filter(is_theirs).count() >= MOTIONS_EACH {
			return Err(DispatchError::Exhausted);
		}
		Ok(Self)
	}

	fn update(self, _: &AccountId, _: u32) -> Result<Self, DispatchError> {
		Ok(self)
	}

	fn drop(self, _: &AccountId) -> Result<(), DispatchError> {
		Ok(())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_successful(_: &AccountId, _: u32) {}
}

impl MaybeConsideration<AccountId, u32> for Place {
	fn is_none(&self) -> bool {
		false
	}
}

/// The pallet's own weights, and for a new motion the places that are looked at.
pub struct Weights;

type Measured = SubstrateWeight<Runtime>;

impl WeightInfo for Weights {
	fn set_members(m: u32, n: u32, p: u32) -> Weight {
		Measured::set_members(m, n, p)
	}

	fn execute(b: u32, m: u32) -> Weight {
		Measured::execute(b, m)
	}

	fn propose_execute(b: u32, m: u32) -> Weight {
		Measured::propose_execute(b, m)
	}

	fn propose_proposed(b: u32, m: u32, p: u32) -> Weight {
		let looks = <Runtime as frame_system::Config>::DbWeight::get().reads(p.into());
		Measured::propose_proposed(b, m, p).saturating_add(looks)
	}

	fn vote(m: u32) -> Weight {
		Measured::vote(m)
	}

	fn close_early_disapproved(m: u32, p: u32) -> Weight {
		Measured::close_early_disapproved(m, p)
	}

	fn close_early_approved(b: u32, m: u32, p: u32) -> Weight {
		Measured::close_early_approved(b, m, p)
	}

	fn close_disapproved(m: u32, p: u32) -> Weight {
		Measured::close_disapproved(m, p)
	}

	fn close_approved(b: u32, m: u32, p: u32) -> Weight {
		Measured::close_approved(b, m, p)
	}

	fn disapprove_proposal(p: u32) -> Weight {
		Measured::disapprove_proposal(p)
	}

	fn kill(d: u32, p: u32) -> Weight {
		Measured::kill(d, p)
	}

	fn release_proposal_cost() -> Weight {
		Measured::release_proposal_cost()
	}
}
