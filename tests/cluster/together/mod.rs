//! Tests that share the installation.

mod gate;
mod held;
mod istio;
mod restored;
mod rollout;
mod routers;
mod schema;
mod services;
mod series;
