//! Copies of requests.

use serde_json::Value;

use super::{Invariant, Moment, words};
use crate::simulation::search::moment::runs;

/// Requests are copied to the canary only in a run whose plan wants that, while it has no share of them, and to pods that are
/// ready.
pub(super) struct Copies;

impl Invariant for Copies {
    fn name(&self) -> &'static str {
        "copies"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        if !moment.routed() || moment.now < moment.before.split_until {
            return Ok(());
        }
        let route = moment.memory.get(&moment.route());
        if !route.is_some_and(|route| copies(&route["spec"])) {
            return Ok(());
        }
        let status = moment.statuses().last().map_or(moment.before.status.as_ref(), |(_, _, after)| after);
        let ready = moment.seen_endpoints(crate::simulation::search::subject::CANARY_SERVICE);
        let wanted = moment.plan().copies() && runs(status.phase) && status.step_index > 0;
        if wanted && status.canary_weight == 0 && ready > 0 {
            return Ok(());
        }
        Err(format!("requests are copied to {ready} ready pods: {}", words(status)))
    }
}

/// Whether a route copies requests, whatever its kind is.
fn copies(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(key, field)| {
            matches!(key.as_str(), "mirror" | "requestMirror") && !field.is_null() || copies(field)
        }),
        Value::Array(list) => list.iter().any(copies),
        _ => false,
    }
}
