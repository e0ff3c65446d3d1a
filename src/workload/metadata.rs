//! Which labels and annotations go from a target to its primary.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::{Object, at, names};

/// Annotations that speak of the object they stand on, by prefix; on a copy they would be untrue.
const BOOKKEEPING: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/",
    "argocd.argoproj.io/tracking-id",
    "meta.helm.sh/",
    "flagger.app/",
    "flagger.kubernetes.io/",
    names::PREFIX,
];

/// An annotation with a longer value (in bytes) stays behind: it is a tool's own store, not a setting.
const LONGEST: usize = 8 * 1024;

/// Whether a label or annotation key belongs to Flux or to us, so that no copy carries it.
pub(super) fn is_foreign(key: &str) -> bool {
    key.contains(names::FLUX_TOOLKIT) || key.starts_with(names::PREFIX)
}

/// The labels of an object that a copy may carry.
pub(super) fn labels(object: &Object) -> BTreeMap<String, String> {
    texts(object, "labels").filter(|(key, _)| !is_foreign(key)).collect()
}

/// The annotations of an object that a copy may carry: all but bookkeeping and what is too long to be a setting.
pub(super) fn annotations(object: &Object) -> BTreeMap<String, String> {
    texts(object, "annotations")
        .filter(|(key, value)| {
            !is_foreign(key)
                && value.len() <= LONGEST
                && !BOOKKEEPING.iter().any(|known| key.starts_with(known))
        })
        .collect()
}

/// Whether `--include-label-prefix` lets a label through: `*` is all, no prefix is none.
pub(super) fn included(key: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| prefix == "*" || (!prefix.is_empty() && key.starts_with(prefix.as_str())))
}

fn texts<'a>(object: &'a Object, of: &str) -> impl Iterator<Item = (String, String)> + 'a {
    at(object, &["metadata", of])
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
}
