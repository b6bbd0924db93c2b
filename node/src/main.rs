//! `spb-node`: validator, full node and RPC server of an SPB chain.

fn main() -> sc_cli::Result<()> {
	spb_node::command::run()
}
