//! `spb meter coe`, `answer`, `list` and `unlist`: meters that certify each other over the backbone.

use crate::{
	args,
	commands::write_line,
	context::Context,
	output::{Answer, Report},
};
use serde::Serialize;
use spb_client::{
	certify::{Answered, Certified, Certifier, Requester, Wanted, Willing},
	chain::calls,
	connection::{Connection, Head, Stall, CONSENT},
	error::{Classify, Kind},
	files::to_hex,
	meter::Stock,
	relay::Contacts,
	Error, Result,
};
use spb_primitives::{relay::ContactKey, BlockNumber};
use std::{sync::Arc, time::Duration};

/// The options of `spb meter coe` without a further command.
#[derive(clap::Args)]
pub struct Issue {
	/// How many one-time keys a tree has: --margin at the least, 65536 at the most
	#[arg(long, default_value = "1024", value_parser = args::number, value_name = "KEYS")]
	leaves: u32,
	/// How many trees to have ready; one for each vault keeps the vaults apart
	#[arg(long, default_value = "1", value_parser = args::number, value_name = "TREES")]
	trees: u32,
	/// A tree with fewer one-time keys left does not count as ready
	#[arg(long, default_value = "128", value_parser = args::number, value_name = "KEYS")]
	margin: u32,
	/// A tree whose certificate counts for fewer blocks does not count as ready
	#[arg(long, default_value = "1200", value_parser = args::number, value_name = "BLOCKS")]
	reserve: BlockNumber,
	/// For how many blocks the certificate is to count at the most: until the last multiple of 28800
	/// among them, which many certificates share; twice --reserve and 28800 more at the least
	#[arg(long, default_value = "201600", value_parser = args::number, value_name = "BLOCKS")]
	valid_for: BlockNumber,
	/// How many meters to ask at the most
	#[arg(long, default_value = "8", value_parser = args::number, value_name = "METERS")]
	candidates: u32,
	/// How long a meter may be silent before it is asked again, and then another one
	#[arg(long, default_value = "10", value_parser = args::number, value_name = "SECONDS")]
	silence: u32,
	/// Go on and have new trees certified before the old ones are used up, until interrupted
	#[arg(long)]
	keep: bool,
}

/// The options of `spb meter answer`.
#[derive(clap::Args)]
pub struct Respond {
	/// For how many blocks our certificates count at the most
	#[arg(long, default_value = "201600", value_parser = args::number, value_name = "BLOCKS")]
	valid_for: BlockNumber,
	/// How many certificates to give in an hour at the most
	#[arg(long, default_value = "60", value_parser = args::number, value_name = "NUMBER")]
	per_hour: u32,
	/// How many of these to give to one meter at the most
	#[arg(long, default_value = "10", value_parser = args::number, value_name = "NUMBER")]
	per_meter: u32,
	/// End after one request
	#[arg(long)]
	once: bool,
}

/// What was certified.
#[derive(Serialize)]
struct Restocked {
	trees: Vec<Certified>,
}

impl Report for Restocked {
	fn human(&self) -> String {
		if self.trees.is_empty() {
			return "there are trees enough".into();
		}
		let lines = self.trees.iter().map(Certified::human);
		lines.collect::<Vec<_>>().join("\n")
	}
}

impl Report for Certified {
	fn human(&self) -> String {
		let Self { leaves, valid_until, asked, .. } = self;
		format!("{leaves} keys certified until block {valid_until}; {asked} meters asked")
	}
}

/// The meter is there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answering {
	event: &'static str,
	meter: String,
}

impl Report for Answering {
	fn human(&self) -> String {
		format!("answering as meter {}", self.meter)
	}
}

