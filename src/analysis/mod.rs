//! What a Canary's metrics ask, whom, and what the answers mean: templates, queries, servers, thresholds, verdicts. Nothing here
//! sends anything or looks at a clock.

pub mod check;
mod interval;
pub mod problem;
pub mod query;
pub mod server;
pub mod template;
#[cfg(test)]
mod tests;
pub mod threshold;
pub mod verdict;

pub use check::{Check, CheckId, Settings, Source, is_builtin, plan};
pub use interval::DEFAULT as DEFAULT_INTERVAL;
pub use problem::{Fault, Problem};
pub use server::{Credentials, Endpoint, ServerError, SettingsError};
pub use template::{Template, TemplateError, Variables};
pub use threshold::{Bounds, BoundsError, Kind, judge};
pub use verdict::{Outcome, Sample, Verdict};
