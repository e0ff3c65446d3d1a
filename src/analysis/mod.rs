//! What a Canary's metrics ask, and what the answers mean: templates, queries, thresholds, verdicts. Nothing here sends anything or looks at a clock.

pub mod template;
