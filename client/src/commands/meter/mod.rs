//! `spb meter`: the meter, its certificates and its one-time keys.

mod network;

use crate::{
	args,
	context::Context,
	output::{table, Answer, Report},
};
use serde::Serialize;
use sp_core::H256;
use spb_client::{
	files::{read_document, to_hex, write_document, Replace},
	meter::{last_block, CoeDocument, CoeRequestDocument, Meter, MeterCertificate, MeterInfo},
	Error, Result,
};
use spb_primitives::{BlockNumber, ManufacturerId, MeterKey, VaultId};
use std::path::PathBuf;

/// What there is to do with the meter.
#[derive(clap::Subcommand)]
pub enum Command {
	/// Make a meter in the state directory
	Init {
		/// Go on with a copy from `spb meter backup`, with new trees
		#[arg(long, value_name = "FILE")]
		restore: Option<PathBuf>,
	},
	/// Copy the meter's state to a file, to be restored if it is lost
	Backup {
		/// Where to write the copy
		file: PathBuf,
	},
	/// Certify a meter with its manufacturer's key, or keep such a certificate
	Certify(Certify),
	/// Let the meter sign for a vault, and for no other that was not named so
	Pair {
		/// The vault's number
		#[arg(value_parser = args::number)]
		vault: VaultId,
	},
	/// Show the meter, its trees and how many one-time keys are left
	Keys,
	/// Have another meter certify a tree of one-time keys, over the backbone or by files
	Coe(CoeOpts),
	/// Certify the trees of other meters that ask over the backbone, until interrupted
	Answer(network::Respond),
	/// List the meter on the chain as one that certifies others
	List,
	/// Take the meter off the list
	Unlist,
}

/// The options of `spb meter coe`: over the backbone, or by files.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CoeOpts {
	#[command(subcommand)]
	files: Option<Coe>,
	#[command(flatten)]
	issue: network::Issue,
}

/// The options of `spb meter certify`.
#[derive(clap::Args)]
pub struct Certify {
	/// The manufacturer's number
	#[arg(long, required_unless_present = "import", value_name = "NUMBER")]
	manufacturer: Option<ManufacturerId>,
	/// The file with the manufacturer's key (or a development key with --dev)
	#[arg(long, value_name = "FILE")]
	key: Option<PathBuf>,
	/// Certify the meter with this key and write the certificate to --out, instead of our own
	#[arg(long, value_parser = args::meter_key, requires = "out", value_name = "HEX")]
	meter: Option<MeterKey>,
	/// Where to write the certificate of another meter
	#[arg(long, requires = "meter", value_name = "FILE")]
	out: Option<PathBuf>,
	/// Keep a certificate that was made for our meter elsewhere
	#[arg(long, conflicts_with_all = ["manufacturer", "key", "meter", "out"], value_name = "FILE")]
	import: Option<PathBuf>,
}

/// What there is to do with Certificates of Existence in files.
#[derive(clap::Subcommand)]
pub enum Coe {
	/// Make a tree of one-time keys and ask another meter to sign it
	Request {
		/// How many one-time keys, up to 65536
		#[arg(long, default_value = "1024", value_parser = args::number, value_name = "KEYS")]
		leaves: u32,
		/// How long CTPs may use its keys at the most: until the last multiple of 28800 among these
		/// blocks, which many certificates share
		#[arg(long, default_value = "201600", value_parser = args::number, value_name = "BLOCKS")]
		valid_for: BlockNumber,
		/// Where to write the request
		#[arg(long, value_name = "FILE")]
		out: PathBuf,
	},
	/// Sign another meter's tree
	Sign {
		/// The other meter's request
		request: PathBuf,
		/// How long CTPs may use its keys at the most, whatever was asked for: until the last multiple of
		/// 28800 among these blocks, which many certificates share
		#[arg(long, default_value = "201600", value_parser = args::number, value_name = "BLOCKS")]
		valid_for: BlockNumber,
		/// Where to write the certificate
		#[arg(long, value_name = "FILE")]
		out: PathBuf,
	},
	/// Keep the certificate that another meter made
	Import {
		/// The certificate
		certificate: PathBuf,
	},
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
	key: String,
}

