//! The switches of a run, read from the environment.

/// Whether Sluice is installed with its gate: `GATE=off` runs the same tests without it.
pub(crate) fn gate() -> bool {
    match std::env::var("GATE").as_deref() {
        Ok("off") => false,
        Ok("on" | "") | Err(_) => true,
        Ok(other) => panic!("GATE={other}: write GATE=on or GATE=off"),
    }
}

/// Whether the cluster of the current kubeconfig is used instead of a bed.
pub(crate) fn existing_cluster() -> bool {
    std::env::var("CLUSTER").is_ok_and(|cluster| cluster == "existing")
}

/// Whether the cluster is left up for people to look at.
pub(crate) fn keep() -> bool {
    std::env::var("KEEP").is_ok_and(|keep| !keep.is_empty())
}

/// Lets a test that cannot run pass, counted as skipped, if `ALLOW_SKIP=1`; otherwise panics with the reason.
#[track_caller]
pub(crate) fn skip(test: &str, reason: &str) {
    assert!(
        std::env::var_os("ALLOW_SKIP").is_some_and(|allowed| allowed == "1"),
        "{test} cannot run: {reason} (ALLOW_SKIP=1 skips it)"
    );
    eprintln!("skipped {test}: {reason}");
    if let Some(file) = std::env::var_os("SKIPPED") {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{test}: {reason}").unwrap();
    }
}
