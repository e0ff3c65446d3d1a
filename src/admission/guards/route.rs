//! Routes, made by us or by a user, that others write: the backends of a Canary keep their weights. Everything else, foreign rules,
//! filters and backends included, is the writer's.

use json_patch::Patch;

use super::marks::{ours, restore};
use super::write::{Write, reference, unknown};
use crate::admission::lookup::{Lookup, Lookups};
use crate::admission::verdict::Verdict;
use crate::api::Canary;
use crate::rollout::{Settings, provider};
use crate::routing::{self, held};
use serde::Deserialize;

/// Judges the write to a route.
pub(super) fn review(write: &Write<'_>, settings: &Settings, lookups: &Lookups) -> Verdict {
    let mut verdict = Verdict::allow();
    let canary = match lookups.get(&reference(&write.canary)) {
        // One that cannot be read is told so itself.
        Some(Lookup::Found(canary)) => Canary::deserialize(canary).ok(),
        Some(Lookup::Failed(why)) => {
            verdict.notices.push(unknown(&write.canary, why));
            None
        }
        Some(Lookup::Missing | Lookup::Unseen) | None => None,
    };
    let Some(canary) = canary.filter(|canary| canary.metadata.deletion_timestamp.is_none()) else {
        return verdict;
    };
    let request = write.request;
    let Some(router) = routing::router_of(provider(&canary, settings), &request.group, &request.kind) else {
        return verdict;
    };
    let mut patch = held(router, &canary, write.old, write.new);
    if !patch.is_empty() {
        verdict.changes.push(format!(
            "{} {} keeps the weights of {} and {}, which Canary {} moves",
            request.kind,
            request.name,
            canary.primary_service_name(),
            canary.canary_service_name(),
            write.canary.name
        ));
    }
    restore(write.new, "labels", &ours(write.old, "labels"), &mut patch);
    restore(write.new, "annotations", &ours(write.old, "annotations"), &mut patch);
    verdict.patch = Patch(patch);
    verdict
}
