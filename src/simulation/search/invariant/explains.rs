//! Every decision says what it is.

use super::{Invariant, Moment};
use crate::simulation::Deed;

/// The status and each event tell a whole sentence.
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
                Deed::Effect(_) => continue,
            };
            if !sentence(told) {
                return Err(format!("no sentence: {told:?}"));
            }
        }
        Ok(())
    }
}
