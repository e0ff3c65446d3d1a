//! Whole numbers as people and tools write them: `10` and `10.0` are the same, `10.5` is an error that names the value.
//!
//! The peer's schema says `number` where its code wants an integer, so stored objects may hold either form (and JSON written
//! by other languages has no integers at all). Reading is lenient for one object; a fraction fails that object alone.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// The largest magnitude up to which every whole number has an exact `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Schema of a whole number that a CEL rule looks at.
///
/// The API server keeps `10.0` as it was sent until it stores it, and CEL refuses a float where the schema says `integer`;
/// `number` with `multipleOf` lets both forms through and refuses a fraction as well.
pub(super) fn for_cel(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "multipleOf": 1, "maximum": i32::MAX })
}

/// Schema of a list of whole numbers that a CEL rule looks at.
pub(super) fn list_for_cel(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "number", "multipleOf": 1, "minimum": 1, "maximum": i32::MAX } })
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Sample {
        #[serde(default, deserialize_with = "optional")]
        small: Option<i32>,
        #[serde(default, deserialize_with = "optional")]
        large: Option<i64>,
        #[serde(default, deserialize_with = "list")]
        several: Vec<i32>,
        #[serde(default, deserialize_with = "map")]
        named: BTreeMap<String, i32>,
        #[serde(default, deserialize_with = "or_zero")]
        counter: i32,
        #[serde(default, deserialize_with = "port")]
        port: Option<IntOrString>,
    }

    fn read(value: serde_json::Value) -> Result<Sample, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    proptest! {
        #[test]
        fn both_forms_of_a_whole_number_are_the_same(number: i32) {
            let integer = read(json!({ "small": number, "several": [number], "counter": number })).unwrap();
            let float = read(json!({ "small": f64::from(number), "several": [f64::from(number)], "counter": f64::from(number) })).unwrap();
            prop_assert_eq!(integer.small, Some(number));
            prop_assert_eq!(integer, float);
        }

        #[test]
        fn every_number_of_64_bits_is_read_exactly(number: i64) {
            prop_assert_eq!(read(json!({ "large": number })).unwrap().large, Some(number));
        }

        #[test]
        fn w_api_1_every_fraction_is_refused(whole in -1_000_000..1_000_000_i32, fraction in 0.001..0.999_f64) {
            let number = f64::from(whole) + fraction;
            let error = read(json!({ "small": number })).unwrap_err();
            prop_assert!(error.contains(&number.to_string()), "{}", error);
        }
    }

    #[test]
    fn absent_and_null_are_the_same() {
        let absent = read(json!({})).unwrap();
        let null =
            read(json!({ "small": null, "several": null, "named": null, "counter": null, "port": null }))
                .unwrap();
        assert_eq!(absent, null);
        assert_eq!((absent.small, absent.counter, absent.port), (None, 0, None));
    }

    #[rstest]
    #[case(json!(9898), IntOrString::Int(9898))]
    #[case(json!(9898.0), IntOrString::Int(9898))]
    #[case(json!("http"), IntOrString::String("http".to_owned()))]
    fn a_port_is_a_number_or_a_name(#[case] value: serde_json::Value, #[case] expected: IntOrString) {
        assert_eq!(read(json!({ "port": value })).unwrap().port, Some(expected));
    }

    #[rstest]
    #[case(json!({ "small": 3_000_000_000_i64 }), "integer `3000000000`, expected a whole number within the field's range")]
    #[case(json!({ "small": 1e300 }), "1e+300")]
    #[case(json!({ "large": u64::MAX }), "integer `18446744073709551615`, expected a whole number")]
    #[case(json!({ "small": "5" }), "string \"5\", expected a whole number")]
    #[case(json!({ "small": true }), "boolean `true`, expected a whole number")]
    #[case(json!({ "named": { "a": 1.5 } }), "`1.5`, expected a whole number")]
    #[case(json!({ "port": 80.5 }), "`80.5`, expected a whole number")]
    fn what_is_no_whole_number_is_named(#[case] value: serde_json::Value, #[case] expected: &str) {
        let error = read(value).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
