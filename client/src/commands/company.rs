//! `spb company`: an energy company certifies producers.

use super::account::CertificateDocument;
use crate::{
	args,
	context::Context,
	output::{Answer, Report},
};
use serde::Serialize;
use spb_client::{
	files::{write_document, Encoded, Replace},
	Result,
};
use spb_primitives::{AccountId, BlockNumber, Certificate};
use std::path::PathBuf;

/// What there is to do for energy companies.
#[derive(clap::Subcommand)]
pub enum Command {
	/// Certify a producer, with the company's account key
	Certify(Certify),
}

/// The options of `spb company certify`.
#[derive(clap::Args)]
pub struct Certify {
	/// The producer's account
	#[arg(value_parser = args::account)]
	account: AccountId,
	/// How long the certificate can open an account
	#[arg(long, default_value = "28800", value_parser = args::number, value_name = "BLOCKS")]
	valid_for: BlockNumber,
	/// Where to write the certificate
	#[arg(long, value_name = "FILE")]
	out: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Certified {
	account: AccountId,
	company: AccountId,
	valid_until: BlockNumber,
	file: PathBuf,
}

impl Report for Certified {
	fn human(&self) -> String {
		let (account, file) = (&self.account, self.file.display());
		format!("certificate for {account} until block {} in {file}", self.valid_until)
	}
}

impl Command {
	/// The command's name in JSON output.
	pub fn name(&self) -> &'static str {
		match self {
			Self::Certify(_) => "company certify",
		}
	}

	/// Runs the command.
	pub async fn run(self, context: &Context) -> Result<Answer> {
		match self {
			Self::Certify(opts) => Answer::of(&opts.run(context).await?),
		}
	}
}

impl Certify {
	async fn run(self, context: &Context) -> Result<Certified> {
		let key = context.key()?;
		let connection = context.connect().await?;
		let genesis = connection.genesis();
		let valid_until = connection.best().await?.number.saturating_add(self.valid_for);
		let (account, company) = (self.account, key.account());
		let payload = Certificate::payload(&account, &company, valid_until, &genesis);
		let signature = key.sign(&payload);
		let certificate = Certificate {
			account: account.clone(),
			company: company.clone(),
			valid_until,
			signature,
		};
		let document = CertificateDocument { genesis, certificate: Encoded(certificate) };
		write_document(&self.out, &document, Replace::No)?;
		Ok(Certified { account, company, valid_until, file: self.out })
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;

	#[test]
	fn output_should_keep_its_shape() {
		let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
		let account = args::account(alice).unwrap();
		let company = account.clone();
		let report = Certified { account, company, valid_until: 9, file: "a.json".into() };
		let expected =
			json!({ "account": alice, "company": alice, "validUntil": 9, "file": "a.json" });
		assert_eq!(result_of(&report), expected);
	}
}
