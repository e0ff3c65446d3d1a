//! Reads and writes the one Secret. Every write names the version that it rests on, so that of two replicas one
//! wins and the other reads what the winner wrote.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};

use super::rotation::Request;
use super::{Error, Material};

/// Annotation by which an operator asks for a rotation: `leaf` or `ca`. Removed when it is done.
pub const ROTATE: &str = "sluice.dev/rotate";

/// What became of a write.
#[derive(Clone, PartialEq)]
pub enum Written {
    /// The API server took it; this is the object as stored.
    Stored(Box<Secret>),
    /// Somebody else was faster: read again.
    Lost,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stored(_) => "Stored(hidden)",
            Self::Lost => "Lost",
        })
    }
}

/// The Secret `<name>-certs` in our own namespace.
#[derive(Clone)]
pub struct Store {
    api: Api<Secret>,
    name: String,
}

impl Store {
    /// A store on the Secret called `name` behind `api`.
    pub fn new(api: Api<Secret>, name: String) -> Self {
        Self { api, name }
    }

    /// The Secret as it is now, if there is one.
    pub async fn read(&self) -> Result<Option<Secret>, Error> {
        self.api
            .get_opt(&self.name)
            .await
            .map_err(|source| Error::api(format!("read Secret {}", self.name), source))
    }

    /// Creates the Secret, or replaces the data of `current` if it is still the stored version.
    pub async fn write(&self, current: Option<&Secret>, material: &Material) -> Result<Written, Error> {
        let (doing, written) = match current {
            None => {
                let fresh = filled(self.empty(), material);
                ("create", self.api.create(&parameters(), &fresh).await)
            }
            Some(current) => {
                let changed = filled(current.clone(), material);
                ("update", self.api.replace(&self.name, &parameters(), &changed).await)
            }
        };
        match written {
            Ok(stored) => Ok(Written::Stored(Box::new(stored))),
            // 409: it exists already, or it is another version by now. 404: it was deleted since we read it.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) && !is_terminating(&status) => {
                Ok(Written::Lost)
            }
            Err(source) => Err(Error::api(format!("{doing} Secret {}", self.name), source)),
        }
    }

    fn empty(&self) -> Secret {
        let labels =
            [("app.kubernetes.io/managed-by", "sluice"), ("app.kubernetes.io/component", "admission")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                labels: Some(labels.into()),
                ..Default::default()
            },
            type_: Some("kubernetes.io/tls".to_owned()),
            ..Default::default()
        }
    }
}

/// A missing or terminating namespace answers 404 or 409 too, and reading again would not help.
fn is_terminating(status: &kube::core::Status) -> bool {
    let details = status.details.as_ref();
    status.message.contains("being terminated") || details.is_some_and(|details| details.kind == "namespaces")
}

/// What the Secret holds, as far as it can be read.
pub(super) fn material(secret: &Secret) -> Result<Material, Error> {
    let data: BTreeMap<String, Vec<u8>> =
        secret.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect();
    Material::parse(&data)
}

/// What an operator asked for.
pub(super) fn request(secret: &Secret) -> Option<Request> {
    match secret.metadata.annotations.as_ref()?.get(ROTATE)?.as_str() {
        "leaf" => Some(Request::Leaf),
        "ca" => Some(Request::Authority),
        _ => None,
    }
}

fn filled(mut secret: Secret, material: &Material) -> Secret {
    let mut data: BTreeMap<String, Vec<u8>> =
        secret.data.take().into_iter().flatten().map(|(key, value)| (key, value.0)).collect();
    material.write(&mut data);
    secret.data = Some(data.into_iter().map(|(key, value)| (key, ByteString(value))).collect());
    secret.metadata.managed_fields = None;
    if let Some(annotations) = &mut secret.metadata.annotations {
        annotations.remove(ROTATE);
    }
    secret
}

fn parameters() -> PostParams {
    PostParams { field_manager: Some("sluice/certs".to_owned()), ..PostParams::default() }
}
