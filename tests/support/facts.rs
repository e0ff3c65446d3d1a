//! Measured facts: said on stdout and kept in `target/facts.json` for whoever writes about them.

use std::io::Write;
use std::sync::Mutex;

use serde_json::{Map, Value};

use super::bed;

static FILE: Mutex<()> = Mutex::new(());

/// Keeps a fact under a sentence, in the place of an older one.
pub(crate) fn record(fact: &str, value: impl Into<Value>) {
    let value = value.into();
    // Past the test harness, which would keep it to itself.
    drop(writeln!(std::io::stdout(), "fact: {fact}: {value}"));
    let _one_at_a_time = FILE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = bed::root().join("target/facts.json");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let mut facts: Map<String, Value> = serde_json::from_str(&known).unwrap_or_default();
    facts.insert(fact.to_owned(), value);
    std::fs::write(&path, serde_json::to_string_pretty(&facts).unwrap() + "\n").unwrap();
}
