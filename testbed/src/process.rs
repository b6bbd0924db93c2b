//! Processes under guard: killed when their guard is dropped, also on panic, their output kept.

use nix::{
	sys::signal::{kill, Signal},
	unistd::Pid,
};
use std::{
	collections::VecDeque,
	fs::File,
	io::{self, BufRead, BufReader, Write},
	path::PathBuf,
	process::{Child, Command, ExitStatus, Stdio},
	sync::{
		mpsc::{self, Receiver, RecvTimeoutError, Sender},
		Arc, Mutex, PoisonError,
	},
	thread::JoinHandle,
	time::{Duration, Instant},
};

/// How many of the last lines are shown when something goes wrong.
const TAIL: usize = 60;
/// Between two looks at whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// A running process whose standard error is copied to a file.
///
/// Dropping it kills the process and waits until it is gone.
#[derive(Debug)]
pub struct Guarded {
	child: Child,
	lines: Mutex<Receiver<String>>,
	tail: Arc<Mutex<VecDeque<String>>>,
	copier: Option<JoinHandle<()>>,
}

/// Why a line that was waited for did not come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoLine {
	/// The process has closed its output: it has ended.
	Ended,
	/// It was waited for too long.
	TimedOut,
}

impl Guarded {
	/// Starts a process; its standard error is added to `log`.
	pub fn start(command: &mut Command, log: File) -> io::Result<Self> {
		command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
		let mut child = command.spawn()?;
		let tail = Arc::new(Mutex::new(VecDeque::with_capacity(TAIL)));
		let (sender, lines) = mpsc::channel();
		let copier = child.stderr.take().map(|output| {
			let tail = tail.clone();
			std::thread::spawn(move || copy(BufReader::new(output), log, &tail, &sender))
		});
		Ok(Self { child, lines: Mutex::new(lines), tail, copier })
	}

	/// The process's number.
	pub fn id(&self) -> u32 {
		self.child.id()
	}

	/// Waits for a line of which `pick` makes something.
	pub fn wait_for_line<T>(
		&self,
		limit: Duration,
		mut pick: impl FnMut(&str) -> Option<T>,
	) -> Result<T, NoLine> {
		let begun = Instant::now();
		let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
		loop {
			let left = limit.saturating_sub(begun.elapsed());
			match lines.recv_timeout(left) {
				Ok(line) => {
					if let Some(found) = pick(&line) {
						return Ok(found);
					}
				},
				Err(RecvTimeoutError::Disconnected) => return Err(NoLine::Ended),
				Err(RecvTimeoutError::Timeout) => return Err(NoLine::TimedOut),
			}
		}
	}

	/// The last lines of its output.
	pub fn tail(&self) -> String {
		let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
		tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
	}

	/// Asks the process to end and waits for it; kills it if that takes longer than `limit`.
	pub fn stop(&mut self, limit: Duration) -> io::Result<ExitStatus> {
		if let Some(status) = self.child.try_wait()? {
			return Ok(status);
		}
		kill(self.pid()?, Signal::SIGTERM).map_err(io::Error::from)?;
		// Its output ends when it does.
		if self.wait_for_line(limit, |_| None::<()>) == Err(NoLine::TimedOut) {
			self.child.kill()?;
		}
		self.child.wait()
	}

	/// Waits until the process has ended, but not for long; how it ended, if it has.
	pub fn end(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
		let begun = Instant::now();
		loop {
			match self.child.try_wait()? {
				None if begun.elapsed() < limit => std::thread::sleep(LOOK),
				ended => return Ok(ended),
			}
		}
	}

	/// How the process ended, if it has.
	pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
		self.child.try_wait()
	}

	/// Takes the processor from the process (SIGSTOP), until [`Self::resume`].
	pub fn pause(&self) -> io::Result<()> {
		kill(self.pid()?, Signal::SIGSTOP).map_err(io::Error::from)
	}

	/// Lets a paused process go on (SIGCONT).
	pub fn resume(&self) -> io::Result<()> {
		kill(self.pid()?, Signal::SIGCONT).map_err(io::Error::from)
	}

	/// Kills the process on the spot (SIGKILL) and waits until it is gone.
	pub fn kill(&mut self) -> io::Result<ExitStatus> {
		self.child.kill()?;
		self.child.wait()
	}

	fn pid(&self) -> io::Result<Pid> {
		let id = i32::try_from(self.child.id());
		id.map(Pid::from_raw).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
	}
}

