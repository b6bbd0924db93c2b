//! `spb audit`: the evidence of final blocks, verified anew.

use crate::{
	args,
	context::Context,
	output::{table, Report},
};
use serde::Serialize;
use spb_client::{
	audit::{self, Beginning, Check, Violation},
	connection::Head,
	Result,
};
use spb_primitives::BlockNumber;
use std::collections::BTreeMap;

/// The options of `spb audit`.
#[derive(clap::Args)]
pub struct Opts {
	/// From this block on [default: the first]
	#[arg(long, value_parser = args::number, value_name = "BLOCK")]
	from: Option<BlockNumber>,
	/// Up to this block [default: the last final one]
	#[arg(long, value_parser = args::number, value_name = "BLOCK")]
	to: Option<BlockNumber>,
}

/// What could not be checked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unchecked {
	check: Check,
	times: u32,
	first_block: BlockNumber,
	last_block: BlockNumber,
	reason: &'static str,
}

/// What does not hold.
#[derive(Serialize)]
struct Finding {
	#[serde(flatten)]
	violation: Violation,
	rule: &'static str,
	message: String,
}

/// What was checked, and what came of it.
#[derive(Serialize)]
pub struct Audited {
	from: Head,
	to: Head,
	blocks: u32,
	beginning: Beginning,
	checked: BTreeMap<&'static str, u32>,
	unchecked: Vec<Unchecked>,
	violations: Vec<Finding>,
	#[serde(skip)]
	report: audit::Report,
}

impl From<audit::Report> for Audited {
	fn from(report: audit::Report) -> Self {
		let findings = &report.findings;
		let unchecked = findings.skipped.iter().map(|(check, skipped)| Unchecked {
			check: *check,
			times: skipped.times,
			first_block: skipped.first,
			last_block: skipped.last,
			reason: check.reason(),
		});
		let violations = findings.violations.iter().map(|violation| Finding {
			violation: *violation,
			rule: violation.refusal.rule(),
			message: violation.refusal.text().into(),
		});
		Self {
			from: report.from,
			to: report.to,
			blocks: findings.blocks,
			beginning: report.beginning,
			checked: findings.held.iter().map(|(check, times)| (check.name(), *times)).collect(),
			unchecked: unchecked.collect(),
			violations: violations.collect(),
			report,
		}
	}
}

impl Report for Audited {
	fn human(&self) -> String {
		let beginning = match self.beginning {
			Beginning::Genesis => "the empty database of genesis",
			Beginning::Stored => "the database that the node keeps",
			Beginning::Folded => "a database made of earlier sidecars",
		};
		let Self { from, to, blocks, .. } = self;
		let rows: Vec<_> = Check::ALL
			.iter()
			.map(|check| {
				let held = self.checked.get(check.name()).copied().unwrap_or_default();
				[held.to_string(), check.text().to_owned()]
			})
			.collect();
		let mut lines = vec![
			format!("{blocks} blocks, {} to {}, from {beginning} on", from.number, to.number),
			table(["held", "check"], &rows),
		];
		lines.extend(self.unchecked.iter().map(|unchecked| {
			let Unchecked { check, times, first_block, last_block, reason } = unchecked;
			let text = check.text();
			format!(
				"not checked {times} times (blocks {first_block} to {last_block}): {text}; {reason}"
			)
		}));
		lines.extend(self.violations.iter().map(|found| found.violation.to_string()));
		lines.push(match self.violations.len() {
			0 if self.unchecked.is_empty() => "the evidence holds".into(),
			0 => "the evidence holds as far as it was checked".into(),
			count => format!("THE EVIDENCE DOES NOT HOLD: {count} findings"),
		});
		lines.join("\n")
	}

	fn verdict(&self) -> Result<()> {
		Ok(self.report.verdict()?)
	}
}

impl Opts {
	/// Verifies.
	pub async fn run(self, context: &Context) -> Result<Audited> {
		let connection = context.connect().await?;
		let report = audit::audit(&connection, self.from, self.to, &*context.progress()).await?;
		Ok(report.into())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;
	use spb_client::{
		audit::{Findings, Skipped},
		error::{Classify, Kind},
	};
	use spb_primitives::{CtpId, Refusal};

	fn report() -> audit::Report {
		let head = |number| Head { number, hash: H256::repeat_byte(9) };
		let mut findings = Findings { blocks: 7, ..Findings::default() };
		findings.held.insert(Check::Receipt, 3);
		let skipped = Skipped { times: 2, first: 4, last: 6 };
		findings.skipped.insert(Check::MeterStanding, skipped);
		findings.violations.push(Violation {
			block: head(5),
			ctp: Some(CtpId(H256::repeat_byte(1))),
			refusal: Refusal::WrongReceiptKey,
		});
		audit::Report { from: head(2), to: head(8), beginning: Beginning::Stored, findings }
	}

	#[test]
	fn output_should_keep_its_shape() {
		let hash = H256::repeat_byte(9);
		let block = |number: u32| json!({ "number": number, "hash": hash });
		let expected = json!({
			"from": block(2),
			"to": block(8),
			"blocks": 7,
			"beginning": "stored",
			"checked": {
				"seal": 0,
				"sidecar": 0,
				"lifetime": 0,
				"length": 0,
				"consumerSignature": 0,
				"quote": 0,
				"meterProof": 0,
				"meterStanding": 0,
				"receipt": 3,
				"root": 0,
			},
			"unchecked": [{
				"check": "meterStanding",
				"times": 2,
				"firstBlock": 4,
				"lastBlock": 6,
				"reason": Check::MeterStanding.reason(),
			}],
			"violations": [{
				"block": block(5),
				"ctp": H256::repeat_byte(1),
				"code": "WrongReceiptKey",
				"rule": "R3",
				"message": Refusal::WrongReceiptKey.text(),
			}],
		});
		assert_eq!(result_of(&Audited::from(report())), expected);
	}

	#[test]
	fn findings_should_be_told_and_fail_the_command() {
		let mut report = report();
		let found = Audited::from(report.clone());
		let text = found.human();
		assert!(text.contains("block 5") && text.contains("DOES NOT HOLD"), "{text}");
		let error = found.verdict().unwrap_err();
		assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "WrongReceiptKey"));
		report.findings.violations.clear();
		let in_part = Audited::from(report.clone());
		assert!(in_part.human().ends_with("the evidence holds as far as it was checked"));
		assert!(in_part.verdict().is_ok());
		report.findings.skipped.clear();
		let good = Audited::from(report);
		assert!(good.human().ends_with("the evidence holds"));
		assert!(good.verdict().is_ok());
	}
}