impl Report for Made {
	fn human(&self) -> String {
		self.key.clone()
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
	file: PathBuf,
}

impl Report for Written {
	fn human(&self) -> String {
		format!("written to {}", self.file.display())
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Certified {
	meter: String,
	manufacturer: ManufacturerId,
	file: Option<PathBuf>,
}

impl Report for Certified {
	fn human(&self) -> String {
		let text = format!("meter {} certified by manufacturer {}", self.meter, self.manufacturer);
		match &self.file {
			Some(file) => format!("{text}, in {}", file.display()),
			None => text,
		}
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Paired {
	vault: VaultId,
}

impl Report for Paired {
	fn human(&self) -> String {
		format!("the meter signs for vault {}", self.vault)
	}
}

impl Report for MeterInfo {
	fn human(&self) -> String {
		let manufacturer = match self.manufacturer {
			Some(id) => format!("certified by manufacturer {id}"),
			None => "not certified on this chain".into(),
		};
		let paired = match self.paired.as_slice() {
			[] => "signs for the first vault that asks".into(),
			vaults => {
				let numbers: Vec<_> = vaults.iter().map(ToString::to_string).collect();
				format!("signs for vault {}", numbers.join(", "))
			},
		};
		let rows: Vec<_> = self
			.trees
			.iter()
			.map(|tree| {
				let coe = match tree.valid_until {
					_ if tree.closed => "closed".into(),
					Some(block) => format!("until block {block}"),
					None => "none".into(),
				};
				let used = format!("{} of {}", tree.next_leaf, tree.leaves);
				let vault = tree.vault.map_or_else(|| "-".into(), |vault| vault.to_string());
				[tree.number.to_string(), used, coe, vault, format!("{:?}", tree.root)]
			})
			.collect();
		let trees = table(["tree", "keys used", "certificate", "vault", "root"], &rows);
		format!(
			"meter {}\n{manufacturer}; {paired}\n{} one-time keys left\n{trees}",
			self.key, self.keys_left
		)
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Requested {
	root: H256,
	leaves: u32,
	valid_until: BlockNumber,
	file: PathBuf,
}

impl Report for Requested {
	fn human(&self) -> String {
		format!("request for {} keys in {}", self.leaves, self.file.display())
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
	root: H256,
	leaves: u32,
	valid_until: BlockNumber,
	file: Option<PathBuf>,
}

impl Report for Signed {
	fn human(&self) -> String {
		let text = format!("{} keys certified until block {}", self.leaves, self.valid_until);
		match &self.file {
			Some(file) => format!("{text}, in {}", file.display()),
			None => text,
		}
	}
}

impl Signed {
	fn of(document: &CoeDocument, file: Option<PathBuf>) -> Self {
		let coe = document.coe();
		Self { root: coe.root, leaves: coe.leaves, valid_until: coe.valid_until, file }
	}
}

impl Command {
	/// The command's name in JSON output.
	pub fn name(&self) -> &'static str {
		match self {
			Self::Init { .. } => "meter init",
			Self::Backup { .. } => "meter backup",
			Self::Certify(_) => "meter certify",
			Self::Pair { .. } => "meter pair",
			Self::Keys => "meter keys",
			Self::Coe(opts) => match &opts.files {
				None => "meter coe",
				Some(Coe::Request { .. }) => "meter coe request",
				Some(Coe::Sign { .. }) => "meter coe sign",
				Some(Coe::Import { .. }) => "meter coe import",
			},
			Self::Answer(_) => "meter answer",
			Self::List => "meter list",
			Self::Unlist => "meter unlist",
		}
	}

	/// Runs the command; one that has written what it has to say itself answers nothing.
	pub async fn run(self, context: &Context) -> Result<Option<Answer>> {
		let answer = match self {
			Self::Init { restore } => {
				let directory = context.directory.clone();
				let meter = match restore {
					Some(copy) => Meter::restore(directory, &copy)?,
					None => Meter::create(directory)?,
				};
				Answer::of(&Made { key: to_hex(&meter.key()?.0) })
			},
			Self::Backup { file } => {
				context.meter()?.back_up(&file)?;
				Answer::of(&Written { file })
			},
			Self::Certify(opts) => Answer::of(&opts.run(context).await?),
			Self::Pair { vault } => {
				let meter = context.meter()?;
				meter.pair_with(&context.connect().await?.genesis(), vault)?;
				Answer::of(&Paired { vault })
			},
			Self::Keys => {
				let meter = context.meter()?;
				let connection = context.connect().await?;
				let now = connection.best().await?.number;
				Answer::of(&meter.info(&connection.genesis(), now)?)
			},
			Self::Coe(CoeOpts { files: None, issue }) => return issue.run(context).await,
			Self::Coe(CoeOpts { files: Some(coe), .. }) => coe.run(context).await,
			Self::Answer(opts) => return opts.run(context).await,
			Self::List => network::list(context).await,
			Self::Unlist => network::unlist(context).await,
		};
		answer.map(Some)
	}
}

impl Certify {
	async fn run(self, context: &Context) -> Result<Certified> {
		if let Some(path) = &self.import {
			let certificate: MeterCertificate = read_document(path)?;
			return keep(context, &context.meter()?, &certificate).await;
		}
		let manufacturer = self
			.manufacturer
			.ok_or_else(|| Error::input("name the manufacturer with --manufacturer"))?;
		let key = context.manufacturer_key(self.key.as_deref())?;
		if let (Some(meter), Some(out)) = (self.meter, self.out) {
			let genesis = context.connect().await?.genesis();
			let certificate = MeterCertificate::sign(&key, manufacturer, meter, &genesis);
			write_document(&out, &certificate, Replace::No)?;
			return Ok(Certified { meter: to_hex(&meter.0), manufacturer, file: Some(out) });
		}
		let meter = context.meter()?;
		let genesis = context.connect().await?.genesis();
		let certificate = MeterCertificate::sign(&key, manufacturer, meter.key()?, &genesis);
		keep(context, &meter, &certificate).await
	}
}

/// Has the meter keep a certificate that holds on the chain.
async fn keep(
	context: &Context,
	meter: &Meter,
	certificate: &MeterCertificate,
) -> Result<Certified> {
	let connection = context.connect().await?;
	let (manufacturer, key) = (certificate.manufacturer(), certificate.meter());
	let register = connection.best_view().await?.register(manufacturer, &key).await?;
	meter.keep_certificate(certificate, &connection.genesis(), &register)?;
	Ok(Certified { meter: to_hex(&key.0), manufacturer, file: None })
}

impl Coe {
	async fn run(self, context: &Context) -> Result<Answer> {
		let meter = context.meter()?;
		let connection = context.connect().await?;
		let genesis = connection.genesis();
		match self {
			Self::Request { leaves, valid_for, out } => {
				let valid_until = last_block(connection.best().await?.number, valid_for)?;
				let write = |asked: &CoeRequestDocument| write_document(&out, asked, Replace::No);
				let progress = context.progress();
				let asked = meter.request_coe(leaves, valid_until, &genesis, &*progress, write)?;
				let root = asked.request().root;
				Answer::of(&Requested { root, leaves, valid_until, file: out })
			},
			Self::Sign { request, valid_for, out } => {
				let asked: CoeRequestDocument = read_document(&request)?;
				let view = connection.best_view().await?;
				let request = asked.request();
				let register = view.register(request.manufacturer, &request.requester).await?;
				let now = view.head().number;
				let latest = last_block(now, valid_for)?;
				let document = meter.sign_coe(&asked, latest, now, &genesis, &register)?;
				write_document(&out, &document, Replace::No)?;
				Answer::of(&Signed::of(&document, Some(out)))
			},
			Self::Import { certificate } => {
				let document: CoeDocument = read_document(&certificate)?;
				let view = connection.best_view().await?;
				let (coe, now) = (document.coe(), view.head().number);
				let register = view.register(coe.manufacturer, &coe.signer).await?;
				meter.keep_coe(&document, now, &genesis, &register)?;
				Answer::of(&Signed::of(&document, None))
			},
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;
	use spb_client::meter::TreeInfo;

	/// A meter with one tree.
	fn info() -> MeterInfo {
		let tree = TreeInfo {
			number: 4,
			root: H256::repeat_byte(1),
			leaves: 16,
			next_leaf: 5,
			closed: false,
			valid_until: Some(900),
			vault: Some(3),
		};
		MeterInfo {
			key: "0x02".into(),
			manufacturer: Some(1),
			paired: vec![3],
			trees: vec![tree],
			keys_left: 11,
			issued: 5,
			measured_wh: 700,
			counted_wh: 600,
		}
	}

	#[test]
	fn a_meter_should_keep_its_shape() {
		let expected = json!({
			"key": "0x02",
			"manufacturer": 1,
			"paired": [3],
			"trees": [{
				"number": 4,
				"root": H256::repeat_byte(1),
				"leaves": 16,
				"nextLeaf": 5,
				"closed": false,
				"validUntil": 900,
				"vault": 3,
			}],
			"keysLeft": 11,
			"issued": 5,
			"measuredWh": 700,
			"countedWh": 600,
		});
		assert_eq!(result_of(&info()), expected);
		let text = info().human();
		assert!(text.contains("11 one-time keys left") && text.contains("5 of 16"), "{text}");
		let fresh = MeterInfo { manufacturer: None, paired: Vec::new(), ..info() };
		assert!(fresh.human().contains("not certified on this chain; signs for the first vault"));
	}

	#[test]
	fn output_should_keep_its_shape() {
		assert_eq!(result_of(&Made { key: "0x02".into() }), json!({ "key": "0x02" }));
		assert_eq!(result_of(&Written { file: "f".into() }), json!({ "file": "f" }));
		assert_eq!(result_of(&Paired { vault: 3 }), json!({ "vault": 3 }));
		let certified = Certified { meter: "0x02".into(), manufacturer: 1, file: None };
		let expected = json!({ "meter": "0x02", "manufacturer": 1, "file": null });
		assert_eq!(result_of(&certified), expected);
		let root = H256::repeat_byte(1);
		let requested = Requested { root, leaves: 16, valid_until: 900, file: "f".into() };
		let expected = json!({ "root": root, "leaves": 16, "validUntil": 900, "file": "f" });
		assert_eq!(result_of(&requested), expected);
		let signed = Signed { root, leaves: 16, valid_until: 900, file: Some("f".into()) };
		let expected = json!({ "root": root, "leaves": 16, "validUntil": 900, "file": "f" });
		assert_eq!(result_of(&signed), expected);
	}
}
