//! The demo: Sluice's whole job on a real cluster, shown and checked. `make demo` runs it; `KEEP=1` leaves the cluster.
//!
//! One file a chapter. Every line that claims something is a check: it counts, and one that fails fails the demo.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod chapters;
mod screen;

use std::process::ExitCode;

use support::{bed, switch};

fn main() -> ExitCode {
    // `cargo test -- --list` and filters are not for us.
    let screen = screen::Screen::open();
    screen.title("Sluice: from `kubectl apply` to promotion, on a real cluster");
    chapters::all(&screen);
    if switch::keep() {
        how_to_use(&screen);
    } else {
        screen.chapter("Clean up");
        chapters::clean(&screen);
    }
    let failed = screen.summary();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn how_to_use(screen: &screen::Screen) {
    screen.chapter("The cluster stays (KEEP=1)");
    if !switch::existing_cluster() {
        screen.command(r#"eval "$(tests/testbed/testbed env)""#);
    }
    let Ok(bed) = bed::find() else { return };
    screen.command("kubectl -n shop get canary podinfo --watch");
    screen.command(&format!("curl -H 'Host: shop.example.com' http://{}/", bed.envoy()));
    screen.command("kubectl -n shop set env deployment/podinfo PODINFO_UI_MESSAGE=four    # a next release");
    screen.command("make cluster-down                                                     # when done");
}
