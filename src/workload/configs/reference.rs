//! Where a pod template refers to configs: volumes, projected volumes and the environment of all its containers.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::api::ObjectRef;

/// Kinds of configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigKind {
    /// ConfigMap.
    ConfigMap,
    /// Secret.
    Secret,
}

/// A config in the Canary's namespace; prints as `Kind name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigRef {
    /// Its kind.
    pub kind: ConfigKind,
    /// Its name.
    pub name: String,
}

/// A config that a pod template refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Which.
    pub config: ConfigRef,
    /// Whether the pods run without it: every place that refers to it says so.
    pub optional: bool,
}

impl ConfigKind {
    /// Both.
    pub const ALL: [ConfigKind; 2] = [ConfigKind::ConfigMap, ConfigKind::Secret];

    /// The kind in CamelCase.
    pub fn as_str(self) -> &'static str {
        match self {
            ConfigKind::ConfigMap => "ConfigMap",
            ConfigKind::Secret => "Secret",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            ConfigKind::ConfigMap => "configmap",
            ConfigKind::Secret => "secret",
        }
    }
}

impl ConfigRef {
    /// A config by kind and name.
    pub fn new(kind: ConfigKind, name: impl Into<String>) -> Self {
        ConfigRef { kind, name: name.into() }
    }

    /// Its key in a status: `configmap/<name>` or `secret/<name>`, as the peer has it.
    pub fn key(&self) -> String {
        format!("{}/{}", self.kind.prefix(), self.name)
    }

    /// The config of a key.
    pub fn parse(key: &str) -> Option<Self> {
        let (prefix, name) = key.split_once('/')?;
        let kind = ConfigKind::ALL.into_iter().find(|kind| kind.prefix() == prefix)?;
        Some(ConfigRef::new(kind, name))
    }

    /// The copy that the primary's pods refer to.
    pub fn copy(&self) -> ConfigRef {
        ConfigRef::new(self.kind, format!("{}-primary", self.name))
    }

    /// What keeps the content of a copy while a promotion may still fail.
    pub fn former(&self) -> ConfigRef {
        ConfigRef::new(self.kind, format!("{}-former", self.name))
    }

    /// The object in a namespace.
    pub fn object(&self, namespace: &str) -> ObjectRef {
        ObjectRef::new("v1", self.kind.as_str(), namespace, &self.name)
    }

    /// The config that an object is.
    pub fn of(object: &ObjectRef) -> Option<Self> {
        let kind = ConfigKind::ALL.into_iter().find(|kind| kind.as_str() == object.kind)?;
        (object.api_version == "v1").then(|| ConfigRef::new(kind, &object.name))
    }
}

impl fmt::Display for ConfigRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

/// The configs of a pod template, each once.
pub fn references(template: &Value) -> Vec<Reference> {
    let mut found: BTreeMap<ConfigRef, bool> = BTreeMap::new();
    visit(template, |config, is_optional, _| *found.entry(config).or_insert(true) &= is_optional);
    found.into_iter().map(|(config, optional)| Reference { config, optional }).collect()
}

/// One place that refers to a config.
pub(super) struct Place {
    /// JSON pointer to the name.
    pub(super) pointer: String,
    pub(super) config: ConfigRef,
}

/// A field that refers to a config: where it stands, which of its fields is the name.
type Field = (&'static str, &'static str, ConfigKind);

const VOLUME: [Field; 2] =
    [("configMap", "name", ConfigKind::ConfigMap), ("secret", "secretName", ConfigKind::Secret)];
const PROJECTED: [Field; 2] =
    [("configMap", "name", ConfigKind::ConfigMap), ("secret", "name", ConfigKind::Secret)];
const ENV: [Field; 2] = [
    ("valueFrom/configMapKeyRef", "name", ConfigKind::ConfigMap),
    ("valueFrom/secretKeyRef", "name", ConfigKind::Secret),
];
const ENV_FROM: [Field; 2] =
    [("configMapRef", "name", ConfigKind::ConfigMap), ("secretRef", "name", ConfigKind::Secret)];

/// Every place of a pod template that refers to a config.
pub(super) fn places(template: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    visit(template, |config, _, pointer| places.push(Place { pointer: pointer(), config }));
    places
}

/// Tells each place: the config, whether the pods run without it there, and the pointer, which is written out only for who asks.
fn visit(template: &Value, mut tell: impl FnMut(ConfigRef, bool, &dyn Fn() -> String)) {
    let spec = template.get("spec");
    for (n, volume) in elements(spec, "volumes") {
        let at = || format!("/spec/volumes/{n}");
        look(volume, at, &VOLUME, &mut tell);
        for (source, projected) in elements(volume.get("projected"), "sources") {
            look(projected, || format!("{}/projected/sources/{source}", at()), &PROJECTED, &mut tell);
        }
    }
    for containers in ["containers", "initContainers", "ephemeralContainers"] {
        for (n, container) in elements(spec, containers) {
            for (list, fields) in [("env", &ENV), ("envFrom", &ENV_FROM)] {
                for (variable, source) in elements(Some(container), list) {
                    let at = || format!("/spec/{containers}/{n}/{list}/{variable}");
                    look(source, at, fields, &mut tell);
                }
            }
        }
    }
}

/// The elements of a list with their places in it.
fn elements<'a>(of: Option<&'a Value>, list: &str) -> impl Iterator<Item = (usize, &'a Value)> + use<'a> {
    let list = of.and_then(|of| of.get(list)?.as_array());
    list.into_iter().flatten().enumerate()
}

/// Tells the configs that an element refers to.
fn look(
    element: &Value,
    at: impl Fn() -> String,
    fields: &[Field],
    tell: &mut impl FnMut(ConfigRef, bool, &dyn Fn() -> String),
) {
    for (field, name, kind) in fields {
        let source = field.split('/').try_fold(element, |value, field| value.get(field));
        let Some(source) = source else { continue };
        let Some(named) = source.get(*name).and_then(Value::as_str).filter(|name| !name.is_empty()) else {
            continue;
        };
        let optional = source.get("optional").and_then(Value::as_bool).unwrap_or(false);
        tell(ConfigRef::new(*kind, named), optional, &|| format!("{}/{field}/{name}", at()));
    }
}