impl Drop for Guarded {
	fn drop(&mut self) {
		// It may be gone already; then there is nothing to do.
		let _ = self.kill();
		if let Some(copier) = self.copier.take() {
			// A copier that panicked has nothing more to say.
			let _ = copier.join();
		}
	}
}

fn copy(
	output: impl BufRead,
	mut log: File,
	tail: &Mutex<VecDeque<String>>,
	lines: &Sender<String>,
) {
	for line in output.split(b'\n').map_while(Result::ok) {
		let line = String::from_utf8_lossy(&line).into_owned();
		// A log that cannot be written is no reason to stop what is logged.
		let _ = writeln!(log, "{line}");
		let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
		if tail.len() == TAIL {
			tail.pop_front();
		}
		tail.push_back(line.clone());
		drop(tail);
		// Nobody may be waiting for lines any more.
		let _ = lines.send(line);
	}
}

/// A log file: made if it is not there, else added to.
pub fn open_log(path: &PathBuf) -> io::Result<File> {
	File::options().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
	use super::*;
	use nix::errno::Errno;

	const LIMIT: Duration = Duration::from_secs(60);

	fn shell(script: &str) -> (tempfile::TempDir, Guarded) {
		let dir = tempfile::tempdir().unwrap();
		let log = open_log(&dir.path().join("log")).unwrap();
		let process = Guarded::start(Command::new("sh").args(["-c", script]), log).unwrap();
		(dir, process)
	}

	#[test]
	fn lines_should_be_told_and_kept() {
		let (dir, process) = shell("echo one >&2; echo two >&2; exec cat /dev/zero");
		let found = process.wait_for_line(LIMIT, |line| (line == "two").then_some(2));
		assert_eq!(found, Ok(2));
		assert_eq!(process.tail(), "one\ntwo");
		let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
		assert!(log.starts_with("one\ntwo\n"), "{log}");
	}

	#[test]
	fn the_end_should_be_told() {
		let (_dir, process) = shell("echo wrong >&2; exit 3");
		assert_eq!(process.wait_for_line(LIMIT, |_| None::<()>), Err(NoLine::Ended));
		assert_eq!(process.tail(), "wrong");
	}

	#[test]
	fn a_process_should_be_stopped_gently_and_else_killed() {
		let (_dir, mut gentle) =
			shell("trap 'exit 7' TERM; echo ready >&2; while :; do read x; done");
		gentle.wait_for_line(LIMIT, |line| (line == "ready").then_some(())).unwrap();
		assert_eq!(gentle.stop(LIMIT).unwrap().code(), Some(7));
		let (_dir, mut stubborn) = shell("trap '' TERM; echo ready >&2; while :; do :; done");
		stubborn.wait_for_line(LIMIT, |line| (line == "ready").then_some(())).unwrap();
		assert_eq!(stubborn.stop(Duration::from_millis(50)).unwrap().code(), None);
	}

	#[test]
	fn a_paused_process_should_stand_still_until_it_is_resumed() {
		let (_dir, mut process) = shell("echo ready >&2; while :; do :; done");
		process.wait_for_line(LIMIT, |line| (line == "ready").then_some(())).unwrap();
		let state = format!("/proc/{}/stat", process.id());
		let is_stopped = || std::fs::read_to_string(&state).unwrap().contains(") T ");
		process.pause().unwrap();
		while !is_stopped() {
			std::thread::yield_now();
		}
		process.resume().unwrap();
		while is_stopped() {
			std::thread::yield_now();
		}
		assert_eq!(process.ended().unwrap(), None);
		process.kill().unwrap();
		assert!(process.ended().unwrap().is_some());
	}

	#[test]
	fn a_process_should_not_outlive_its_guard_even_on_panic() {
		let (_dir, process) = shell("echo ready >&2; while :; do :; done");
		process.wait_for_line(LIMIT, |line| (line == "ready").then_some(())).unwrap();
		let pid = process.pid().unwrap();
		let panicked = std::thread::spawn(move || {
			let _process = process;
			panic!("on purpose");
		});
		assert!(panicked.join().is_err());
		assert_eq!(kill(pid, None), Err(Errno::ESRCH));
	}
}
