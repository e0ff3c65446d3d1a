//! What the API server counts about the webhooks that it calls, from its own metrics.

use std::collections::BTreeMap;

use super::kubectl;

/// Evaluations of match conditions after which a webhook was not called; the others are counted among its calls.
pub(crate) const EXCLUDED: &str = "apiserver_admission_match_condition_evaluation_seconds_count";

/// What the first API server has counted since it started.
pub(crate) struct Counts(String);

impl Counts {
    /// As they are now.
    pub(crate) fn now() -> Self {
        Counts(kubectl::kubectl(&["get", "--raw", "/metrics"]).ok())
    }

    /// The values of a metric, added up by the value of a label.
    pub(crate) fn by(&self, metric: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (labels, value) in self.lines(metric) {
            let named = labels.split_once(&format!("{label}=\"")).and_then(|(_, rest)| rest.split_once('"'));
            *sums.entry(named.map_or_else(String::new, |(name, _)| name.to_owned())).or_default() += value;
        }
        sums
    }

    /// The same of our webhooks alone.
    pub(crate) fn ours(&self, metric: &str) -> BTreeMap<String, f64> {
        let mut sums = self.by(metric, "name");
        sums.retain(|name, _| name.ends_with(".sluice.dev"));
        sums
    }

    /// How often each of our webhooks was called, or should have been.
    pub(crate) fn called(&self) -> BTreeMap<String, f64> {
        self.ours("apiserver_admission_webhook_request_total")
    }

    /// How often the conditions of each of our webhooks were evaluated.
    pub(crate) fn evaluated(&self) -> BTreeMap<String, f64> {
        let mut sums = self.ours(EXCLUDED);
        for (name, calls) in self.called() {
            *sums.entry(name).or_default() += calls;
        }
        sums
    }

    /// The values of a metric, added up.
    pub(crate) fn all(&self, metric: &str) -> f64 {
        self.lines(metric).map(|(_, value)| value).sum()
    }

    /// Labels and value of each series of a metric.
    fn lines<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(metric).filter(|rest| rest.starts_with(['{', ' ']))?;
            let (labels, value) = rest.rsplit_once(' ')?;
            Some((labels, value.parse().ok()?))
        })
    }
}
