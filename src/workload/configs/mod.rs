//! Configs: the ConfigMaps and Secrets that a pod template refers to. What counts as their content, which of them are part of
//! a revision, and the copies `<name>-primary` that the primary's pods refer to instead.

mod checksum;
mod copy;
mod reference;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use checksum::checksum;
pub use copy::{Owners, copy, owners, update};
pub use reference::{ConfigKind, ConfigRef, Reference, references};

use crate::api::{Object, SeenConfig, at, digest::digest, names};

/// What stands in the place of a checksum for a config that does not exist.
pub const ABSENT: &str = "absent";

/// Secrets of these types belong to one bearer; a copy of them would be refused or mean something else.
const BOUND: [&str; 2] = ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"];

/// What is known of a config, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Config {
    /// There is none of that name.
    Absent,
    /// It exists.
    Present {
        /// `metadata.uid`.
        uid: String,
        /// `metadata.resourceVersion`.
        version: String,
        /// Checksum of its content; none if it is not to be tracked.
        checksum: Option<String>,
    },
}

/// Everything that is known of the configs of one Canary.
pub type Configs = BTreeMap<ConfigRef, Config>;

/// The configs that are part of a revision, with the checksums of their contents, or [`ABSENT`].
pub type Tracked = BTreeMap<ConfigRef, String>;

impl Config {
    /// What is known of a config once it was read.
    pub fn of(object: Option<&Object>) -> Config {
        let Some(object) = object else { return Config::Absent };
        let text = |path: &[&str]| at(object, path).and_then(Value::as_str).unwrap_or_default();
        let annotation = text(&["metadata", "annotations", names::CONFIG_TRACKING]);
        let tracked =
            !annotation.starts_with(names::CONFIG_TRACKING_OFF) && !BOUND.contains(&text(&["type"]));
        Config::Present {
            uid: text(&["metadata", "uid"]).to_owned(),
            version: text(&["metadata", "resourceVersion"]).to_owned(),
            checksum: tracked.then(|| checksum(object)),
        }
    }

    /// The checksum of what is tracked.
    pub fn checksum(&self) -> Option<&str> {
        match self {
            Config::Present { checksum, .. } => checksum.as_deref(),
            Config::Absent => None,
        }
    }
}

impl From<&SeenConfig> for Config {
    fn from(seen: &SeenConfig) -> Self {
        match seen.clone() {
            SeenConfig { uid, .. } if uid.is_empty() => Config::Absent,
            SeenConfig { uid, version, checksum } => Config::Present { uid, version, checksum },
        }
    }
}

/// The configs of a revision. A config that is gone is no change: what it was before (`former`) still counts. One that never
/// was counts as absent, so that its birth is a change.
pub fn track(references: &[Reference], known: &Configs, former: &BTreeMap<String, String>) -> Tracked {
    let entry = |reference: &Reference| {
        let checksum = match known.get(&reference.config)? {
            Config::Present { checksum, .. } => checksum.clone()?,
            Config::Absent => former.get(&reference.config.key()).cloned().unwrap_or(ABSENT.to_owned()),
        };
        Some((reference.config.clone(), checksum))
    };
    references.iter().filter_map(entry).collect()
}

/// A fingerprint of all configs of a revision; none where there is no config.
pub fn fingerprint(tracked: &Tracked) -> Option<String> {
    (!tracked.is_empty()).then(|| digest(&to_json(tracked)))
}

/// A pod template that refers to the copies of what is tracked. Doing it twice changes nothing.
pub(super) fn rewrite(template: &mut Value, tracked: &Tracked) {
    for place in reference::places(template) {
        if tracked.contains_key(&place.config)
            && let Some(name) = template.pointer_mut(&place.pointer)
        {
            *name = place.config.copy().name.into();
        }
    }
}

pub(super) fn to_json(tracked: &Tracked) -> Value {
    tracked
        .iter()
        .map(|(config, checksum)| (config.key(), json!(checksum)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub(super) fn from_json(value: Option<&Value>) -> Tracked {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(key, checksum)| Some((ConfigRef::parse(key)?, checksum.as_str()?.to_owned())))
        .collect()
}
