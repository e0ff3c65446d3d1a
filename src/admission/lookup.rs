//! What the edge looked up for one request.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::ObjectRef;

/// The outcome of one look-up.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The object as the API server has it.
    Found(Value),
    /// The API server has no such object.
    Missing,
    /// It could not be told in time, with the reason in a few words.
    Failed(String),
    /// There is nobody to ask: the cluster may have it or not, and nothing is said about it.
    Unseen,
}

/// The look-ups of one request by object.
pub type Lookups = BTreeMap<ObjectRef, Lookup>;
