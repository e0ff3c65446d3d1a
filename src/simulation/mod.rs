//! A cluster in memory with a virtual clock: the same `rollout` and the same `execute` as in production run in it,
//! thousands of rollouts a second, with every fault that a real cluster has.

mod contents;
mod controller;
mod election;
mod gateway;
mod kubernetes;
mod memory;
mod needed;
mod projection;
mod run;
mod script;
mod search;
#[cfg(test)]
mod tests;
mod timeline;
mod world;

pub use controller::Look;
pub use kubernetes::{BROKEN, Kubernetes};
pub use memory::{Conflict, Memory};
pub use run::{Hooks, Oracle, Restless, Simulation, no_faults};
pub use script::{Said, Script, ScriptError};
pub use search::{Depth, Group, Options, Report, Violation, search};
pub use timeline::{Line, lines, play};
pub use world::{Deed, Fault, Faults, Lag, MemoryWorld, Rules, State, canary_ref};
