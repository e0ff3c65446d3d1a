//! Who answers the hooks of a rollout: gates that open in time, tests that fail, machines that are away.

use fastrand::Rng;
use jiff::SignedDuration;

use crate::rollout::{AskId, Reply};

/// How the hooks of a rollout answer. All gates are open in the end, for a gate that is closed waits for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Desk {
    /// From so many milliseconds after the release on, every gate is open.
    opens: i64,
    /// Whether tests fail and machines are away at times.
    troubled: bool,
    /// From so many milliseconds after the release on, the revision is called back.
    called_back: Option<i64>,
}

impl Desk {
    /// Draws how they answer, within the first `span` milliseconds.
    pub(super) fn draw(span: i64, random: &mut Rng) -> Self {
        let opens = if random.bool() { 0 } else { random.i64(0..span) };
        let called_back = (random.u8(0..6) == 0).then(|| random.i64(0..span));
        Desk { opens, troubled: random.bool(), called_back }
    }

    /// Whether everybody agrees at once and always.
    pub(super) fn is_harmless(self) -> bool {
        self == Desk::default()
    }

    /// What is answered to a call so long after the release.
    pub(super) fn answer(self, seed: u64, since_release: SignedDuration, id: &AskId) -> Reply {
        let now = i64::try_from(since_release.as_millis()).unwrap_or(i64::MAX);
        let words = id
            .name
            .bytes()
            .fold(now.unsigned_abs(), |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut dice = Rng::with_seed(seed ^ words);
        let agrees = match id.name.split('/').next().unwrap_or_default() {
            "rollback" => self.called_back.is_some_and(|from| from <= now),
            gate if gate.starts_with("confirm-") => self.opens <= now || dice.u8(0..8) == 0,
            _ => !self.troubled || dice.u8(0..4) > 0,
        };
        if agrees {
            return said(if dice.bool() { 200 } else { 204 });
        }
        match dice.u8(0..6) {
            0 if self.troubled => Reply::Silent("no connection".to_owned()),
            1 if self.troubled => Reply::Silent("no answer in time".to_owned()),
            2 if self.troubled => said(500),
            3 if self.troubled => said(429),
            4 if self.troubled => said(302),
            _ => said(403),
        }
    }
}

fn said(status: u16) -> Reply {
    Reply::Answered { status, body: "so it is".to_owned() }
}
