//! How far an evaluation is: a bar in a terminal, a line for each part elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// How long an evaluation may be silent where there is no terminal.
const SILENCE: Duration = Duration::from_secs(60);

/// The progress of an evaluation.
#[derive(Debug)]
pub struct Progress {
	bar: ProgressBar,
	spoken: std::sync::Mutex<Instant>,
}

impl Progress {
	/// Of so many steps.
	pub fn new(steps: u64) -> Self {
		let template = "{elapsed_precise} {bar:30} {pos}/{len} {msg} (about {eta} left)";
		let style =
			ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
		// It draws on standard error, and nothing where that is no terminal.
		let bar = ProgressBar::new(steps).with_style(style);
		bar.enable_steady_tick(Duration::from_millis(500));
		Self { bar, spoken: Instant::now().into() }
	}

	/// A part begins.
	pub fn begin(&self, part: &str) {
		self.bar.set_message(part.to_owned());
		self.say(part);
	}

	/// A step is done.
	pub fn step(&self) {
		self.steps(1);
	}

	/// So many steps are done, or were done in an earlier session.
	pub fn steps(&self, steps: u64) {
		self.bar.inc(steps);
		let is_due = self.spoken.lock().is_ok_and(|spoken| spoken.elapsed() > SILENCE);
		if is_due {
			self.say(&self.bar.message());
		}
	}

	/// How many steps are done.
	pub fn position(&self) -> u64 {
		self.bar.position()
	}

	/// Only so many steps are done after all.
	pub fn back_to(&self, steps: u64) {
		self.bar.set_position(steps);
	}

	/// Tells something that whoever looks should know, with a terminal and without.
	pub fn tell(&self, text: &str) {
		self.bar.suspend(|| eprintln!("{text}"));
	}

	fn say(&self, text: &str) {
		if self.bar.is_hidden() {
			let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
			eprintln!("{:>5} s  {done}/{all}  {text}", self.bar.elapsed().as_secs());
		}
		if let Ok(mut spoken) = self.spoken.lock() {
			*spoken = Instant::now();
		}
	}

	/// The evaluation is over.
	pub fn end(&self) {
		self.bar.finish_and_clear();
	}
}
