//! Reads `null` as the field's default, as the API server does for fields without `nullable`.
//!
//! `metrics:` with nothing behind it is what people leave in a manifest; the API server drops it, and a manifest that is read
//! from a file has to mean the same.

use serde::{Deserialize, Deserializer};

/// `null` gives the type's default, everything else is read as usual.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether a flag is at its default, so that it is not written.
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}
