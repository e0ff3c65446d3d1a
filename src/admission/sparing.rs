//! Reads a review without the pod templates that stay as they are: they are nearly all of a workload, and no rule looks at
//! one that is the same on both sides, unless a dry run asks for all that is to be said. Such a pair is compared byte by byte and
//! never made into values.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

/// The keys that lead to the two templates, from the outside in.
const WAY: [&[&str]; 4] = [&["request"], &["object", "oldObject"], &["spec"], &["template"]];

/// The templates of the new and of the old object, as they were written.
type Templates<'a> = [Option<&'a RawValue>; 2];

/// The review as a value. Pod templates that are byte for byte the same in both objects are left out of both, except in a dry run.
///
/// # Errors
/// The body is not JSON, or nests deeper than values may.
pub(super) fn review(body: &[u8]) -> Result<Value, serde_json::Error> {
    let mut templates = Templates::default();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut review = Place { depth: 0, side: 0, templates: &mut templates }.deserialize(&mut reader)?;
    reader.end()?;
    let in_earnest = review.pointer("/request/dryRun") != Some(&Value::Bool(true));
    if let [Some(new), Some(old)] = templates
        && in_earnest
        && new.get() == old.get()
    {
        return Ok(review);
    }
    for (side, template) in WAY[1].iter().zip(templates) {
        let spec = review.pointer_mut(&format!("/request/{side}/spec")).and_then(Value::as_object_mut);
        if let (Some(spec), Some(template)) = (spec, template) {
            spec.insert("template".to_owned(), serde_json::from_str(template.get())?);
        }
    }
    Ok(review)
}

/// A place on the way to a template.
struct Place<'t, 'a> {
    /// How many keys lead here.
    depth: usize,
    /// Whether it is in the new object (0) or in the old one (1).
    side: usize,
    templates: &'t mut Templates<'a>,
}

impl<'a> DeserializeSeed<'a> for Place<'_, 'a> {
    type Value = Value;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Place<'_, 'a> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut entries: M) -> Result<Value, M::Error> {
        let mut fields = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let Some(branch) = WAY[self.depth].iter().position(|known| *known == key) else {
                fields.insert(key, entries.next_value()?);
                continue;
            };
            // Of a key that is written twice the last one counts, here as everywhere.
            let side = if self.depth == 1 { branch } else { self.side };
            match self.depth {
                0 => *self.templates = Templates::default(),
                _ => self.templates[side] = None,
            }
            if self.depth + 1 == WAY.len() {
                self.templates[side] = Some(entries.next_value()?);
            } else {
                let inner = Place { depth: self.depth + 1, side, templates: &mut *self.templates };
                fields.insert(key, entries.next_value_seed(inner)?);
            }
        }
        Ok(fields.into())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut items: S) -> Result<Value, S::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        review(text.as_bytes()).unwrap()
    }

    fn of(new: &Value, old: &Value) -> Value {
        json!({"request": {"uid": "u", "object": {"spec": new}, "oldObject": {"spec": old}}})
    }

    #[test]
    fn a_template_that_stays_as_it_is_is_left_out_of_both_objects() {
        let spec = |replicas: u32| json!({"replicas": replicas, "template": {"spec": {"containers": [{"name": "a"}]}}});
        let expected = of(&json!({"replicas": 1}), &json!({"replicas": 0}));
        assert_eq!(read(&of(&spec(1), &spec(0)).to_string()), expected);
    }

    #[test]
    fn a_dry_run_reads_all_for_its_forecast_looks_at_the_template() {
        let spec = json!({"replicas": 1, "template": {"spec": {"containers": [{"name": "a"}]}}});
        let mut review = of(&spec, &spec);
        review["request"]["dryRun"] = true.into();
        assert_eq!(read(&review.to_string()), review);
    }

    #[rstest]
    #[case::another(json!({"template": {"a": 1}}), json!({"template": {"a": 2}}))]
    #[case::a_new_one(json!({"template": {"a": 1}}), json!({}))]
    #[case::one_that_goes(json!({}), json!({"template": {"a": 1}}))]
    #[case::no_object(json!({"template": [1, -1, 1.5, null, true, "x"]}), json!({"template": "x"}))]
    #[case::no_spec(json!([1, -1, 1.5, null, true, "x"]), json!("x"))]
    fn every_other_template_is_read(#[case] new: Value, #[case] old: Value) {
        let review = of(&new, &old);
        assert_eq!(read(&review.to_string()), review);
    }

    #[rstest]
    #[case::request(r#"{"request":{"object":{"spec":{"template":1}}},"request":{"uid":"u"}}"#)]
    #[case::object(r#"{"request":{"object":{"spec":{"template":1}},"object":{"spec":5}}}"#)]
    #[case::spec(r#"{"request":{"object":{"spec":{"template":1},"spec":{"replicas":1}}}}"#)]
    #[case::template(r#"{"request":{"object":{"spec":{"template":1,"template":{"a":[]}}}}}"#)]
    fn of_a_key_that_is_written_twice_the_last_one_counts(#[case] text: &str) {
        assert_eq!(read(text), serde_json::from_str::<Value>(text).unwrap());
    }

    #[rstest]
    #[case::cut(r#"{"request":{"object":{"spec":{"template":{"#)]
    #[case::more_behind(r#"{"request":{}} x"#)]
    #[case::no_text(r#"{"request":{"object":{"spec":{"template":{"a":nonsense}}}}}"#)]
    fn what_is_no_json_is_an_error(#[case] text: &str) {
        assert!(review(text.as_bytes()).is_err());
    }

    proptest! {
        /// Reading sparingly and reading all of it give the same, but for pairs of equal templates.
        #[test]
        fn nothing_else_is_left_out(new in 0..3_u8, old in 0..3_u8, replicas in any::<Option<i64>>()) {
            let spec = |template: u8| json!({"replicas": replicas, "template": {"n": template}, "more": {"template": template}});
            let (mut new, mut old) = (spec(new), spec(old));
            let found = read(&of(&new, &old).to_string());
            if new["template"] == old["template"] {
                for spec in [&mut new, &mut old] {
                    spec.as_object_mut().unwrap().remove("template");
                }
            }
            prop_assert_eq!(found, of(&new, &old));
        }
    }
}
