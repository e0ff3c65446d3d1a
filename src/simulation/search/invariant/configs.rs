//! The configs that were analysed are those that are promoted.

use super::{Invariant, Moment, words};
use crate::{
    api::{ObjectRef, Phase},
    simulation::search::{
        moment::runs,
        subject::{NAME, NAMESPACE},
    },
    workload::{Snapshot, configs::ABSENT},
};

/// A pod reads its configs when it starts. A run leads to a promotion only if the canary's pods read what the revision wants, as
/// far as the controller can know what they found.
#[derive(Default)]
pub(super) struct Configs {
    /// Whether a look of this run may have been without news.
    blind: bool,
}

impl Invariant for Configs {
    fn name(&self) -> &'static str {
        "analysed-configs"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let before = moment.before;
        let late = moment.now < before.late_until.max(before.split_until);
        self.blind = late || moment.canary().spec.suspend || self.blind && runs(before.status.phase);
        for (_, before, after) in moment.statuses() {
            let promoted = runs(before.phase) && after.phase == Phase::Promoting;
            if promoted && !self.blind && !moment.skips() {
                analysed(moment, after.last_applied_spec.as_deref().unwrap_or_default())
                    .map_err(|what| format!("{what}: {}", words(after)))?;
            }
        }
        Ok(())
    }
}

fn analysed(moment: &Moment<'_>, revision: &str) -> Result<(), String> {
    let kept = ObjectRef::new("apps/v1", "ControllerRevision", NAMESPACE, format!("{NAME}-{revision}"));
    let snapshot = moment.memory.get(&kept).and_then(|kept| Snapshot::from_object(kept).ok());
    let wanted = snapshot.iter().flat_map(|snapshot| snapshot.configs());
    for (config, wanted) in wanted {
        let target = moment.case.subject.workload(NAME);
        for read in moment.kubernetes.read(&target, moment.now) {
            let read = read.get(config).map_or(ABSENT, String::as_str);
            if read != wanted {
                return Err(format!("a pod read {config} {read}, the revision has {wanted}"));
            }
        }
    }
    Ok(())
}
