//! Letters over a backbone node that changes every packet, one part of it at a time, as those see them who
//! look at the packets themselves.

use super::hostile::{lies, until, HOSTILE};
use spb_primitives::relay::{ContactKey, NodeIdentifier};
use spb_testbed::relay::correspondent::{key_of, packet, send, Correspondent};
use spb_tests::faults::{Chain, Result, Trial};

/// The parts that the node changes, by the names that it has for them in its log.
const PARTS: [&str; 6] = ["Sealed", "To", "From", "Nonce", "SentAt", "Hops"];
/// An honest node.
const HONEST: usize = 0;

/// One is attached to the hostile node and one to an honest one, and they write to each other: six
/// letters each way, each of them rewritten in another part. Whatever is opened is what was written, and
/// that is only the one of which nothing but the hops was changed.
pub async fn letters(trial: &mut Trial, chain: &Chain, listed: &[NodeIdentifier]) -> Result<()> {
	let attach = |place: usize| async move {
		let secret = key_of(&listed[place], listed)?;
		Correspondent::attach(&chain.connections[place], secret).await
	};
	let (mut inside, mut outside) = (attach(HOSTILE).await?, attach(HONEST).await?);

	// The one whose recipient was rewritten waits at the other node for nobody.
	write(chain, HOSTILE, inside.key(), outside.key()).await?;
	let from_node = read(&mut outside, PARTS.len() - 1).await?;
	// A client gets everything that the hostile node has for its attachment.
	write(chain, HONEST, outside.key(), inside.key()).await?;
	let from_client = read(&mut inside, PARTS.len()).await?;
	for opened in [from_node, from_client] {
		if opened.len() != 1 {
			return Err(format!("of rewritten letters these were opened: {opened:?}").into());
		}
	}

	until("not every part of a packet was rewritten both ways", || async {
		let told = lies(chain)?;
		let times = |part: &str| {
			let end = format!("rewritten: {part}");
			told.iter().filter(|lie| lie.ends_with(&end)).count()
		};
		Ok(PARTS.into_iter().all(|part| times(part) >= 2).then_some(()))
	})
	.await?;
	trial.note(format!(
		"of {} letters each way the hostile node rewrote one part each ({}), and only the one whose hops \
		 were rewritten could be opened",
		PARTS.len(),
		PARTS.join(", ")
	));
	Ok(())
}

/// What the letter says whose place this is.
fn text(place: usize) -> String {
	format!("letter {place}")
}

/// Writes as many letters as there are parts, through this node.
async fn write(chain: &Chain, through: usize, from: ContactKey, to: ContactKey) -> Result<()> {
	for place in 0..PARTS.len() {
		let packet = packet(from, to, text(place).as_bytes())?;
		send(&chain.connections[through], &packet).await?;
	}
	Ok(())
}

/// Waits for so many packets; gives what those say that can be opened, all of which was written.
async fn read(recipient: &mut Correspondent, packets: usize) -> Result<Vec<String>> {
	let mut opened = Vec::new();
	for _ in 0..packets {
		let packet = recipient.next().await?;
		let Ok(content) = recipient.read(&packet) else { continue };
		let content = String::from_utf8_lossy(&content).into_owned();
		if !(0..PARTS.len()).any(|place| text(place) == content) {
			return Err(format!("a letter says what nobody wrote: {content}").into());
		}
		opened.push(content);
	}
	Ok(opened)
}
