//! How a projection keeps an object: as compressed text. As values, the objects of a Canary would take several times the memory; they
//! are read when their Canary is looked at, which at rest never happens.

use std::sync::Arc;

use super::{raw::metadata, store::Group};
use crate::api::Object;

/// An object as it is kept: as compressed JSON, with what is asked of it most.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    uid: Box<str>,
    version: Box<str>,
    /// In a box: most objects have none.
    group: Option<Box<Group>>,
    json: Box<[u8]>,
}

impl Kept {
    /// The object as it is kept, with the group that it is a member of.
    pub(super) fn of(object: &Object, group: Option<Group>) -> Kept {
        Kept {
            uid: metadata(object, "uid").into(),
            version: metadata(object, "resourceVersion").into(),
            group: group.map(Box::new),
            // A value can always be written.
            json: lz4_flex::compress_prepend_size(&serde_json::to_vec(object).unwrap_or_default()).into(),
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
    pub(super) fn group(&self) -> Option<&Group> {
        self.group.as_deref()
    }

    /// The object.
    pub(super) fn object(&self) -> Arc<Object> {
        // We wrote it, so that it can be read.
        let json = lz4_flex::decompress_size_prepended(&self.json).unwrap_or_default();
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
        let group = Group::Slices("n".to_owned(), "s".to_owned());
        let kept = Kept::of(&object, Some(group.clone()));
        assert_eq!((kept.uid(), kept.version(), kept.object()), ("u", "7", object));
        assert_eq!(kept.group(), Some(&group));
    }
}
