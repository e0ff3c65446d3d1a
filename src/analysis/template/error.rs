//! What can be wrong with a template, said with its place and the way out.

use super::{MAX_NESTING, MAX_RENDERED_BYTES, MAX_TEMPLATE_BYTES, function};

/// A template that cannot be parsed or rendered, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct TemplateError {
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column of the fault in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: Fault,
}

impl TemplateError {
    pub(super) fn at(source: &str, offset: usize, fault: Fault) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            fault,
        }
    }
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The template is longer than [`MAX_TEMPLATE_BYTES`].
    #[error("the template is longer than {} KiB; shorten it", MAX_TEMPLATE_BYTES / 1024)]
    TooLong,
    /// The result would be longer than [`MAX_RENDERED_BYTES`].
    #[error("the template renders to more than {} KiB; use shorter variables", MAX_RENDERED_BYTES / 1024)]
    RenderedTooLong,
    /// Blocks and parentheses are nested deeper than [`MAX_NESTING`].
    #[error("blocks and parentheses are nested deeper than {MAX_NESTING}; flatten the template")]
    TooDeep,
    /// Something was opened and never closed.
    #[error("this {opened} is never closed; add {closing}")]
    Unclosed {
        /// What was opened: `{{`, `"`, `(`, `{{ if }}` …
        opened: &'static str,
        /// What would close it.
        closing: &'static str,
    },
    /// A word or sign that cannot stand here.
    #[error("{found} cannot stand here; expected {expected}")]
    Unexpected {
        /// What was found.
        found: String,
        /// What could have stood there.
        expected: &'static str,
    },
    /// A part of Go's template language that metric queries do not need.
    #[error("{what} is not supported; {instead}")]
    Unsupported {
        /// The construct, as the user wrote it.
        what: String,
        /// What to write instead.
        instead: &'static str,
    },
    /// A literal that cannot be read.
    #[error("{literal} is no valid {what}")]
    BadLiteral {
        /// The literal, as the user wrote it.
        literal: String,
        /// What it seemed to be.
        what: &'static str,
    },
    /// A function that does not exist.
    #[error("there is no function '{name}'; known are {}", function::names())]
    UnknownFunction {
        /// The unknown name.
        name: String,
    },
    /// A function with too few or too many arguments.
    #[error("'{function}' takes {takes}, not {given}")]
    WrongCount {
        /// The function.
        function: &'static str,
        /// How many arguments it takes, in words.
        takes: String,
        /// How many it was given.
        given: usize,
    },
    /// A function that cannot work on the value it was given.
    #[error("'{function}' cannot use {value}: {reason}")]
    WrongType {
        /// The function.
        function: &'static str,
        /// The value, shortened.
        value: String,
        /// What it needs.
        reason: &'static str,
    },
    /// `printf` whose text and values do not fit each other.
    #[error("printf: {reason}")]
    BadFormat {
        /// What does not fit.
        reason: String,
    },
    /// A key that `templateVariables` does not have.
    #[error("the variable '{key}' is not set; add it under templateVariables of the metric ({})", list(.known))]
    MissingVariable {
        /// The key that is missing.
        key: String,
        /// The keys that are there.
        known: Vec<String>,
    },
    /// A key was looked up in something that has no keys.
    #[error("'.{key}' looks into {value}, which has no keys; only variables has them")]
    NoKeys {
        /// The key.
        key: String,
        /// What it was looked up in, shortened.
        value: String,
    },
    /// `variables` as a whole where one text is needed.
    #[error("'variables' holds many values; name one: {{{{ variables.key }}}}")]
    WholeMap,
}

fn list(keys: &[String]) -> String {
    if keys.is_empty() { "none are set".to_owned() } else { format!("set are: {}", keys.join(", ")) }
}
