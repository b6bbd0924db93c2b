//! Other programs: run them, bound them, read their answer.

use std::{
	fmt,
	fs::File,
	io,
	os::unix::process::ExitStatusExt,
	path::PathBuf,
	process::{Command, ExitStatus, Stdio},
	thread,
	time::{Duration, Instant},
};

/// Where programs write what they have to say.
#[derive(Debug)]
pub enum Output {
	/// Where this program does.
	Shared,
	/// Both what they print and their errors, in order.
	File(File),
}

impl Output {
	/// Lets a program that is yet to be started write there.
	fn take(&self, command: &mut Command) -> io::Result<()> {
		if let Self::File(file) = self {
			command.stdout(file.try_clone()?).stderr(file.try_clone()?);
		}
		Ok(())
	}
}

/// Another program did not do what it was asked to do.
#[derive(Debug)]
pub enum ProcessError {
	/// It could not be started.
	NotStarted {
		/// The program's name.
		program: String,
		/// Why.
		source: io::Error,
	},
	/// It ended with an error, which it has reported itself.
	Failed {
		/// The command line.
		command: String,
		/// How it ended.
		status: ExitStatus,
	},
	/// It did not end in time and was stopped.
	TimedOut {
		/// The command line.
		command: String,
		/// The time it was given.
		limit: Duration,
	},
	/// There is no file that its output could go to, or it cannot be read again.
	Output {
		/// The file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// What to run cannot be found out.
	Unreadable {
		/// The folder that says it.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
}

impl fmt::Display for ProcessError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::NotStarted { program, source } => write!(
				f,
				"cannot start {program} ({source}): run cargo xtask doctor to see what is missing"
			),
			Self::Failed { command, status } => {
				write!(f, "`{command}` failed ({status}): its own messages above say why")
			},
			Self::TimedOut { command, limit } => write!(
				f,
				"`{command}` did not end within {} s and was stopped: is there a network?",
				limit.as_secs()
			),
			Self::Output { path, source } => {
				write!(f, "no output in {} ({source}): make its folder writable", path.display())
			},
			Self::Unreadable { path, source } => {
				write!(f, "cannot read {} ({source})", path.display())
			},
		}
	}
}

impl std::error::Error for ProcessError {
	fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
		match self {
			Self::NotStarted { source, .. }
			| Self::Output { source, .. }
			| Self::Unreadable { source, .. } => Some(source),
			_ => None,
		}
	}
}

/// The exit code of a program as a shell would give it: 128 and more for a signal.
pub fn exit_code(status: ExitStatus) -> u8 {
	let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
	code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Runs a program to its end. It writes where this program writes and reads nothing.
pub fn run(command: &mut Command) -> Result<(), ProcessError> {
	run_into(command, &Output::Shared)
}

/// Like [`run`], but it writes where it is told.
pub fn run_into(command: &mut Command, output: &Output) -> Result<(), ProcessError> {
	let status = output.take(command).and_then(|()| command.stdin(Stdio::null()).status());
	ended(command, status.map_err(|source| not_started(command, source))?)
}

/// Like [`run`], but stops the program when it takes longer than `limit`.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<(), ProcessError> {
	const POLL: Duration = Duration::from_millis(50);
	let deadline = Instant::now() + limit;
	let mut child =
		command.stdin(Stdio::null()).spawn().map_err(|source| not_started(command, source))?;
	loop {
		match child.try_wait() {
			Ok(Some(status)) => return ended(command, status),
			Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
			_ => {
				// An error here means that it has ended meanwhile.
				let _ = child.kill();
				let _ = child.wait();
				return Err(ProcessError::TimedOut { command: describe(command), limit });
			},
		}
	}
}

/// What a program prints, without white space around it; `None` where it cannot run or fails.
pub fn answer(command: &mut Command) -> Option<String> {
	let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
	let text = String::from_utf8(output.stdout).ok()?;
	output.status.success().then(|| text.trim().to_owned())
}

/// The command line for messages.
pub fn describe(command: &Command) -> String {
	let mut line = command.get_program().to_string_lossy().into_owned();
	for arg in command.get_args() {
		line.push(' ');
		line.push_str(&arg.to_string_lossy());
	}
	line
}

fn ended(command: &Command, status: ExitStatus) -> Result<(), ProcessError> {
	if status.success() {
		return Ok(());
	}
	Err(ProcessError::Failed { command: describe(command), status })
}

fn not_started(command: &Command, source: io::Error) -> ProcessError {
	ProcessError::NotStarted {
		program: command.get_program().to_string_lossy().into_owned(),
		source,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn shell(script: &str) -> Command {
		let mut command = Command::new("/bin/sh");
		command.args(["-c", script]);
		command
	}

	#[test]
	fn success_and_failure_should_be_told_apart() {
		assert!(run(&mut shell("exit 0")).is_ok());
		assert!(matches!(
			run(&mut shell("exit 3")),
			Err(ProcessError::Failed { status, command })
				if exit_code(status) == 3 && command == "/bin/sh -c exit 3"
		));
		assert!(matches!(
			run(&mut Command::new("no-such-program")),
			Err(ProcessError::NotStarted { program, .. }) if program == "no-such-program"
		));
	}

	#[test]
	fn output_and_errors_should_go_where_they_are_told() {
		let path = std::env::temp_dir().join(format!("spb-xtask-out-{}", std::process::id()));
		let output = Output::File(File::create(&path).unwrap());
		let first = run_into(&mut shell("echo one; echo two >&2"), &output);
		let second = run_into(&mut shell("echo three; exit 3"), &output);
		let written = std::fs::read_to_string(&path).unwrap();
		std::fs::remove_file(&path).unwrap();
		assert!(first.is_ok() && second.is_err());
		assert_eq!(written, "one\ntwo\nthree\n");
	}

	#[test]
	fn a_signal_should_give_the_shells_exit_code() {
		let Err(ProcessError::Failed { status, .. }) = run(&mut shell("kill -9 $$")) else {
			panic!("a killed shell has failed")
		};
		assert_eq!(exit_code(status), 137);
	}

	#[test]
	fn a_program_should_not_wait_for_input() {
		assert!(run(&mut shell("read line && exit 1; exit 0")).is_ok());
	}

	#[test]
	fn a_program_that_hangs_should_be_stopped() {
		let begin = Instant::now();
		let result = run_within(Command::new("sleep").arg("600"), Duration::from_millis(100));
		assert!(matches!(result, Err(ProcessError::TimedOut { .. })));
		assert!(begin.elapsed() < Duration::from_secs(60));
		assert!(run_within(&mut shell("exit 0"), Duration::from_secs(60)).is_ok());
	}

	#[test]
	fn an_answer_should_be_given_by_success_only() {
		assert_eq!(answer(&mut shell("echo ' yes '; echo no >&2")), Some("yes".into()));
		assert_eq!(answer(&mut shell("echo yes; exit 1")), None);
		assert_eq!(answer(&mut Command::new("no-such-program")), None);
	}
}
