//! Whether the Gateways took the route as it is now.
//!
//! Every parent has to have accepted the present generation and found the backends. A parent may have several controllers'
//! answers (one of a controller that is gone, say): the best one counts.

use super::read::{Condition, HttpRoute, Parent, ParentStatus};
use crate::routing::Acceptance;

/// What all parents say together: a refusal first, then what is awaited.
pub(super) fn acceptance(route: &HttpRoute) -> Acceptance {
    if route.spec.parent_refs.is_empty() {
        return Acceptance::Refused("the HTTPRoute names no parent".to_owned());
    }
    let mut awaited = None;
    for parent in &route.spec.parent_refs {
        match of_parent(parent, route) {
            Acceptance::Accepted => {}
            Acceptance::Pending(what) => {
                awaited.get_or_insert(what);
            }
            refused @ Acceptance::Refused(_) => return refused,
        }
    }
    awaited.map_or(Acceptance::Accepted, Acceptance::Pending)
}

fn of_parent(parent: &Parent, route: &HttpRoute) -> Acceptance {
    let name = describe(parent);
    let answers = route.status.parents.iter().filter(|answer| same(&answer.parent_ref, parent, route));
    let rank = |acceptance: &Acceptance| match acceptance {
        Acceptance::Accepted => 0,
        Acceptance::Pending(_) => 1,
        Acceptance::Refused(_) => 2,
    };
    answers
        .map(|answer| of_answer(answer, &name, route.metadata.generation))
        .min_by_key(rank)
        .unwrap_or_else(|| Acceptance::Pending(format!("no controller has answered for {name}")))
}

fn of_answer(answer: &ParentStatus, parent: &str, generation: i64) -> Acceptance {
    let present = |of: &str| {
        let found = answer.conditions.iter().find(|condition| condition.type_ == of);
        found.filter(|condition| condition.observed_generation >= generation)
    };
    let said = |condition: &Condition| {
        let message = match condition.message.as_str() {
            "" => String::new(),
            message => format!(": {message}"),
        };
        format!("{parent}: {} is {} ({}){message}", condition.type_, condition.status, condition.reason)
    };
    let Some(accepted) = present("Accepted") else {
        return Acceptance::Pending(format!("{parent} has not looked at the last change of the route yet"));
    };
    if accepted.status != "True" {
        let undecided = accepted.status != "False" || accepted.reason == "Pending";
        return if undecided {
            Acceptance::Pending(said(accepted))
        } else {
            Acceptance::Refused(said(accepted))
        };
    }
    // Part of the route is not in force, and nobody says which.
    if let Some(partly) = present("PartiallyInvalid").filter(|condition| condition.status == "True") {
        return Acceptance::Refused(said(partly));
    }
    // A controller that does not report references at all is taken at its word about the route.
    let reported = answer.conditions.iter().any(|condition| condition.type_ == "ResolvedRefs");
    match present("ResolvedRefs") {
        Some(resolved) if resolved.status == "True" => Acceptance::Accepted,
        // Services are made just before the route: a controller that has not seen them yet will.
        Some(resolved) if resolved.status != "False" || resolved.reason == "BackendNotFound" => {
            Acceptance::Pending(said(resolved))
        }
        Some(resolved) => Acceptance::Refused(said(resolved)),
        None if reported => {
            Acceptance::Pending(format!("{parent} has not looked for the backends of the last change yet"))
        }
        None => Acceptance::Accepted,
    }
}

fn same(one: &Parent, other: &Parent, route: &HttpRoute) -> bool {
    let whole = |parent: &Parent| {
        let namespace = parent.namespace.clone().filter(|namespace| !namespace.is_empty());
        Parent { namespace: namespace.or_else(|| Some(route.metadata.namespace.clone())), ..parent.clone() }
    };
    whole(one) == whole(other)
}

fn describe(parent: &Parent) -> String {
    let namespace = parent.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let section =
        parent.section_name.as_ref().map(|section| format!(" listener {section}")).unwrap_or_default();
    format!("{} {namespace}{}{section}", parent.kind, parent.name)
}
