//! Why a conversation with the API server failed.

use std::time::Duration;

use kube::core::Status;

use super::health::Lapse;
use crate::{api::ObjectRef, sentence};

/// An error of this room.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The API server refused or could not be reached.
    #[error("{what}")]
    Call {
        /// What we were doing, with the object.
        what: String,
        /// What came back.
        #[source]
        source: kube::Error,
    },
    /// The API server did not answer in time; a write may or may not have happened.
    #[error("{what}: no answer within {} s", .after.as_secs())]
    TimedOut {
        /// What we were doing, with the object.
        what: String,
        /// How long we waited.
        after: Duration,
    },
    /// A projection that the answer depends on is not complete yet.
    #[error("reading {kind} objects: {}", unsynced(.why.as_ref()))]
    NotSynced {
        /// The kind.
        kind: &'static str,
        /// Why its watch failed last, if it did.
        why: Option<Lapse>,
    },
    /// An answer that lacks what every answer has.
    #[error("{what}: the answer is not an object")]
    NoObject {
        /// What we were doing, with the object.
        what: String,
    },
    /// A Secret that a MetricTemplate or an AlertProvider names.
    #[error("{secret} does not exist; create it, or correct the secretRef that names it")]
    NoSecret {
        /// The Secret.
        secret: ObjectRef,
    },
    /// A Secret that we have no right to read.
    #[error("{secret} may not be read; allow Sluice's service account to get Secrets there")]
    SecretForbidden {
        /// The Secret.
        secret: ObjectRef,
    },
    /// A Secret with credentials that the operator does not want read.
    #[error(
        "{secret} is not read: Sluice runs with --metric-secrets=false; set it to true (the chart's metricSecrets), or do without the secretRef"
    )]
    SecretsOff {
        /// The Secret.
        secret: ObjectRef,
    },
    /// The Canary CRD that the API server serves cannot hold our status.
    #[error("{problem}; run `sluice crds --apply`, or let the chart's CRD job do it")]
    Schema {
        /// What is missing.
        problem: String,
    },
    /// A CRD was applied but the API server does not serve it.
    #[error("waiting for CustomResourceDefinition {name}: not established within {} s{}", .after.as_secs(), .why)]
    NotEstablished {
        /// The CRD.
        name: String,
        /// How long we waited.
        after: Duration,
        /// What its conditions say, as `: reason`.
        why: String,
    },
}

/// How many characters of the API server's words are repeated.
const WORDS: usize = 400;

/// The API server's words for a JSON Patch that cannot be carried out.
const FAILED_PATCH: &str = "the server rejected our request due to an error in our request";

impl ClusterError {
    /// The status code of the API server's refusal, if it answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            ClusterError::Call { source: kube::Error::Api(status), .. } => Some(status.code),
            ClusterError::NotSynced { why, .. } => why.as_ref()?.code,
            _ => None,
        }
    }

    /// What we were doing, with the object.
    pub fn what(&self) -> String {
        match self {
            ClusterError::Call { what, .. }
            | ClusterError::TimedOut { what, .. }
            | ClusterError::NoObject { what } => what.clone(),
            ClusterError::NotSynced { kind, .. } => format!("reading {kind} objects"),
            _ => self.to_string(),
        }
    }

    /// Why it failed, without what we were doing: the API server's own words, shortened, if it answered.
    pub fn words(&self) -> String {
        shortened(match self {
            ClusterError::Call { source: kube::Error::Api(status), .. } => refusal(status),
            ClusterError::Call { source, .. } => sentence::of(source),
            ClusterError::TimedOut { after, .. } => format!("no answer within {} s", after.as_secs()),
            ClusterError::NoObject { .. } => "the answer is not an object".to_owned(),
            ClusterError::NotSynced { why, .. } => unsynced(why.as_ref()),
            _ => self.to_string(),
        })
    }

    /// Whether a JSON Patch could not be carried out on the present object: one of its tests failed, or a place is not there.
    /// The API server says so with the code of an invalid object and one fixed sentence, without the causes that an invalid
    /// object has.
    pub fn is_failed_test(&self) -> bool {
        let ClusterError::Call { source: kube::Error::Api(status), .. } = self else { return false };
        let causes = status.details.as_ref().is_some_and(|details| !details.causes.is_empty());
        status.code == 422 && !causes && status.message.starts_with(FAILED_PATCH)
    }
}

/// The API server's own words for a refusal.
pub(super) fn refusal(status: &Status) -> String {
    let words = status.message.trim().trim_end_matches('.').to_owned();
    if words.is_empty() { format!("answered with {}", status.code) } else { words }
}

/// Words of others, within a bound.
pub(super) fn shortened(words: String) -> String {
    match words.char_indices().nth(WORDS) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

fn unsynced(why: Option<&Lapse>) -> String {
    match why {
        Some(lapse) => format!("their watch fails: {}", lapse.words),
        None => "their watch has not delivered the first list yet".to_owned(),
    }
}
