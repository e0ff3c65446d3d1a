//! The API server is killed and started again in the middle of a run.

use crate::alone::crash::survives;
use crate::install::alone;
use crate::support::{bed, switch};

#[test]
fn an_api_server_that_is_restarted_in_mid_run_costs_no_step() {
    let Some(alone) = alone("a restarted API server") else { return };
    if switch::existing_cluster() {
        return switch::skip(
            "a restarted API server",
            "the API server of this cluster is not ours to restart",
        );
    }
    let _sluice = alone.installed();
    survives("apiserver", "the API server was restarted", || {
        bed::restart_api().ok();
    });
}
