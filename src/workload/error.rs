//! What can be wrong with a workload.

/// Why something about a workload could not be done; the text names the object, the rule and the way out.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// Choosing the label that tells the target's pods from the primary's.
    #[error(
        "{target}: none of the labels {} stands in spec.selector.matchLabels; use one of them, or add yours to --selector-labels",
        .candidates.join(", ")
    )]
    NoSelector {
        /// Kind and name of the target.
        target: String,
        /// The label keys that were looked for, in their order.
        candidates: Vec<String>,
    },
    /// Making the primary's label value out of the target's.
    #[error(
        "{target}: label {key} is {value:?}; with -primary behind it, it has more than the 63 characters of a label value; shorten it to 55"
    )]
    LongLabel {
        /// Kind and name of the target.
        target: String,
        /// The label's key.
        key: String,
        /// The label's value.
        value: String,
    },
    /// Naming the Services.
    #[error(
        "Service {name}: the name has more than the 63 characters of a Service's; set spec.service.name to at most 55"
    )]
    LongName {
        /// The name that does not fit.
        name: String,
    },
    /// Rendering the Services of a Canary that describes none.
    #[error("Canary {canary}: spec.service is missing, so there is no port to serve; set spec.service.port")]
    NoService {
        /// Name of the Canary.
        canary: String,
    },
    /// Taking the pod template out of a workload.
    #[error("{kind} {name}: {path} is missing, so there is no revision to speak of")]
    NoTemplate {
        /// Kind of the object.
        kind: String,
        /// Name of the object.
        name: String,
        /// Where the template should stand.
        path: &'static str,
    },
    /// Reading what a snapshot keeps beside the template.
    #[error("ControllerRevision {name}: annotation {annotation} is not what Sluice wrote; delete the object")]
    Snapshot {
        /// Name of the ControllerRevision.
        name: String,
        /// The annotation.
        annotation: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}
