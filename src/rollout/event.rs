//! What people are told, each with a reason of its own so that the aggregation of events hides nothing.

use crate::api::Severity;

/// One line of a Canary's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Why.
    pub reason: Reason,
    /// One sentence.
    pub message: String,
    /// How loudly people are alerted, if at all.
    pub alert: Option<Severity>,
}

impl Event {
    /// An event that alerts people as its reason does.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Event { reason, message: message.into(), alert: reason.alert() }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident $kind:ident),+ $(,)?) => {
        /// The reasons of our events; `docs/operate.md` lists them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[doc = $doc])+ $name),+ }

        impl Reason {
            /// All of them.
            pub const ALL: &[Reason] = &[$(Reason::$name),+];

            /// The reason as the API server stores it.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => stringify!($name)),+ }
            }

            /// Whether it is a warning.
            pub fn is_warning(self) -> bool {
                match self { $(Reason::$name => stringify!($kind).len() == "warning".len()),+ }
            }
        }
    };
}

reasons! {
    /// The primary and the services are being made.
    Initializing normal,
    /// The primary serves; the target idles at zero.
    Initialized normal,
    /// A new revision was seen and its pods are started.
    RevisionDetected normal,
    /// A new revision was seen; as many rollouts go on as may at once.
    Queued normal,
    /// The run ended because a newer revision took its place.
    RevisionSuperseded normal,
    /// The canary's share of traffic was raised.
    WeightRaised normal,
    /// Requests are copied to the canary before it gets any.
    RequestsMirrored normal,
    /// A blue/green iteration passed.
    IterationPassed normal,
    /// A check did not pass.
    CheckFailed warning,
    /// Nothing could be judged: no data, or no usable answer.
    CheckInconclusive warning,
    /// A gate is open, or another hook agreed.
    HookPassed normal,
    /// A gate says that it is closed; it is asked again.
    GateClosed warning,
    /// Another hook does not agree.
    HookFailed warning,
    /// A hook gave no usable answer.
    HookUnanswered warning,
    /// The analysis passed; the primary gets the new revision.
    Promoting normal,
    /// Traffic goes back to the primary.
    TrafficReturned normal,
    /// The primary runs the new revision and the target idles at zero.
    Promoted normal,
    /// The revision was taken back.
    RolledBack warning,
    /// The primary could not run the promoted revision and got its old one back.
    PromotionFailed warning,
    /// The primary was not as we left it and was put right.
    PrimaryRestored warning,
    /// The primary was changed by hand, with a reason, and is left so until the next promotion.
    BreakGlass warning,
    /// The target was scaled while idle; it was put back and the wish is kept for the next promotion.
    ReplicasHeld normal,
    /// The Canary is being deleted; its target is made to serve again before.
    Terminating normal,
    /// The target serves again; the Canary and its primary go.
    Terminated normal,
    /// An alert did not reach its room; told once until one does.
    AlertFailed warning,
    /// Something keeps the Canary from going on.
    Blocked warning,
    /// The status, which could not be written, says again what was decided.
    StatusWritten normal,
}

impl Reason {
    /// How loudly people are alerted.
    fn alert(self) -> Option<Severity> {
        match self {
            Reason::Initialized | Reason::RevisionDetected | Reason::Promoted => Some(Severity::Info),
            Reason::GateClosed => Some(Severity::Warn),
            Reason::RolledBack | Reason::PromotionFailed => Some(Severity::Error),
            _ => None,
        }
    }
}
