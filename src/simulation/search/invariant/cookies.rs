//! Users stay on the version that they met, for one run.

use std::collections::BTreeSet;

use super::{Invariant, Moment, words};

/// While the canary has a share, the run has one cookie and keeps it; no two runs have the same one, and none outlives its run.
#[derive(Default)]
pub(super) struct Cookies {
    /// Those of runs that are over.
    former: BTreeSet<String>,
}

impl Invariant for Cookies {
    fn name(&self) -> &'static str {
        "cookies"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        for (_, before, after) in moment.statuses() {
            let (old, new) = (&before.session_affinity_cookie, &after.session_affinity_cookie);
            if after.canary_weight == 0 && new.is_some() {
                return Err(format!("a cookie keeps users on a canary without traffic: {}", words(after)));
            }
            let same_run = before.last_applied_spec == after.last_applied_spec
                && before.canary_weight > 0
                && after.canary_weight > 0;
            if same_run && old.is_some() && new.is_some() && old != new {
                return Err(format!("the cookie changes in mid-run: {}", words(after)));
            }
            if old != new {
                self.former.extend(old.clone());
                if let Some(again) = new.as_ref().filter(|new| self.former.contains(*new)) {
                    return Err(format!("cookie {again} was that of another run: {}", words(after)));
                }
            }
        }
        Ok(())
    }
}
