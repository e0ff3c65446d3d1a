//! What the cluster tests and the demo stand on: the bed, the real `kubectl` and `helm`, load, and waiting with a reason.
//!
//! Nothing here knows what is tested. A function that cannot do its work panics with a sentence that says what it last
//! saw; a test lets that end it, the demo catches it and shows it.

// Two binaries share this, and neither uses all of it.
#![allow(dead_code)]

pub(crate) mod api;
pub(crate) mod audit;
pub(crate) mod bed;
pub(crate) mod command;
pub(crate) mod controller;
pub(crate) mod counts;
pub(crate) mod data_plane;
pub(crate) mod endpoints;
pub(crate) mod facts;
pub(crate) mod helm;
pub(crate) mod history;
pub(crate) mod kubectl;
pub(crate) mod load;
pub(crate) mod manifests;
pub(crate) mod peer;
pub(crate) mod prometheus;
pub(crate) mod receiver;
pub(crate) mod space;
pub(crate) mod switch;
pub(crate) mod visitor;
pub(crate) mod wait;
pub(crate) mod writes;
