//! Walks the tree of a template with the values at hand.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::function::Function;
use super::parser::{Call, Node, Operand, Pipeline};
use super::{Fault, Located, MAX_RENDERED_BYTES, Variables, format};

/// What an expression is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Map(&'a BTreeMap<String, String>),
}

impl Value<'_> {
    /// The value as it stands in the result.
    pub(super) fn print(&self) -> Result<String, Fault> {
        match self {
            Self::Text(text) => Ok(text.to_string()),
            Self::Integer(number) => Ok(number.to_string()),
            Self::Float(number) => Ok(format::float(*number)),
            Self::Bool(truth) => Ok(truth.to_string()),
            // Go would print `map[key:value]`, which is never what a query wants.
            Self::Map(_) => Err(Fault::WholeMap),
        }
    }

    /// The value as it stands in a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("the text \"{}\"", format::shorten(text)),
            Self::Integer(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {}", format::float(*number)),
            Self::Bool(truth) => truth.to_string(),
            Self::Map(_) => "variables as a whole".to_owned(),
        }
    }

    /// Go's truth: everything but empty, zero and false.
    fn holds(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Integer(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Bool(truth) => *truth,
            Self::Map(map) => !map.is_empty(),
        }
    }
}

/// Renders a whole template.
pub(super) fn render(nodes: &[Node], variables: &Variables) -> Located<String> {
    let mut walk = Walk { variables, text: String::new() };
    walk.nodes(nodes)?;
    Ok(walk.text)
}

struct Walk<'a> {
    variables: &'a Variables,
    text: String,
}

impl<'a> Walk<'a> {
    fn nodes(&mut self, nodes: &'a [Node]) -> Located<()> {
        for node in nodes {
            match node {
                Node::Text(text) => self.write(0, text)?,
                Node::Output { offset, pipeline } => {
                    let text = self.pipeline(pipeline)?.print().map_err(|fault| (*offset, fault))?;
                    self.write(*offset, &text)?;
                }
                Node::If { branches, otherwise } => {
                    let mut taken = otherwise;
                    for branch in branches {
                        if self.pipeline(&branch.condition)?.holds() {
                            taken = &branch.body;
                            break;
                        }
                    }
                    self.nodes(taken)?;
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: usize, text: &str) -> Located<()> {
        if self.text.len() + text.len() > MAX_RENDERED_BYTES {
            return Err((offset, Fault::RenderedTooLong));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn pipeline(&self, pipeline: &'a Pipeline) -> Located<Value<'a>> {
        let mut value = self.operand(&pipeline.first)?;
        for call in &pipeline.calls {
            value = self.call(call, Some(value))?;
        }
        Ok(value)
    }

    fn operand(&self, operand: &'a Operand) -> Located<Value<'a>> {
        match operand {
            Operand::Text(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Operand::Integer(number) => Ok(Value::Integer(*number)),
            Operand::Float(number) => Ok(Value::Float(*number)),
            Operand::Bool(truth) => Ok(Value::Bool(*truth)),
            Operand::Call(call) => self.call(call, None),
            Operand::Group(pipeline) => self.pipeline(pipeline),
            Operand::Field { offset, of, key } => match self.operand(of)? {
                Value::Map(map) => look_up(map, key).map_err(|fault| (*offset, fault)),
                other => Err((*offset, Fault::NoKeys { key: key.clone(), value: other.describe() })),
            },
        }
    }

    fn call(&self, call: &'a Call, piped: Option<Value<'a>>) -> Located<Value<'a>> {
        let Variables { name, namespace, target, service, ingress, route, interval, variables } =
            self.variables;
        let text = |text: &'a String| Ok(Value::Text(Cow::Borrowed(text)));
        match call.entry.function {
            Function::Name => text(name),
            Function::Namespace => text(namespace),
            Function::Target => text(target),
            Function::Service => text(service),
            Function::Ingress => text(ingress),
            Function::Route => text(route),
            Function::Interval => text(interval),
            Function::Variables => Ok(Value::Map(variables)),
            Function::And => self.first_that(call, piped, false),
            Function::Or => self.first_that(call, piped, true),
            eager => {
                let mut values = call
                    .arguments
                    .iter()
                    .map(|argument| self.operand(argument))
                    .collect::<Located<Vec<_>>>()?;
                values.extend(piped);
                apply(eager, call.entry.name, &values).map_err(|fault| (call.offset, fault))
            }
        }
    }

    /// `and` and `or`: the first value whose truth settles the matter, or the last one; the rest is not looked at, so
    /// that it may name what is missing.
    fn first_that(&self, call: &'a Call, piped: Option<Value<'a>>, truth: bool) -> Located<Value<'a>> {
        let mut last = Value::Bool(!truth);
        for argument in &call.arguments {
            last = self.operand(argument)?;
            if last.holds() == truth {
                return Ok(last);
            }
        }
        Ok(piped.unwrap_or(last))
    }
}

fn apply<'a>(function: Function, name: &'static str, values: &[Value<'a>]) -> Result<Value<'a>, Fault> {
    let wrong =
        |value: &Value<'_>, reason| Fault::WrongType { function: name, value: value.describe(), reason };
    let owned = |text: String| Value::Text(Cow::Owned(text));
    match (function, values) {
        (Function::Printf, [Value::Text(text), rest @ ..]) => format::printf(text, rest).map(owned),
        (Function::Printf, [other, ..]) => Err(wrong(other, "the first argument is the text with its %")),
        (Function::Index, [Value::Map(map), Value::Text(key)]) => look_up(map, key),
        (Function::Index, [Value::Map(_), other]) => Err(wrong(other, "a key is a text")),
        (Function::Index, [other, ..]) => Err(wrong(other, "it looks only into variables")),
        (Function::Eq, [first, rest @ ..]) => {
            let mut found = false;
            for other in rest {
                found |= same(first, other)
                    .ok_or_else(|| wrong(other, "both sides must be of one kind, such as two texts"))?;
            }
            Ok(Value::Bool(found))
        }
        (Function::Ne, [first, other]) => match same(first, other) {
            Some(same) => Ok(Value::Bool(!same)),
            None => Err(wrong(other, "both sides must be of one kind, such as two texts")),
        },
        (Function::Not, [value]) => Ok(Value::Bool(!value.holds())),
        (Function::Literal, [Value::Text(text)]) if text.len() <= MAX_RENDERED_BYTES => {
            Ok(owned(format::literal(text)))
        }
        (Function::Literal, [Value::Text(_)]) => Err(Fault::RenderedTooLong),
        (Function::Literal, [other]) => Err(wrong(other, "it needs a text")),
        // The parser has counted the arguments; this names what it would have said.
        (_, values) => Err(Fault::WrongCount {
            function: name,
            takes: "another number of arguments".to_owned(),
            given: values.len(),
        }),
    }
}

fn look_up<'a>(map: &'a BTreeMap<String, String>, key: &str) -> Result<Value<'a>, Fault> {
    match map.get(key) {
        Some(text) => Ok(Value::Text(Cow::Borrowed(text))),
        None => Err(Fault::MissingVariable {
            key: format::shorten(key),
            known: map.keys().take(20).map(|key| format::shorten(key)).collect(),
        }),
    }
}

/// Whether two values are equal; `None` when they are of different kinds.
fn same(one: &Value<'_>, other: &Value<'_>) -> Option<bool> {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => Some(one == other),
        (Value::Integer(one), Value::Integer(other)) => Some(one == other),
        (Value::Float(one), Value::Float(other)) => Some(one == other),
        (Value::Bool(one), Value::Bool(other)) => Some(one == other),
        _ => None,
    }
}
