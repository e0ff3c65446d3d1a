//! Runs a program with a limit in time; nothing that a test starts may hang it.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The line that was run, for messages.
    pub(crate) line: String,
    /// Whether it ended with 0 in time.
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Both streams, for messages.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Its output, if all went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.success, "`{}` failed:\n{}", self.line, self.text());
        self.stdout
    }

    /// What it said, if it failed as it should.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert!(!self.success, "`{}` should have failed, but said:\n{}", self.line, self.text());
        self.stderr
    }
}

/// Runs a program to its end, or kills it at the limit.
pub(crate) fn run(command: &mut Command, input: Option<&str>, limit: Duration) -> Outcome {
    let line = line(command);
    let mut child = command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`{line}` does not start: {error}"));
    if let Some(input) = input {
        let mut pipe = child.stdin.take().unwrap();
        let input = input.to_owned();
        // A program that refuses before it has read everything closes the pipe: its answer is what counts.
        std::thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
    }
    let stdout = read(child.stdout.take().unwrap());
    let stderr = read(child.stderr.take().unwrap());
    let began = Instant::now();
    let (success, late) = loop {
        match child.try_wait().unwrap() {
            Some(status) => break (status.success(), None),
            None if began.elapsed() > limit => {
                drop(child.kill());
                drop(child.wait());
                break (false, Some(format!("killed after {} s\n", limit.as_secs())));
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let stderr = late.unwrap_or_default() + &stderr.join().unwrap();
    Outcome { line, success, stdout: stdout.join().unwrap(), stderr }
}

fn read(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
