//! A cluster in memory with a virtual clock: the same `rollout` and the same `execute` as in production run in it,
//! thousands of rollouts a second, with every fault that a real cluster has.

mod kubernetes;
mod memory;
mod run;
#[cfg(test)]
mod tests;
mod world;

pub use kubernetes::{BROKEN, Kubernetes};
pub use memory::{Conflict, Memory};
pub use run::{Oracle, Simulation, no_faults};
pub use world::{Deed, Fault, Faults, Lag, MemoryWorld, State, View, canary_ref};
