//! How much of the gate's word counts in a namespace. The API server knows it from the namespace's label and calls another path
//! for each mode, so that the gate watches no namespaces; where the label says [`OFF`] it is not called at all.

/// Value of [`GATE`](crate::api::names::GATE) for a namespace whose writes the gate never sees.
pub const OFF: &str = "off";

/// What becomes of a verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// It counts: the namespace's label is absent or says anything else.
    #[default]
    Enforce,
    /// It is told as warnings; nothing is refused and nothing changed.
    Warn,
}

impl Mode {
    /// All of them.
    pub const ALL: [Mode; 2] = [Mode::Enforce, Mode::Warn];

    /// The value of the namespace's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Warn => "warn",
        }
    }

    /// What paths begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Mode::Enforce => "",
            Mode::Warn => "/warn",
        }
    }
}
