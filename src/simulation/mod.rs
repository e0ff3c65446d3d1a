//! A cluster in memory with a virtual clock: the same `rollout` and the same `execute` as in production run in it,
//! thousands of rollouts a second, with every fault that a real cluster has.

mod gateway;
mod kubernetes;
mod memory;
mod run;
mod script;
#[cfg(test)]
mod tests;
mod timeline;
mod world;

pub use kubernetes::{BROKEN, Kubernetes};
pub use memory::{Conflict, Memory};
pub use run::{Oracle, Restless, Simulation, no_faults};
pub use script::{Said, Script, ScriptError};
pub use timeline::{Line, lines, play};
pub use world::{Deed, Fault, Faults, Lag, MemoryWorld, State, View, canary_ref};
