//! The end that someone asks for.

use tokio::signal::unix::{signal, SignalKind};

/// Ends when someone wants this program to end: by SIGINT or SIGTERM.
pub async fn interrupted() {
	let (Ok(mut interrupt), Ok(mut terminate)) =
		(signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
	else {
		// Without a handler the system ends the process.
		return std::future::pending().await;
	};
	tokio::select! {
		_ = interrupt.recv() => {},
		_ = terminate.recv() => {},
	}
}
