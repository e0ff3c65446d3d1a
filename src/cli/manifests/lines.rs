//! In which line of a document each of its fields stands.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// A value and where its fields stand.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) value: Value,
    pub(super) lines: Lines,
}

/// The lines of a value's fields, counted from 1; 0 where nothing is known.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Lines {
    own: u64,
    inner: Inner,
}

#[derive(Clone, Debug, Default)]
enum Inner {
    #[default]
    Scalar,
    Map(BTreeMap<String, Lines>),
    List(Vec<Lines>),
}

impl Lines {
    /// The line of a field such as `spec.analysis.metrics[0].name`; that of the nearest one around it if it is not there.
    pub(in crate::cli) fn of(&self, path: &str) -> u64 {
        let path = path.strip_prefix('.').unwrap_or(path);
        let inner = match &self.inner {
            Inner::Scalar => None,
            // The longest key first: some have dots.
            Inner::Map(fields) => fields
                .iter()
                .filter_map(|(key, lines)| Some((key.len(), lines, after(path, key)?)))
                .max_by_key(|(length, ..)| *length)
                .map(|(_, lines, rest)| (lines, rest)),
            Inner::List(items) => path.strip_prefix('[').and_then(|path| {
                let (index, rest) = path.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, rest))
            }),
        };
        inner.map_or(self.own, |(lines, rest)| lines.of(rest))
    }

    /// The fields' lines of one item of this value's list.
    pub(super) fn item(&self, list: &str, index: usize) -> Lines {
        let Inner::Map(fields) = &self.inner else { return self.clone() };
        match fields.get(list).map(|list| &list.inner) {
            Some(Inner::List(items)) => items.get(index).unwrap_or(self).clone(),
            _ => self.clone(),
        }
    }

    /// The same so many lines further down.
    pub(super) fn moved(mut self, by: u64) -> Self {
        self.own += by;
        self.inner = match self.inner {
            Inner::Scalar => Inner::Scalar,
            Inner::Map(fields) => {
                Inner::Map(fields.into_iter().map(|(key, lines)| (key, lines.moved(by))).collect())
            }
            Inner::List(items) => Inner::List(items.into_iter().map(|lines| lines.moved(by)).collect()),
        };
        self
    }
}

/// What follows a key at the beginning of a path; keys may stand in brackets, with or without quotes.
fn after<'a>(path: &'a str, key: &str) -> Option<&'a str> {
    let bracketed = || {
        let inside = path.strip_prefix('[')?;
        match inside.strip_prefix('"') {
            Some(quoted) => quoted.strip_prefix(key)?.strip_prefix("\"]"),
            None => inside.strip_prefix(key)?.strip_prefix(']'),
        }
    };
    let rest = path.strip_prefix(key).or_else(bracketed)?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let located: Spanned<Anything> = Spanned::deserialize(deserializer)?;
        let Anything { value, inner } = located.value;
        Ok(Located { value, lines: Lines { own: located.referenced.line(), inner } })
    }
}

/// A value with the lines of its parts, but not its own.
struct Anything {
    value: Value,
    inner: Inner,
}

impl From<Value> for Anything {
    fn from(value: Value) -> Self {
        Anything { value, inner: Inner::Scalar }
    }
}

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anybody)
    }
}

struct Anybody;

impl<'de> Visitor<'de> for Anybody {
    type Value = Anything;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Anything, E> {
        Ok(Value::from(value).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Anything, E> {
        Ok(Value::from(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Anything, E> {
        Ok(Value::from(value).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Anything, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Anything, E> {
        Ok(Value::from(value).into())
    }

    fn visit_unit<E>(self) -> Result<Anything, E> {
        Ok(Value::Null.into())
    }

    fn visit_none<E>(self) -> Result<Anything, E> {
        Ok(Value::Null.into())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Anything, D::Error> {
        Anything::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Anything, A::Error> {
        let (mut values, mut lines) = (Vec::new(), Vec::new());
        while let Some(item) = items.next_element::<Located>()? {
            values.push(item.value);
            lines.push(item.lines);
        }
        Ok(Anything { value: Value::Array(values), inner: Inner::List(lines) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Anything, A::Error> {
        let (mut values, mut lines) = (Map::new(), BTreeMap::new());
        while let Some(key) = fields.next_key::<Spanned<String>>()? {
            let mut field = fields.next_value::<Located>()?;
            // A long value begins below its key, and people look for the key.
            if key.referenced.line() > 0 {
                field.lines.own = key.referenced.line();
            }
            values.insert(key.value.clone(), field.value);
            lines.insert(key.value, field.lines);
        }
        Ok(Anything { value: Value::Object(values), inner: Inner::Map(lines) })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TEXT: &str = "\
# a comment
spec:
  metrics:
    - name: one
    - name: two
      range: {min: 1,
        max: 2}
  headers:
    x-foo:
      exact: a
    x.bar: b
  shared: &shared
    a: 1
  again: *shared
";

    #[rstest]
    #[case::itself("", 2)]
    #[case::a_field("spec", 2)]
    #[case::a_list("spec.metrics", 3)]
    #[case::an_item("spec.metrics[1]", 5)]
    #[case::within_an_item("spec.metrics[1].range", 6)]
    #[case::in_braces("spec.metrics[1].range.max", 7)]
    #[case::a_key_in_brackets("spec.headers[x-foo].exact", 10)]
    #[case::a_key_in_quotes("spec.headers[\"x-foo\"].exact", 10)]
    #[case::a_key_with_a_dot("spec.headers.x.bar", 11)]
    #[case::an_alias("spec.again", 14)]
    #[case::what_is_missing_stands_at_its_parent("spec.metrics[1].interval", 5)]
    #[case::an_item_too_many("spec.metrics[7].name", 3)]
    #[case::a_name_that_only_begins_alike("spec.metricsServer", 2)]
    fn a_field_has_the_line_of_its_key(#[case] path: &str, #[case] line: u64) {
        let located: Located = serde_saphyr::from_str(TEXT).unwrap();
        assert_eq!(located.lines.of(path), line);
        assert_eq!(located.lines.moved(10).of(path), line + 10);
    }

    #[test]
    fn the_value_is_the_one_that_is_read_without_lines() {
        let text = "a: [1, -2, 2.5, 1e3, true, ~, null, yes, '5', 0x10, 2026-01-01]\nb: {c: \"d\", 1: x}\n<<: {m: 1}\n";
        let located: Located = serde_saphyr::from_str(text).unwrap();
        assert_eq!(located.value, serde_saphyr::from_str::<Value>(text).unwrap());
    }
}
