//! A share of some requests is never one of all.

use super::{Invariant, Moment, words};

/// What an A/B run gives the canary are the requests that were chosen. If what chooses them is taken out of the Canary, it gets
/// none, until a step of its plan gives it a share of all.
#[derive(Default)]
pub(super) struct Chosen {
    /// Whether the present share was given as one of some requests.
    of_some: bool,
}

impl Invariant for Chosen {
    fn name(&self) -> &'static str {
        "chosen-requests"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let chooses = moment.chooses();
        for (_, before, after) in moment.statuses() {
            if after.canary_weight > before.canary_weight {
                self.of_some = chooses;
            }
        }
        // Of a Canary that goes, its target gets all.
        let goes = moment.canary().metadata.deletion_timestamp.is_some();
        if self.of_some && !chooses && !goes && moment.share > 0 && moment.look.done && !moment.held() {
            let status = &moment.look.decision.status;
            return Err(format!(
                "{} % of some requests became as much of all: {}",
                moment.share,
                words(status)
            ));
        }
        Ok(())
    }
}
