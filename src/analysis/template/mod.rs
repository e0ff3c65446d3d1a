//! The subset of Go's `text/template` in which metric queries are written. It renders names and variables into a
//! query and refuses, with position and way out, everything
//! that it does not know; it has no loops, no definitions, no data (`.`) and no variables (`$x`), so a template ends
//! after one walk.

mod error;
mod format;
mod function;
mod lexer;
mod parser;
mod render;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use error::{Fault, TemplateError};

/// The longest template that is parsed, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 16 * 1024;
/// The longest text that a template may render to, in bytes; it also bounds every text on the way there.
pub const MAX_RENDERED_BYTES: usize = 64 * 1024;
/// How deep `{{ if }}` blocks and parentheses may be nested, counted together.
pub const MAX_NESTING: usize = 32;

/// What a template can name: `{{ name }}`, `{{ target }}`, `{{ variables.key }}` and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    /// The Canary's name.
    pub name: String,
    /// The Canary's namespace.
    pub namespace: String,
    /// `spec.targetRef.name`.
    pub target: String,
    /// `spec.service.name`, or the target's name.
    pub service: String,
    /// `spec.ingressRef.name`, or the target's name.
    pub ingress: String,
    /// `spec.routeRef.name`, or the target's name.
    pub route: String,
    /// How far back a query looks, as Prometheus writes it: `30s`, `1m`.
    pub interval: String,
    /// `templateVariables` of the metric: the user's own text, rendered as it is.
    pub variables: BTreeMap<String, String>,
}

/// A template whose syntax is right and whose functions all exist, with as many arguments as they take.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
    nodes: Vec<parser::Node>,
}

/// Reads a template. Errors name line and column; sizes are bounded by [`MAX_TEMPLATE_BYTES`] and [`MAX_NESTING`].
pub fn parse(source: &str) -> Result<Template, TemplateError> {
    let place = |(offset, fault)| TemplateError::at(source, offset, fault);
    if source.len() > MAX_TEMPLATE_BYTES {
        return Err(place((0, Fault::TooLong)));
    }
    let pieces = lexer::split(source).map_err(place)?;
    let nodes = parser::parse(pieces, source.len()).map_err(place)?;
    Ok(Template { source: source.to_owned(), nodes })
}

/// Renders a template. A key that `templateVariables` lacks is an error that names it; the result is bounded by
/// [`MAX_RENDERED_BYTES`].
pub fn render(template: &Template, variables: &Variables) -> Result<String, TemplateError> {
    render::render(&template.nodes, variables)
        .map_err(|(offset, fault)| TemplateError::at(&template.source, offset, fault))
}

/// A fault and the byte where it stands; the public functions turn the byte into line and column.
type Located<T> = Result<T, (usize, Fault)>;
