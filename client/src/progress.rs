//! How long work reports how far it has come: to a bar in a terminal, or to nobody.

use std::sync::Mutex;

/// Is told how far long work has come. `()` does not listen.
pub trait Progress: Send + Sync {
	/// Work of so many steps begins; `None` if nobody knows how many.
	fn begin(&self, what: &str, steps: Option<u64>);
	/// So many steps are done.
	fn at(&self, step: u64);
	/// The work is over.
	fn end(&self);
}

impl Progress for () {
	fn begin(&self, _: &str, _: Option<u64>) {}
	fn at(&self, _: u64) {}
	fn end(&self) {}
}

/// A bar on standard error, if that is a terminal.
#[derive(Debug, Default)]
pub struct Bar {
	bar: Mutex<Option<indicatif::ProgressBar>>,
}

impl Bar {
	fn with(&self, f: impl FnOnce(&mut Option<indicatif::ProgressBar>)) {
		// A bar that another thread left half drawn is still a bar.
		f(&mut self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
	}
}

impl Progress for Bar {
	fn begin(&self, what: &str, steps: Option<u64>) {
		// indicatif draws on standard error, and nothing where that is no terminal.
		let bar = match steps {
			Some(steps) => {
				let style = indicatif::ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}")
					.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
				indicatif::ProgressBar::new(steps).with_style(style)
			},
			None => {
				let bar = indicatif::ProgressBar::new_spinner();
				bar.enable_steady_tick(std::time::Duration::from_millis(200));
				bar
			},
		};
		bar.set_message(what.to_owned());
		self.with(|slot| *slot = Some(bar));
	}

	fn at(&self, step: u64) {
		self.with(|slot| {
			if let Some(bar) = slot {
				bar.set_position(step);
			}
		});
	}

	fn end(&self) {
		self.with(|slot| {
			if let Some(bar) = slot.take() {
				bar.finish_and_clear();
			}
		});
	}
}