impl Report for Answered {
	fn human(&self) -> String {
		match self {
			Self::Signed { leaves, valid_until } => {
				format!("certified {leaves} keys until block {valid_until}")
			},
			Self::Refused { reason } => format!("refused: {reason}"),
		}
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
	/// `listed` or `unlisted`.
	action: &'static str,
	meter: String,
	contact: Option<ContactKey>,
	block: Head,
}

impl Report for Listing {
	fn human(&self) -> String {
		format!("meter {} is {}", self.meter, self.action)
	}
}

impl Issue {
	/// Has trees certified until there are enough, once or for good.
	pub async fn run(self, context: &Context) -> Result<Option<Answer>> {
		let stock = Stock { trees: self.trees, margin: self.margin, blocks: self.reserve };
		let wanted = Wanted {
			leaves: self.leaves,
			valid_for: self.valid_for,
			candidates: self.candidates,
			patience: Duration::from_secs(self.silence.into()),
		};
		wanted.check(&stock)?;
		let meter = Arc::new(context.meter()?);
		let connection = context.connect().await?;
		let post = context.post(&connection);
		let requester = Requester::new(connection.clone(), post, meter, context.progress());
		if !self.keep {
			let trees = requester.restock(&stock, &wanted).await?;
			return Answer::of(&Restocked { trees }).map(Some);
		}
		keep(context, &connection, &requester, &stock, &wanted).await
	}
}

/// Has trees certified whenever there are too few, for good.
async fn keep(
	context: &Context,
	connection: &Connection,
	requester: &Requester,
	stock: &Stock,
	wanted: &Wanted,
) -> Result<Option<Answer>> {
	let mut heads = connection.heads(Stall::default());
	loop {
		for tree in requester.turn(stock, wanted).await? {
			write_line(context, "meter coe", &tree)?;
		}
		heads.next().await?;
	}
}

impl Respond {
	/// Answers requests, and writes how.
	pub async fn run(self, context: &Context) -> Result<Option<Answer>> {
		let meter = Arc::new(context.meter()?);
		let key = to_hex(&meter.key()?.0);
		let connection = context.connect().await?;
		let post = context.post(&connection);
		let contacts = Contacts::new(context.directory.clone());
		let Self { valid_for: longest, per_hour, per_meter, once } = self;
		let willing = Willing { longest, per_hour, per_meter };
		let mut certifier = Certifier::open(connection, post, meter, &contacts, willing).await?;
		write_line(context, "meter answer", &Answering { event: "answering", meter: key })?;
		loop {
			let answered = certifier.next().await?;
			write_line(context, "meter answer", &answered)?;
			if once {
				return Ok(None);
			}
		}
	}
}

/// Lists the meter, with a contact key of its own.
pub async fn list(context: &Context) -> Result<Answer> {
	let (meter, key) = (context.meter()?, context.key()?);
	let connection = context.connect().await?;
	let (owner, genesis) = (key.account(), connection.genesis());
	let valid_until = connection.best().await?.number.saturating_add(CONSENT);
	let contacts = Contacts::new(context.directory.clone());
	let contact = contacts.make()?.public();
	let listing = meter.consent_to_listing(&owner, contact, valid_until, &genesis);
	let included = match listing {
		Ok(listing) => {
			let call = calls::list_meter(&listing);
			connection.submit_and_wait(&call, &key).await.map_err(Error::from)
		},
		Err(error) => Err(error.into()),
	};
	let block = match included {
		Ok(included) => included.block,
		Err(error) => {
			// A refusal is for good; after anything else the listing may still come about.
			if matches!(error.kind(), Kind::Refused | Kind::BadInput) {
				contacts.forget(&contact)?;
			}
			return Err(error);
		},
	};
	let meter = to_hex(&meter.key()?.0);
	Answer::of(&Listing { action: "listed", meter, contact: Some(contact), block })
}

/// Takes the meter off the list, and forgets its contact key.
pub async fn unlist(context: &Context) -> Result<Answer> {
	let (meter, key) = (context.meter()?.key()?, context.key()?);
	let connection = context.connect().await?;
	let listed = connection.best_view().await?.meter_of(&meter).await?;
	let included = connection.submit_and_wait(&calls::unlist_meter(&meter), &key).await?;
	let contact = listed.map(|listed| listed.contact);
	if let Some(contact) = &contact {
		Contacts::new(context.directory.clone()).forget(contact)?;
	}
	let (meter, block) = (to_hex(&meter.0), included.block);
	Answer::of(&Listing { action: "unlisted", meter, contact, block })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;
	use spb_primitives::relay::CoeRefusal;

	#[test]
	fn output_should_keep_its_shape() {
		let root = H256::repeat_byte(1);
		let tree = Certified { root, leaves: 16, valid_until: 900, asked: 2 };
		let expected = json!({ "root": root, "leaves": 16, "validUntil": 900, "asked": 2 });
		assert_eq!(result_of(&tree), expected);
		assert_eq!(result_of(&Restocked { trees: vec![tree] }), json!({ "trees": [expected] }));
		assert_eq!(Restocked { trees: Vec::new() }.human(), "there are trees enough");
		let answering = Answering { event: "answering", meter: "0x02".into() };
		let expected = json!({ "event": "answering", "meter": "0x02" });
		assert_eq!(result_of(&answering), expected);
		let signed = Answered::Signed { leaves: 16, valid_until: 900 };
		let expected = json!({ "event": "signed", "leaves": 16, "validUntil": 900 });
		assert_eq!(result_of(&signed), expected);
		let refused = Answered::Refused { reason: CoeRefusal::Busy };
		let reason = CoeRefusal::Busy.to_string();
		assert_eq!(result_of(&refused), json!({ "event": "refused", "reason": reason }));
		let block = Head { number: 7, hash: H256::repeat_byte(9) };
		let contact = Some(ContactKey([3; 32]));
		let listed = Listing { action: "listed", meter: "0x02".into(), contact, block };
		let expected = json!({
			"action": "listed",
			"meter": "0x02",
			"contact": H256::repeat_byte(3),
			"block": { "number": 7, "hash": block.hash },
		});
		assert_eq!(result_of(&listed), expected);
	}
}
