//! How a projection keeps an object: as compressed text. As values, the objects of a Canary would take several times the memory; they
//! are read when their Canary is looked at, which at rest never happens.

use std::sync::Arc;

use lz4_flex::block;

use super::{raw::metadata, store::Group};
use crate::api::Object;

/// What most objects say: what is told again of an object refers to here, and takes a third of the room. It is in memory alone, so
/// that it may change with every version.
const TYPICAL: &[u8] = include_bytes!("typical.txt");

/// An object as it is kept: as compressed JSON, with what is asked of it most.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    uid: Box<str>,
    version: Box<str>,
    group: Option<Arc<Group>>,
    json: Box<[u8]>,
}

impl Kept {
    /// The object as it is kept, with the group that it is a member of.
    pub(super) fn of(object: &Object, group: Option<Arc<Group>>) -> Kept {
        Kept {
            uid: metadata(object, "uid").into(),
            version: metadata(object, "resourceVersion").into(),
            group,
            // A value can always be written.
            json: block::compress_prepend_size_with_dict(
                &serde_json::to_vec(object).unwrap_or_default(),
                TYPICAL,
            )
            .into(),
        }
    }

    /// `metadata.uid`; empty when absent.
    pub(super) fn uid(&self) -> &str {
        &self.uid
    }

    /// `metadata.resourceVersion`; empty when absent.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The group that it is a member of.
    pub(super) fn group(&self) -> Option<&Arc<Group>> {
        self.group.as_ref()
    }

    /// The object.
    pub(super) fn object(&self) -> Arc<Object> {
        // We wrote it, so that it can be read.
        let json = block::decompress_size_prepended_with_dict(&self.json, TYPICAL).unwrap_or_default();
        Arc::new(serde_json::from_slice(&json).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_kept_comes_out_as_it_went_in() {
        let object = Arc::new(json!({
            "metadata": {"name": "a", "uid": "u", "resourceVersion": "7"}, "spec": {"big": u64::MAX, "small": 0.1, "text": "é\n"},
        }));
        let group = Arc::new(Group::Slices("n".to_owned(), "s".to_owned()));
        let kept = Kept::of(&object, Some(group.clone()));
        assert_eq!((kept.uid(), kept.version(), kept.object()), ("u", "7", object));
        assert_eq!(kept.group(), Some(&group));
    }

    #[test]
    fn an_ordinary_object_takes_a_fraction_of_its_text() {
        let metadata = json!({
            "creationTimestamp": "2026-05-01T09:00:00Z", "generation": 3, "labels": {"app": "shop", "sluice.dev/managed": "true"},
            "name": "shop", "namespace": "prod", "resourceVersion": "184460", "uid": "5d1f3c1e-55d2-4b5c-9a3f-0c7b51f0a911",
        });
        let ports = json!([{"name": "http", "port": 9898, "protocol": "TCP", "targetPort": "http"}]);
        let object = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"ports": ports, "selector": {"app": "shop-primary"}, "sessionAffinity": "None", "type": "ClusterIP"},
        });
        let (text, kept) = (object.to_string().len(), Kept::of(&object, None).json.len());
        assert!(3 * kept < 2 * text, "{kept} bytes of {text}");
    }
}
