//! The real `kubectl`, as a user has it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::command::{self, Outcome};
use super::{bed, wait};

/// Runs `kubectl` with these words.
pub(crate) fn kubectl(words: &[&str]) -> Outcome {
    with_input(words, None)
}

/// Runs `kubectl` with these words in a namespace.
pub(crate) fn within(namespace: &str, words: &[&str]) -> Outcome {
    kubectl(&[&["--namespace", namespace], words].concat())
}

/// Writes objects with words such as `apply` or `replace --force`: `-f -` is added.
pub(crate) fn write(namespace: &str, words: &[&str], objects: &[&Value]) -> Outcome {
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    // A single object stays single, so that what kubectl says is what a user sees.
    let text = if let [only] = objects { only.to_string() } else { list.to_string() };
    with_input(&[&["--namespace", namespace], words, &["--filename", "-"]].concat(), Some(&text))
}

/// Posts a body to a path of the API server, which may be a Service behind it.
pub(crate) fn post(path: &str, body: &Value) -> Outcome {
    with_input(&["create", "--filename", "-", "--raw", path], Some(&body.to_string()))
}

/// Applies objects that have to be accepted, and returns what kubectl said with its warnings. While a replica of the gate
/// is being replaced the API server may not reach it: a user would try again, and so does this.
#[track_caller]
pub(crate) fn apply(namespace: &str, objects: &[&Value]) -> String {
    let began = Instant::now();
    loop {
        let outcome = write(namespace, &["apply"], objects);
        let unreached = outcome.stderr.contains("failed calling webhook");
        if outcome.success || !unreached || began.elapsed() > Duration::from_secs(30) {
            assert!(outcome.success, "`{}` failed:\n{}", outcome.line, outcome.text());
            return outcome.text();
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn with_input(words: &[&str], input: Option<&str>) -> Outcome {
    let mut command = bed::bed().command("kubectl");
    command::run(command.args(words), input, wait::COMMAND)
}
