//! Every decision says what it is.

use super::{Invariant, Moment, words};
use crate::{
    api::{Phase, Severity},
    simulation::{Deed, search::moment::runs},
};

/// The status and each event tell a whole sentence; a revision that fails alerts people, unless
/// somebody wished it back who wants no alert.
pub(super) struct Explains;

impl Invariant for Explains {
    fn name(&self) -> &'static str {
        "explained"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let sentence = |text: &str| {
            text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()) && text.ends_with('.')
        };
        for (_, deed) in moment.deeds {
            let told = match deed {
                Deed::Status(status) => status.last_decision.as_deref().unwrap_or_default(),
                Deed::Told(event) => &event.message,
                Deed::Effect(_) | Deed::Asked(_) => continue,
            };
            if !sentence(told) {
                return Err(format!("no sentence: {told:?}"));
            }
        }
        let (before, decision) = (moment.before.status.phase, &moment.look.decision);
        let after = decision.status.phase;
        if before != after && after == Phase::Failed && runs(before) && !moment.is_called_back() {
            let alerted = decision.events.iter().any(|event| event.alert >= Some(Severity::Error));
            if !alerted {
                return Err(format!("nobody is alerted: {}", words(&decision.status)));
            }
        }
        Ok(())
    }
}
