//! Whether we lead, as a value that expires on its own.

use std::time::Duration;

use tokio::time::Instant;

/// Whether this replica leads. The question is put with the present time, so that a replica that is cut off from the API
/// server stops by itself, without anybody telling it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leadership {
    /// Who leads, as last seen; empty when nobody or unknown.
    pub holder: String,
    pub(super) acts_until: Option<Instant>,
    pub(super) ends: Option<Instant>,
}

impl Leadership {
    /// Leadership that never ends, for one replica that is alone and for tests.
    pub fn forever() -> Self {
        let end = Instant::now() + Duration::from_secs(100 * 365 * 86_400);
        Leadership { holder: String::new(), acts_until: Some(end), ends: Some(end) }
    }

    /// Whether this replica may begin a write now. Ends well before another replica may take over.
    pub fn is_leader(&self, now: Instant) -> bool {
        self.acts_until.is_some_and(|until| now < until)
    }

    /// How long nobody else can lead; a write that began must have ended by then.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.ends.map(|end| end.saturating_duration_since(now)).unwrap_or_default()
    }

    /// Until when this replica may begin writes; none if it does not lead.
    pub fn until(&self) -> Option<Instant> {
        self.acts_until
    }
}
