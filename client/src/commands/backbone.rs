//! `spb backbone`: the nodes that carry letters.

use crate::{
	args,
	context::Context,
	output::{table, Answer, Report},
};
use serde::Serialize;
use spb_client::{
	chain::{calls, BackboneNode},
	connection::{Head, RelayStatus},
	Result,
};
use spb_primitives::relay::NodeIdentifier;

/// What there is to do with the backbone.
#[derive(clap::Subcommand)]
pub enum Command {
	/// List the nodes
	List,
	/// Let our own node, the one at --url, carry letters
	Join {
		/// The WebSocket address at which others reach it
		#[arg(value_parser = args::node_address)]
		address: String,
	},
	/// Give our node another address
	Update {
		/// The WebSocket address at which others reach it
		#[arg(value_parser = args::node_address)]
		address: String,
	},
	/// Let our node carry letters no longer
	Leave,
	/// Show what the node at --url does for the backbone
	Status,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
	nodes: Vec<BackboneNode>,
}

impl Report for Listed {
	fn human(&self) -> String {
		let row = |node: &BackboneNode| {
			[format!("{:?}", node.identifier), node.address.clone(), node.owner.to_string()]
		};
		let rows: Vec<_> = self.nodes.iter().map(row).collect();
		table(["node", "address", "owner"], &rows)
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
	/// `joined`, `updated` or `left`.
	action: &'static str,
	/// The node, if it is known here.
	node: Option<NodeIdentifier>,
	block: Head,
}

impl Report for Changed {
	fn human(&self) -> String {
		match self.node {
			Some(node) => format!("{}: node {node}", self.action),
			None => self.action.into(),
		}
	}
}

impl Report for RelayStatus {
	fn human(&self) -> String {
		let listed = if self.listed { "listed" } else { "not listed" };
		[
			format!("node      {} ({listed})", self.node),
			format!("knows     {} of {} nodes, {} absent", self.known, self.nodes, self.absent),
			format!("attached  {} keys", self.attached),
			format!("waiting   {} packets, {} bytes", self.waiting, self.waiting_bytes),
		]
		.join("\n")
	}
}

impl Command {
	/// The command's name in JSON output.
	pub fn name(&self) -> &'static str {
		match self {
			Self::List => "backbone list",
			Self::Join { .. } => "backbone join",
			Self::Update { .. } => "backbone update",
			Self::Leave => "backbone leave",
			Self::Status => "backbone status",
		}
	}

	/// Runs the command.
	pub async fn run(self, context: &Context) -> Result<Answer> {
		if let Self::List = self {
			let nodes = context.connect().await?.best_view().await?.backbone().await?;
			return Answer::of(&Listed { nodes });
		}
		if let Self::Status = self {
			return Answer::of(&context.connect().await?.relay_status().await?);
		}
		let key = context.key()?;
		let connection = context.connect().await?;
		let account = key.account();
		let (action, node, included) = match self {
			Self::Join { address } => {
				let consent = connection.relay_consent(&account).await?;
				let call = calls::join_backbone(&consent, &address);
				let included = connection.submit_and_wait(&call, &key).await?;
				("joined", Some(consent.node), included)
			},
			Self::Update { address } => {
				let call = calls::update_backbone(&address);
				("updated", None, connection.submit_and_wait(&call, &key).await?)
			},
			_ => {
				let call = calls::leave_backbone();
				("left", None, connection.submit_and_wait(&call, &key).await?)
			},
		};
		Answer::of(&Changed { action, node, block: included.block })
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;
	use spb_primitives::{AccountId, Money};

	#[test]
	fn output_should_keep_its_shape() {
		let identifier = NodeIdentifier(H256::repeat_byte(1));
		let node = BackboneNode {
			identifier,
			address: "ws://127.0.0.1:9944".into(),
			owner: AccountId::new([2; 32]),
			deposit: Money::from_units(5),
		};
		let expected = json!({ "nodes": [{
			"identifier": H256::repeat_byte(1),
			"address": "ws://127.0.0.1:9944",
			"owner": AccountId::new([2; 32]),
			"deposit": "5",
		}] });
		assert_eq!(result_of(&Listed { nodes: vec![node] }), expected);
		let block = Head { number: 7, hash: H256::repeat_byte(9) };
		let joined = Changed { action: "joined", node: Some(identifier), block };
		let expected = json!({
			"action": "joined",
			"node": H256::repeat_byte(1),
			"block": { "number": 7, "hash": block.hash },
		});
		assert_eq!(result_of(&joined), expected);
		assert_eq!(Changed { action: "left", node: None, block }.human(), "left");
	}
}
