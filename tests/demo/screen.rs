//! What the demo says: calm lines on the terminal, all of it also in a log.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;

use crate::support::bed;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Width at which the time of a check stands.
const WIDTH: usize = 96;

/// The terminal, the log and the counts.
pub(crate) struct Screen {
    colour: bool,
    log: RefCell<File>,
    path: PathBuf,
    began: Instant,
    chapter: Cell<u32>,
    passed: Cell<u32>,
    failed: Cell<u32>,
}

impl Screen {
    /// A screen with a new log.
    pub(crate) fn open() -> Self {
        let path = bed::root().join("target/demo.log");
        std::fs::create_dir_all(bed::root().join("target")).unwrap();
        let log =
            RefCell::new(File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        // A check that fails is shown as one line; where it came from stands in the log.
        let hook = File::options().append(true).open(&path).unwrap();
        std::panic::set_hook(Box::new(move |panic| drop(writeln!(&hook, "    {panic}"))));
        Screen {
            colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            log,
            path,
            began: Instant::now(),
            chapter: Cell::new(0),
            passed: Cell::new(0),
            failed: Cell::new(0),
        }
    }

    fn line(&self, colour: &str, text: &str) {
        drop(writeln!(self.log.borrow_mut(), "{text}"));
        if self.colour {
            println!("{colour}{text}{PLAIN}")
        } else {
            println!("{text}")
        }
        drop(std::io::stdout().flush());
    }

    pub(crate) fn title(&self, text: &str) {
        self.line(BOLD, text);
        self.line(
            DIM,
            &format!("log: {}", self.path.strip_prefix(bed::root()).unwrap_or(&self.path).display()),
        );
    }

    pub(crate) fn chapter(&self, text: &str) {
        self.chapter.set(self.chapter.get() + 1);
        self.line("", "");
        self.line(BOLD, &format!("{}. {text}", self.chapter.get()));
    }

    /// What happens now, in a sentence.
    pub(crate) fn say(&self, text: &str) {
        self.line("", &format!("   {text}"));
    }

    /// A command, as one would type it.
    pub(crate) fn command(&self, text: &str) {
        self.line(BOLD, &format!("   $ {text}"));
    }

    /// What a program answered.
    pub(crate) fn quote(&self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            for part in wrapped(line, WIDTH - 5) {
                self.line(DIM, &format!("     {part}"));
            }
        }
    }

    /// What is for the log alone.
    pub(crate) fn note(&self, text: &str) {
        drop(writeln!(self.log.borrow_mut(), "{text}"));
    }

    /// Does something that has to hold, and tells whether it did and how long that took.
    pub(crate) fn check<T>(&self, claim: &str, work: impl FnOnce() -> T) -> Option<T> {
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(work));
        let seconds = began.elapsed().as_secs_f64();
        match result {
            Ok(value) => {
                self.passed.set(self.passed.get() + 1);
                let time = if seconds < 0.95 { String::new() } else { format!("{seconds:.0} s") };
                let space = WIDTH.saturating_sub(claim.chars().count() + 5);
                self.line(GREEN, format!("   ✓ {claim}{time:>space$}").trim_end());
                Some(value)
            }
            Err(panic) => {
                self.failed.set(self.failed.get() + 1);
                let reason = panic.downcast_ref::<String>().map(String::as_str);
                let reason =
                    reason.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it broke off");
                self.line(RED, &format!("   ✗ {claim}"));
                for line in reason.lines().take(12) {
                    self.line(RED, &format!("     {line}"));
                }
                None
            }
        }
    }

    /// A check that looks at something already known.
    pub(crate) fn claim(&self, claim: &str, holds: bool, seen: impl std::fmt::Display) {
        self.check(claim, || assert!(holds, "seen: {seen}"));
    }

    /// The last line; returns how many checks failed.
    pub(crate) fn summary(&self) -> u32 {
        self.line("", "");
        self.line(DIM, &format!("{:.0} s in all", self.began.elapsed().as_secs_f64()));
        let colour = if self.failed.get() == 0 { GREEN } else { RED };
        self.line(
            colour,
            &format!("demo: {} checks passed, {} failed", self.passed.get(), self.failed.get()),
        );
        self.failed.get()
    }
}

/// A line in parts that fit, broken at blanks.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let indent = " ".repeat(line.chars().take_while(|c| *c == ' ' || *c == '*').count() + 2);
    let mut parts = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let last = parts.last_mut().unwrap();
        if last.trim().is_empty() || last.chars().count() + word.trim_end().chars().count() <= width {
            last.push_str(word);
        } else {
            parts.push(format!("{indent}{word}"));
        }
    }
    parts
}
