//! The routers as a document, made from what they say of themselves.

use super::{Capabilities, Field, ROUTERS, Router};

/// Whether a router can do something.
type Ability = fn(Capabilities) -> bool;

/// `docs/capabilities.md` without its first line.
pub fn document() -> String {
    let mut text = "# What each router can do\n\n\
        What each provider of `spec.provider` can do. A field without a mark has no effect there, and the gate says so (SL306).\n\n"
        .to_owned();
    row(&mut text, "", |router| {
        router.providers().iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" ")
    });
    text.push_str(&format!("|---{}|\n", "|---".repeat(ROUTERS.len())));
    row(&mut text, "writes", |router| {
        let kinds: Vec<&str> = router.kinds().iter().map(|kind| kind.kind).collect();
        if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") }
    });
    let abilities: [(&str, Ability); 6] = [
        ("splits by weight", |can| can.weights),
        ("says when a route is in force", |can| can.acceptance),
        ("splits TCP", |can| can.tcp),
        ("A/B by `spec.analysis.match`", |can| !can.matching.is_empty()),
        ("mirrors to the canary", |can| can.mirror),
        ("session affinity", |can| can.affinity),
    ];
    for (name, able) in abilities {
        row(&mut text, name, |router| mark(able(router.capabilities())));
    }
    for field in Field::ALL {
        row(&mut text, &format!("`{}`", field.path()), |router| mark(router.capabilities().serves(*field)));
    }
    text.push_str(
        "\nA route object that the Canary made is applied whole. In one that a user made only the backends change, of the rules\n\
         that lead to the apex Service alone or to primary and canary: by a patch that is void when the object has moved.\n\
         Where a rule led to the apex, primary and canary get places beside it without requests, and the apex, which means the\n\
         primary by then, goes on until the canary's first share: a proxy that was led to backends which it does not know yet would\n\
         answer with 503 for a moment. The apex keeps its place, with weight 0.\n\
         Everything else in it stays. Where no rule leads to the apex, nothing is written and the Canary's condition `Stalled`\n\
         says what to do. Gloo and App Mesh are tested against our reading of their documented fields, not against the real ones.\n",
    );
    text
}

fn mark(able: bool) -> String {
    if able { "yes" } else { "" }.to_owned()
}

fn row(text: &mut String, name: &str, cell: impl Fn(&dyn Router) -> String) {
    let cells: Vec<String> = ROUTERS.iter().map(|router| cell(*router)).collect();
    text.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
}
