//! As much of Prometheus as a test needs: a real parser of its language, its anchored matching, and arithmetic on sums of
//! rates.

use promql_parser::parser::token::{T_DIV, T_MUL, T_SUB};
use promql_parser::parser::{Expr, VectorSelector, parse};

/// A series with its labels, the name as `__name__`, and how much it grows in a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<'a> {
    pub(super) labels: &'a [(&'a str, &'a str)],
    pub(super) per_second: f64,
}

/// Reads a query or says where it is none.
pub(super) fn expression(query: &str) -> Expr {
    parse(query).unwrap_or_else(|error| panic!("{error}: {query}"))
}

/// Whether each selector of a query finds the series; the name of the series does not count.
pub(super) fn finds(query: &str, labels: &[(&str, &str)]) -> bool {
    let expression = expression(query);
    let mut selectors = Vec::new();
    collect(&expression, &mut selectors);
    assert!(!selectors.is_empty(), "{query} selects nothing");
    selectors.iter().all(|selector| matches(selector, labels))
}

/// What a query made of sums of rates gives; `None` when it has no data.
pub(super) fn value(query: &str, series: &[Series<'_>]) -> Option<f64> {
    evaluate(&expression(query), series)
}

fn collect<'a>(expression: &'a Expr, found: &mut Vec<&'a VectorSelector>) {
    match expression {
        Expr::VectorSelector(selector) => found.push(selector),
        Expr::MatrixSelector(range) => found.push(&range.vs),
        Expr::Aggregate(sum) => collect(&sum.expr, found),
        Expr::Paren(inner) => collect(&inner.expr, found),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| collect(argument, found)),
        Expr::Binary(binary) => [&binary.lhs, &binary.rhs].into_iter().for_each(|side| collect(side, found)),
        _ => {}
    }
}

/// A label that a series does not have counts as an empty one.
fn matches(selector: &VectorSelector, labels: &[(&str, &str)]) -> bool {
    selector.matchers.matchers.iter().all(|matcher| {
        let label = labels.iter().find(|(name, _)| *name == matcher.name);
        matcher.is_match(label.map_or("", |(_, value)| *value))
    })
}

fn evaluate(expression: &Expr, series: &[Series<'_>]) -> Option<f64> {
    match expression {
        Expr::NumberLiteral(number) => Some(number.val),
        Expr::Paren(inner) => evaluate(&inner.expr, series),
        Expr::Binary(binary) => {
            let (left, right) = (evaluate(&binary.lhs, series)?, evaluate(&binary.rhs, series)?);
            match binary.op.id() {
                T_DIV => Some(left / right),
                T_MUL => Some(left * right),
                T_SUB => Some(left - right),
                other => panic!("no arithmetic for token {other}"),
            }
        }
        Expr::Aggregate(_) => {
            let mut selectors = Vec::new();
            collect(expression, &mut selectors);
            let named = |one: &&Series<'_>| {
                selectors.iter().all(|selector| {
                    let name = ("__name__", selector.name.as_deref().unwrap_or_default());
                    one.labels.contains(&name) && matches(selector, one.labels)
                })
            };
            let found: Vec<f64> = series.iter().filter(named).map(|one| one.per_second).collect();
            (!found.is_empty()).then(|| found.iter().sum())
        }
        other => panic!("no value for {other}"),
    }
}
