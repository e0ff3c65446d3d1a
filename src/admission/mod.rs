//! The gate's judgement: rules and reviews. Asks nobody, waits for nothing, knows no clock.

pub mod registration;
