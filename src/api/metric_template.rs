//! The MetricTemplate kind: a query and the server that answers it, shared by Canaries.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Conditions;
use super::nullable;

/// A query and the server that answers it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "flagger.app",
    version = "v1beta1",
    kind = "MetricTemplate",
    plural = "metrictemplates",
    doc = "A metric query that Canaries share.",
    namespaced,
    status = "Conditions",
    category = "all",
    derive = "PartialEq",
    annotation("helm.sh/resource-policy", "keep"),
    label("app.kubernetes.io/part-of", "sluice"),
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider.type")
)]
#[serde(rename_all = "camelCase")]
pub struct MetricTemplateSpec {
    /// The server that answers.
    pub provider: MetricProvider,
    /// The query, a Go text template.
    pub query: String,
}

text_enum! {
    /// Kind of metric server.
    pub enum MetricProviderType {
        /// Prometheus.
        Prometheus = "prometheus",
        /// InfluxDB 2.
        InfluxDb = "influxdb",
        /// Datadog.
        Datadog = "datadog",
        /// The Kubernetes external metrics API.
        ExternalMetrics = "externalmetrics",
        /// Google Cloud Monitoring.
        Stackdriver = "stackdriver",
        /// AWS CloudWatch.
        CloudWatch = "cloudwatch",
        /// New Relic.
        NewRelic = "newrelic",
        /// Graphite.
        Graphite = "graphite",
        /// Dynatrace.
        Dynatrace = "dynatrace",
        /// Keptn.
        Keptn = "keptn",
        /// Splunk Observability.
        Splunk = "splunk",
    }
}

/// Where a metric server is and how it is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricProvider {
    /// Kind of server.
    #[serde(rename = "type")]
    pub type_: MetricProviderType,
    /// Address; its meaning depends on the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Headers that are sent along (prometheus).
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Vec<String>>,
    /// Secret with the credentials, in the template's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// Region (cloudwatch).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Accept any certificate (prometheus, graphite, externalmetrics).
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub insecure_skip_verify: bool,
}

/// A Secret in the namespace of the object that names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
