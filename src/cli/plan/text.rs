//! A plan for people.

use std::fmt::Write;

use super::{difference::Change, outline::Outline};
use crate::api::ObjectRef;

/// The plan as text.
pub(super) fn of(outline: &Outline) -> String {
    let Outline { canary, target, provider, .. } = outline;
    let mut text = format!("Canary {canary} releases {target} and routes with {provider}.\n");
    text.push_str(&why(outline));
    section(&mut text, "Objects that Sluice applies (--objects prints them)", &outline.objects, |object| {
        let of = ObjectRef::of(object);
        format!("{:<16} {}", of.kind, of.name)
    });
    section(
        &mut text,
        "Steps of a run, each at its earliest after the canary's pods are ready",
        &outline.steps,
        |step| format!("{:<6} {}", step.earliest, step.what),
    );
    let checks =
        format!("Checks at the end of each step; {} that fail take the revision back", outline.threshold);
    section(&mut text, &checks, &outline.checks, |check| {
        let server = if check.server.is_empty() { String::new() } else { format!(" ({})", check.server) };
        format!("{} passes {}{server}\n    {}", check.metric, check.passes, check.query)
    });
    section(&mut text, "Hooks, in the order of their calls", &outline.hooks, |hook| {
        format!("{:<24} {} {}\n    {}", hook.type_, hook.name, hook.url, hook.when)
    });
    if let Some(changes) = &outline.changes {
        section(&mut text, "Against the cluster", changes, change);
        if changes.is_empty() {
            text.push_str("\nThe cluster has all of it.\n");
        }
    }
    text
}

/// What stops the Canary, if anything does.
pub(super) fn why(outline: &Outline) -> String {
    let mut text = String::new();
    section(&mut text, "The gate refuses it", &outline.refused, Clone::clone);
    if let Some(blocked) = &outline.blocked {
        let _ = write!(text, "\nBlocked: {blocked}\n");
    }
    text
}

fn section<T>(text: &mut String, title: &str, items: &[T], line: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "\n{title}:\n");
    for item in items {
        let _ = writeln!(text, "  {}", line(item));
    }
}

fn change(change: &Change) -> String {
    match change {
        Change::Created { object } => format!("+ {object}"),
        Change::Changed { object, fields } => {
            let mut text = format!("~ {object}");
            for field in fields {
                let _ = write!(text, "\n    {}: {} -> {}", field.path, field.live, field.planned);
            }
            text
        }
    }
}
