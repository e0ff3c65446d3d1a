//! How a projection keeps an object. What only the leader watches is read all the time and kept as a value. What every
//! replica watches is kept as compressed text: as values, ten thousand Canaries would take ten times the memory, and a replica
//! that only follows looks at none of them twice.

use std::sync::Arc;

use super::{
    kinds::{Duty, Kind},
    raw::metadata,
};
use crate::api::{Object, ObjectRef};

/// An object as it is kept.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// As a value.
    Whole(Arc<Object>),
    /// As text, with what is asked of it most.
    Packed {
        /// `metadata.uid`.
        uid: Box<str>,
        /// `metadata.resourceVersion`.
        version: Box<str>,
        /// The object as JSON, compressed.
        json: Box<[u8]>,
    },
}

impl Kept {
    /// The object as its kind is kept.
    pub(super) fn of(reference: &ObjectRef, object: Arc<Object>) -> Kept {
        let packs = Kind::of(reference).is_some_and(|kind| kind.duty == Duty::Catalog);
        match serde_json::to_vec(object.as_ref()) {
            Ok(json) if packs => Kept::Packed {
                uid: metadata(&object, "uid").into(),
                version: metadata(&object, "resourceVersion").into(),
                json: lz4_flex::compress_prepend_size(&json).into(),
            },
            _ => Kept::Whole(object),
        }
    }

    /// `metadata.uid`; empty when absent.
    pub(super) fn uid(&self) -> &str {
        match self {
            Kept::Whole(object) => metadata(object, "uid"),
            Kept::Packed { uid, .. } => uid,
        }
    }

    /// `metadata.resourceVersion`; empty when absent.
    pub(super) fn version(&self) -> &str {
        match self {
            Kept::Whole(object) => metadata(object, "resourceVersion"),
            Kept::Packed { version, .. } => version,
        }
    }

    /// The object.
    pub(super) fn object(&self) -> Arc<Object> {
        match self {
            Kept::Whole(object) => Arc::clone(object),
            // We wrote it, so that it can be read.
            Kept::Packed { json, .. } => {
                let json = lz4_flex::decompress_size_prepended(json).unwrap_or_default();
                Arc::new(serde_json::from_slice(&json).unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("flagger.app/v1beta1", "Canary", true)]
    #[case("flagger.app/v1beta1", "MetricTemplate", true)]
    #[case("apps/v1", "Deployment", false)]
    #[case("example.com/v1", "Canary", false)]
    fn what_every_replica_watches_is_packed_and_comes_out_as_it_went_in(
        #[case] api_version: &str,
        #[case] kind: &str,
        #[case] packs: bool,
    ) {
        let object = Arc::new(json!({
            "metadata": {"name": "a", "uid": "u", "resourceVersion": "7"}, "spec": {"big": u64::MAX, "small": 0.1, "text": "é\n"},
        }));
        let kept = Kept::of(&ObjectRef::new(api_version, kind, "n", "a"), Arc::clone(&object));
        assert_eq!(matches!(kept, Kept::Packed { .. }), packs);
        assert_eq!((kept.uid(), kept.version(), kept.object()), ("u", "7", object));
    }
}
