//! What a Canary's metrics ask, and what the answers mean: templates, queries, thresholds, verdicts. Nothing here
//! sends anything or looks at a clock.

pub mod check;
mod interval;
pub mod problem;
pub mod query;
pub mod template;
#[cfg(test)]
mod tests;
pub mod threshold;
pub mod verdict;

pub use check::{Check, CheckId, Endpoint, RUNNABLE, Settings, plan};
pub use problem::{Fault, Problem};
pub use template::{Template, TemplateError, Variables};
pub use threshold::{Bounds, BoundsError, Kind, judge};
pub use verdict::{Outcome, Sample, Summary, Verdict};
