//! Revisions of a target: their ids, and the snapshots that a promotion copies from.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Kind, WorkloadError,
    configs::{self, Tracked},
    metadata,
};
use crate::api::{Canary, Object, at, digest::digest, names, owned};

/// Most characters of an object's name.
const NAME: usize = 253;
/// Characters of an id.
const DIGITS: usize = 16;

/// Identity of a pod template and of the contents of its configs: 16 lower-case hex digits of a SHA-256.
///
/// Every change that starts pods counts, `kubectl rollout restart` too; our own and the peer's bookkeeping does not. The API
/// server fills in defaults on reading, so that ids of one template may differ between versions of Kubernetes: a changed id is
/// a question, [`same_revision`](super::same_revision) answers it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RevisionId(String);

impl RevisionId {
    /// The id of a pod template.
    pub fn of_template(template: &Value) -> RevisionId {
        Self::of_clean(&clean(template), &Tracked::new())
    }

    /// The id of a clean pod template with these configs; without any it is the template's.
    fn of_clean(template: &Value, configs: &Tracked) -> RevisionId {
        if configs.is_empty() {
            return RevisionId(digest(template));
        }
        RevisionId(digest(&json!({"template": template, "configs": configs::to_json(configs)})))
    }

    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an id in a status is one of ours; the peer's are shorter.
    pub fn is_ours(id: &str) -> bool {
        id.len() == DIGITS && id.bytes().all(|digit| digit.is_ascii_hexdigit())
    }
}

impl From<String> for RevisionId {
    /// Takes an id out of a status as it stands there; one that the peer wrote equals none of ours.
    fn from(id: String) -> Self {
        RevisionId(id)
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A target as it was at the start of a run: all that a promotion needs, whatever happens to the target since.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The revision that it holds.
    pub revision: RevisionId,
    pub(super) template: Value,
    pub(super) configs: Tracked,
    /// Whether the primary's pods are marked with their configs, so that they are replaced when only a config changed.
    pub(super) marks: bool,
    pub(super) settings: Settings,
}

/// What a snapshot keeps beside the template. It may change without a new revision, so it must not stand in the immutable
/// data of a ControllerRevision whose name is the revision's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    #[serde(default)]
    pub(super) fields: Map<String, Value>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Snapshot {
    /// The snapshot of a target as it is now.
    ///
    /// # Errors
    /// The object has no pod template.
    pub fn of_target(kind: &dyn Kind, target: &Object) -> Result<Self, WorkloadError> {
        let template = template(target, &["spec", "template"], "spec.template")?;
        let template = clean(template);
        let field = |name: &&str| Some(((*name).to_owned(), target.get("spec")?.get(name)?.clone()));
        Ok(Snapshot {
            revision: RevisionId::of_clean(&template, &Tracked::new()),
            template,
            configs: Tracked::new(),
            marks: true,
            settings: Settings {
                fields: kind.fields().iter().filter_map(field).collect(),
                labels: metadata::labels(target),
                annotations: metadata::annotations(target),
            },
        })
    }

    /// The same with these configs, which makes it another revision.
    #[must_use]
    pub fn with_configs(self, configs: Tracked) -> Self {
        Snapshot { revision: RevisionId::of_clean(&self.template, &configs), configs, ..self }
    }

    /// The same for a primary that somebody else made: its pods lack the mark of their configs, and are not replaced to get it.
    #[must_use]
    pub fn adopted(self) -> Self {
        Snapshot { marks: false, ..self }
    }

    /// The configs of the revision.
    pub fn configs(&self) -> &Tracked {
        &self.configs
    }

    /// The snapshot as an `apps/v1` ControllerRevision for server-side apply, owned by the Canary.
    ///
    /// Its `data`, which the API server never lets change, depends on nothing but the revision, so that a revision that comes
    /// back with another strategy can be applied again.
    pub fn to_object(&self, canary: &Canary) -> Object {
        let mut data = json!({"spec": {"template": self.template}});
        if !self.configs.is_empty() {
            data["configs"] = configs::to_json(&self.configs);
        }
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": Self::name(canary, &self.revision),
                "namespace": canary.namespace_name(),
                "annotations": {
                    names::REVISION: self.revision.as_str(),
                    names::SETTINGS: json!(self.settings).to_string(),
                },
            },
            "revision": 1,
            "data": data,
        });
        owned::seal(canary, object, true)
    }

    /// Reads a snapshot back.
    ///
    /// # Errors
    /// The object has no template, or its settings are not JSON of ours.
    pub fn from_object(object: &Object) -> Result<Self, WorkloadError> {
        let template = clean(stored_template(object)?);
        let settings = at(object, &["metadata", "annotations", names::SETTINGS]).and_then(Value::as_str);
        let settings =
            settings.map(serde_json::from_str).transpose().map_err(|source| WorkloadError::Snapshot {
                name: text(object, &["metadata", "name"]),
                annotation: names::SETTINGS,
                source,
            })?;
        let configs = Self::stored_configs(object);
        Ok(Snapshot {
            revision: RevisionId::of_clean(&template, &configs),
            template,
            configs,
            marks: true,
            settings: settings.unwrap_or_default(),
        })
    }

    /// The configs of a stored snapshot, without the rest of it; none of an object that is no snapshot.
    pub fn stored_configs(object: &Object) -> Tracked {
        let configs = stored_template(object).ok().and_then(|_| at(object, &["data", "configs"]));
        configs::from_json(configs)
    }

    /// Name of a revision's ControllerRevision, `<canary>-<revision>`; a Canary's name that leaves no room is cut, and told
    /// from others by a fingerprint.
    pub fn name(canary: &Canary, revision: &RevisionId) -> String {
        let name = canary.metadata.name.as_deref().unwrap_or_default();
        let room = NAME - revision.as_str().len().min(NAME / 2) - 1;
        if name.len() <= room {
            return format!("{name}-{revision}");
        }
        let fingerprint = digest(&name.into());
        let cut = name.get(..room - fingerprint.len() - 1).unwrap_or_default();
        format!("{cut}-{fingerprint}-{revision}")
    }
}

/// A pod template without nulls and without bookkeeping; the node selector by which a DaemonSet idles is that too.
pub(super) fn clean(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !value.is_null());
        for of in ["annotations", "labels"] {
            let Some(map) = metadata.get_mut(of).and_then(Value::as_object_mut) else { continue };
            map.retain(|key, _| key != names::FLAGGER_ID && !key.starts_with(names::PREFIX));
            if map.is_empty() {
                metadata.remove(of);
            }
        }
    }
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut)
        && let Some(nodes) = spec.get_mut("nodeSelector").and_then(Value::as_object_mut)
    {
        nodes.remove(names::SCALE_TO_ZERO);
        if nodes.is_empty() {
            spec.remove("nodeSelector");
        }
    }
    template
}

fn stored_template(object: &Object) -> Result<&Value, WorkloadError> {
    template(object, &["data", "spec", "template"], "data.spec.template")
}

fn template<'a>(object: &'a Object, fields: &[&str], path: &'static str) -> Result<&'a Value, WorkloadError> {
    at(object, fields).filter(|template| template.is_object()).ok_or_else(|| WorkloadError::NoTemplate {
        kind: text(object, &["kind"]),
        name: text(object, &["metadata", "name"]),
        path,
    })
}

fn text(object: &Object, path: &[&str]) -> String {
    at(object, path).and_then(Value::as_str).unwrap_or_default().to_owned()
}
