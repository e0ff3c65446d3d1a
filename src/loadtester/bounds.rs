//! The most that is done, whoever asks for more.

use std::time::Duration;

use super::load::{End, Load};

/// The operator's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Loads at once.
    pub loads: usize,
    /// Connections of one load.
    pub connections: u32,
    /// Requests a second of one load.
    pub rate: u32,
    /// Time of one load.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { loads: 100, connections: 100, rate: 1000, time: Duration::from_secs(3600) }
    }
}

/// A load within the bounds.
#[derive(Debug)]
pub(super) struct Held {
    /// The load, its connections within the bounds.
    pub(super) load: Load,
    /// Requests a second, over all connections.
    pub(super) rate: f64,
    /// When it ends at the latest.
    pub(super) time: Duration,
    /// What was asked for and is not done, for people.
    pub(super) cut: Vec<String>,
}

impl Bounds {
    /// A load that asks for more than these bounds gets as much as they allow: it still is the load that somebody wanted.
    pub(super) fn hold(&self, mut load: Load) -> Held {
        let mut cut = Vec::new();
        if load.connections > self.connections {
            cut.push(format!("{} connections instead of {}", self.connections, load.connections));
            load.connections = self.connections;
        }
        let most = f64::from(self.rate);
        let rate = match load.rate {
            // As fast as answers come, which is what the bound is for.
            None => most,
            Some(each) if each * f64::from(load.connections) > most => {
                cut.push(format!(
                    "{} requests a second instead of {}",
                    self.rate,
                    each * f64::from(load.connections)
                ));
                most
            }
            Some(each) => each * f64::from(load.connections),
        };
        let time = match load.end {
            End::After(_) => self.time,
            End::In(time) if time > self.time => {
                cut.push(format!("{} s instead of {}", self.time.as_secs(), time.as_secs()));
                self.time
            }
            End::In(time) => time,
        };
        Held { load, rate, time, cut }
    }
}
