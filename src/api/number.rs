//! Whole numbers as people and tools write them: `10` and `10.0` are the same, `10.5` is an error that names the value.
//!
//! The peer's schema says `number` where its code wants an integer, so stored objects may hold either form (and JSON written
//! by other languages has no integers at all). Reading is lenient for one object; a fraction fails that object alone.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// The largest magnitude up to which every whole number has an exact `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One whole number, for fields that are always there.
pub fn whole<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let Whole(value) = Whole::deserialize(deserializer)?;
    narrow(value)
}

/// A whole number that may be absent or `null`.
pub fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    Option::<Whole>::deserialize(deserializer)?.map(|Whole(value)| narrow(value)).transpose()
}

/// A list of whole numbers; `null` is the empty list.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let values = Option::<Vec<Whole>>::deserialize(deserializer)?.unwrap_or_default();
    values.into_iter().map(|Whole(value)| narrow(value)).collect()
}

/// Names with whole numbers; `null` is none.
pub fn map<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let values = Option::<BTreeMap<String, Whole>>::deserialize(deserializer)?.unwrap_or_default();
    values.into_iter().map(|(name, Whole(value))| Ok((name, narrow(value)?))).collect()
}

/// A port by number or by name that may be absent or `null`.
pub fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IntOrString>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Port {
        Name(String),
        Number(serde_json::Number),
    }
    match Option::<Port>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Port::Name(name)) => Ok(Some(IntOrString::String(name))),
        Some(Port::Number(number)) => {
            whole(number).map(|number| Some(IntOrString::Int(number))).map_err(D::Error::custom)
        }
    }
}

/// A whole number that may be absent; absence and `null` are zero.
pub fn or_zero<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64> + Default,
{
    Ok(optional(deserializer)?.unwrap_or_default())
}

fn narrow<T: TryFrom<i64>, E: Error>(value: i64) -> Result<T, E> {
    T::try_from(value)
        .map_err(|_| E::invalid_value(Unexpected::Signed(value), &"a whole number within the field's range"))
}

/// A whole number of either JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Whole(i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Whole, E> {
        Ok(Whole(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Whole, E> {
        i64::try_from(value).map(Whole).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Whole, E> {
        // Within the exact range the conversion loses nothing; beyond it the written number is already lost.
        if value.fract() == 0.0 && value.abs() <= EXACT {
            Ok(Whole(value as i64))
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }
}
