//! Those who cheat: a validator that misbehaves, and traders who would have something for nothing.
//!
//! [`author`] lies in its blocks, [`withhold`] keeps their sidecars back, [`alone`] does both where no one
//! is there to see it, and [`peer`] lies to those who ask it: all are `spb-node-hostile` in Dave's place,
//! told by `--misbehave` what to do, and so is [`relay`], which does not carry letters as it should:
//! [`bargain`] has those who negotiate over it, [`rewritten`] those who look at packets. [`blocks`] says
//! where its blocks are. In [`trader`] those attack who trade, beside such a validator. An attack was made
//! when the hostile node's log says so or a pool has taken it. What refuses it is what the honest nodes
//! count: a rule and a reason, or a reason, whose metric the report names. Where the rules have no refusal
//! but another way round the attack (a sidecar from any peer, a block that is imported and never built
//! on), the report says from what that was concluded.

mod alone;
mod author;
mod bargain;
mod blocks;
mod hostile;
mod peer;
mod relay;
mod rewritten;
mod standing;
mod trader;
mod withhold;

use relay::Outcome;
use spb_primitives::Refusal;
use spb_tests::faults::{Kind, Scenario};

/// The attacks, and the one who sends garbage.
pub const SCENARIOS: &[Scenario] = &[
	Scenario {
		name: "settles-without-erc",
		kind: Kind::Attack,
		selected: true,
		play: |trial| {
			Box::pin(author::lies(trial, "settle-without-erc", Refusal::ReceiptsMismatch))
		},
	},
	Scenario {
		name: "settles-with-erc-of-another",
		kind: Kind::Attack,
		selected: false,
		play: |trial| {
			Box::pin(author::lies(trial, "settle-with-erc-of-another", Refusal::ReceiptsMismatch))
		},
	},
	Scenario {
		name: "settles-with-own-meter",
		kind: Kind::Attack,
		selected: false,
		play: |trial| {
			Box::pin(author::lies(trial, "settle-with-own-meter", Refusal::WrongReceiptKey))
		},
	},
	Scenario {
		name: "forges-coe",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(author::lies(trial, "forge-coe", Refusal::BadMeterCertificate)),
	},
	Scenario {
		name: "wrong-root",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(author::lies(trial, "wrong-root", Refusal::RootMismatch)),
	},
	Scenario {
		name: "no-seal",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(author::lies(trial, "no-seal", Refusal::SealMissing)),
	},
	Scenario {
		name: "two-seals",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(author::lies(trial, "two-seals", Refusal::SealMissing)),
	},
	Scenario {
		name: "adds-beyond-the-vault",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(author::overcommits(trial)),
	},
	Scenario {
		name: "withholds-from-all",
		kind: Kind::Attack,
		selected: true,
		play: |trial| Box::pin(withhold::from_all(trial)),
	},
	Scenario {
		name: "withholds-from-all-but-one",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(withhold::from_all_but_one(trial)),
	},
	Scenario {
		name: "withhold-parent",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(withhold::parents(trial)),
	},
	Scenario {
		name: "goes-on-alone-beyond-window",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(alone::goes_on_alone(trial)),
	},
	Scenario {
		name: "serves-wrong-database",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(peer::lies_about_databases(trial)),
	},
	Scenario {
		name: "serves-wrong-bytes",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(peer::serves_wrong_bytes(trial)),
	},
	Scenario {
		name: "commits-twice",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(trader::commits_twice(trial)),
	},
	Scenario {
		name: "confirms-with-own-meter",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(trader::confirms_with_own_meter(trial)),
	},
	Scenario {
		name: "relay-drops",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(relay::carries(trial, "relay-drops", Outcome::Timeout)),
	},
	Scenario {
		name: "relay-delays",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(relay::carries(trial, "relay-delays", Outcome::Either)),
	},
	Scenario {
		name: "relay-duplicates",
		kind: Kind::Attack,
		selected: true,
		play: |trial| Box::pin(relay::carries(trial, "relay-duplicates", Outcome::Agreement)),
	},
	Scenario {
		name: "relay-reorders",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(relay::carries(trial, "relay-reorders", Outcome::Either)),
	},
	Scenario {
		name: "relay-rewrites",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(relay::rewrites(trial)),
	},
	Scenario {
		name: "relay-silent-rpc",
		kind: Kind::Attack,
		selected: false,
		play: |trial| Box::pin(relay::is_silent(trial)),
	},
	Scenario {
		name: "sends-garbage",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(peer::sends_garbage(trial)),
	},
];
