//! `sluice plan` beside the cluster: what it says without one is what the controller did there.

use std::io::Write;

use crate::install::shared;
use crate::support::bed::bed;
use crate::support::command::{self, Outcome};
use crate::support::manifests::{APP, canary, podinfo};
use crate::support::space::Space;
use crate::support::wait;

/// The program with these words and files of the objects.
fn plan(space: &Space, objects: &[&serde_json::Value], words: &[&str]) -> Outcome {
    let mut file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    for object in objects {
        writeln!(file, "{object}").unwrap();
    }
    let mut command = bed().command(env!("CARGO_BIN_EXE_sluice"));
    command.args(["plan", "--namespace", &space.namespace, "--filename"]).arg(file.path()).args(words);
    command::run(&mut command, None, wait::COMMAND)
}

#[test]
fn a_plan_from_files_is_what_the_controller_makes_in_a_cluster() {
    let Some(_sluice) = shared("plan") else { return };
    let space = Space::new("plan");
    let (app, canary) = (podinfo("one"), canary(&space.host(), &[20, 50]));
    let before = plan(&space, &[&canary, &app], &["--live"]).ok();
    for kind in ["Deployment", "Service", "HTTPRoute"] {
        assert!(before.contains(&format!("+ {kind} {}/{APP}", space.namespace)), "{before}");
    }
    space.initialised(&app, &canary);
    let after = plan(&space, &[&canary, &app], &["--live"]).ok();
    assert!(after.contains("The cluster has all of it."), "{after}");
    let changed = plan(&space, &[&canary, &podinfo("two")], &["--live"]).ok();
    assert!(changed.contains(&format!("~ Deployment {}/{APP}-primary", space.namespace)), "{changed}");
    assert!(changed.contains("\"one\" -> \"two\""), "{changed}");
}
