//! What a hook is told.

use std::collections::BTreeMap;

use super::Payload;
use crate::{
    api::{Canary, Phase},
    rollout::AskId,
};

/// The body of a call. The checksum is the revision that the call is about: it names template and configs, which is all that the
/// peer's does.
pub(in super::super) fn payload(canary: &Canary, phase: Phase, id: &AskId) -> Payload {
    Payload {
        name: canary.metadata.name.clone().unwrap_or_default(),
        namespace: canary.namespace_name(),
        phase,
        checksum: id.revision.clone(),
        id: id.to_string(),
        metadata: BTreeMap::new(),
    }
}
