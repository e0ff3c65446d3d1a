//! Tests that share the installation.

mod gate;
mod held;
mod restored;
mod rollout;
mod routers;
mod schema;
