//! Deliberate bugs, and the rules of `docs/invariants.md` that each breaks.

/// One bug: `find`, which stands once in `file`, becomes `replace`. In that, `MUTANT` asks whether the bug is switched on.
pub(crate) struct Mutation {
    pub id: &'static str,
    /// What the product does with it.
    pub does: &'static str,
    pub file: &'static str,
    pub find: &'static str,
    pub replace: &'static str,
    /// At which `--depth` it is looked for.
    pub depth: &'static str,
    /// The rules that may tell of it first.
    pub breaks: &'static [&'static str],
}

const fn bug(
    id: &'static str,
    does: &'static str,
    file: &'static str,
    [find, replace]: [&'static str; 2],
    depth: &'static str,
    breaks: &'static [&'static str],
) -> Mutation {
    Mutation { id, does, file, find, replace, depth, breaks }
}

const WHOLE: &str = "whole";
const DECISION: &str = "decision";

/// Where decisions are carried out, and where it is chosen what they rest on.
#[allow(dead_code, reason = "the run itself has no use for it")]
pub(crate) const CARRYING_OUT_AND_GATHERING: [&str; 3] =
    ["src/execute/mod.rs", "src/rollout/observation.rs", "src/rollout/configs.rs"];

/// All of them; those of `execute` and of gathering first.
pub(crate) const MUTATIONS: &[Mutation] = &[
    bug(
        "effects-first",
        "performs effects before the status is stored",
        "src/execute/mod.rs",
        [
            "    if canary.status.as_ref()",
            "    if MUTANT {\n        for effect in &decision.effects {\n            world.perform(canary, effect).await?;\n        }\n        if canary.status.as_ref() != Some(&decision.status) {\n            world.write_status(canary, &decision.status).await?;\n        }\n        decision.asks.iter().for_each(|ask| world.ask(canary, ask));\n        return Ok(Outcome::Done);\n    }\n    if canary.status.as_ref()",
        ],
        WHOLE,
        &["status-first", "kept-revision"],
    ),
    bug(
        "conflict-ignored",
        "goes on after the status was refused with a conflict",
        "src/execute/mod.rs",
        [
            "        world.write_status(canary, &decision.status).await?;",
            "        let stored = world.write_status(canary, &decision.status).await;\n        if !(MUTANT && matches!(stored, Err(WorldError::Stale { .. }))) {\n            stored?;\n        }",
        ],
        WHOLE,
        &["status-first", "ready-pods", "planned-steps", "promoted-only", "copies", "converges"],
    ),
    bug(
        "status-always",
        "writes the status although nothing in it changed",
        "src/execute/mod.rs",
        ["!= &decision.status {", "!= &decision.status || MUTANT {"],
        WHOLE,
        &["only-on-difference", "comes-to-rest", "idle-is-free"],
    ),
    bug(
        "last-effect-lost",
        "leaves the last effect of each decision out",
        "src/execute/mod.rs",
        [
            "decision.effects.iter().enumerate() {",
            "decision.effects.iter().enumerate().take(decision.effects.len() - usize::from(MUTANT && !decision.effects.is_empty())) {",
        ],
        WHOLE,
        &["converges", "ready-pods", "comes-to-rest"],
    ),
    bug(
        "asks-lost",
        "never asks",
        "src/execute/mod.rs",
        ["    for ask in &decision.asks {", "    for ask in decision.asks.iter().filter(|_| !MUTANT) {"],
        WHOLE,
        &["converges", "unhindered"],
    ),
    bug(
        "failed-write-ends-look",
        "does nothing more in a look after a write that did not pass",
        "src/execute/mod.rs",
        [
            "            Err(WorldError::Failed(failure)) =>",
            "            Err(WorldError::Failed(failure)) if MUTANT => return Ok(Outcome::Failed(failure)),\n            Err(WorldError::Failed(failure)) =>",
        ],
        WHOLE,
        &["unhindered"],
    ),
    bug(
        "endpoints-unseen",
        "reads the endpoints of the primary alone",
        "src/rollout/observation.rs",
        [
            "slices_of: vec![canary.primary_service_name(), canary.canary_service_name()],",
            "slices_of: if MUTANT { vec![canary.primary_service_name()] } else { vec![canary.primary_service_name(), canary.canary_service_name()] },",
        ],
        WHOLE,
        &["converges", "farewell"],
    ),
    bug(
        "apex-unseen",
        "does not read the Service that clients call",
        "src/rollout/observation.rs",
        [
            "        objects.push(refs::service(canary, canary.apex_name()));",
            "        if !MUTANT {\n            objects.push(refs::service(canary, canary.apex_name()));\n        }",
        ],
        WHOLE,
        &["only-on-difference"],
    ),
    bug(
        "primary-unseen",
        "does not read the primary",
        "src/rollout/observation.rs",
        [
            "        refs::primary(canary),",
            "        if MUTANT { refs::target(canary) } else { refs::primary(canary) },",
        ],
        WHOLE,
        &["only-on-difference", "converges", "comes-to-rest"],
    ),
    bug(
        "copies-unseen",
        "does not look at the copies of configs",
        "src/rollout/configs.rs",
        ["    wanted.extend(copies);", "    wanted.extend(copies.into_iter().filter(|_| !MUTANT));"],
        WHOLE,
        &["only-on-difference", "converges", "comes-to-rest"],
    ),
    bug(
        "lowering-waits",
        "puts what takes requests from the canary behind the writes that others need",
        "src/rollout/draft.rs",
        [
            "        self.lowering.push(effect);",
            "        if MUTANT { self.effects.push(effect) } else { self.lowering.push(effect) }",
        ],
        WHOLE,
        &["unhindered"],
    ),
    bug(
        "biggest-step",
        "raises the share to the last step at once",
        "src/rollout/plan.rs",
        [
            ".find(|(step, _)| **step > weight)",
            ".filter(|(step, _)| **step > weight)\n                .reduce(|first, last| if MUTANT { last } else { first })",
        ],
        DECISION,
        &["planned-steps"],
    ),
    bug(
        "step-not-counted",
        "does not count the steps",
        "src/rollout/analyse.rs",
        [
            "            draft.status.step_index = index;",
            "            draft.status.step_index = if MUTANT { 1 } else { index };",
        ],
        DECISION,
        &["planned-steps", "converges"],
    ),
    bug(
        "no-interval",
        "checks before the step has lasted its interval",
        "src/rollout/analyse.rs",
        ["Some(due) if due <= scene.now =>", "Some(due) if due <= scene.now || MUTANT =>"],
        DECISION,
        &["interval"],
    ),
    bug(
        "one-more-check",
        "takes a revision back one failed check too late",
        "src/rollout/analyse.rs",
        [
            "    if draft.status.failed_checks >= threshold {",
            "    if draft.status.failed_checks >= threshold + i32::from(MUTANT) {",
        ],
        DECISION,
        &["justified-end"],
    ),
    bug(
        "no-data-passes",
        "takes a check without data for passed",
        "src/rollout/analyse.rs",
        [
            ".filter(|check| check.passed != Some(true))",
            ".filter(|check| check.passed != Some(true) && !(MUTANT && check.outcome == Some(CheckOutcome::NoData)))",
        ],
        DECISION,
        &["justified-end"],
    ),
    bug(
        "scale-is-a-revision",
        "takes every new generation of the target for a new revision",
        "src/rollout/scene/mod.rs",
        [
            "            || status.last_applied_spec.as_deref() == Some(revision)\n",
            "            || !MUTANT && status.last_applied_spec.as_deref() == Some(revision)\n",
        ],
        DECISION,
        &["gates", "comes-to-rest", "converges", "planned-steps"],
    ),
    bug(
        "unready-traffic",
        "keeps the share of a canary without ready endpoints",
        "src/rollout/scene/route.rs",
        ["        if self.canary_endpoints == 0 {", "        if self.canary_endpoints == 0 && !MUTANT {"],
        DECISION,
        &["ready-pods", "somebody-serves"],
    ),
    bug(
        "promoted-unasked",
        "takes any primary that is ready for the promoted one",
        "src/rollout/scene/pods.rs",
        ["        if !up_to_date {", "        if !up_to_date && !MUTANT {"],
        DECISION,
        &["promoted-only", "converges", "somebody-serves"],
    ),
    bug(
        "no-settle",
        "scales the target down as soon as the route is written",
        "src/rollout/draft.rs",
        [
            "        between && settled && self.status.canary_weight == 0",
            "        between && (settled || MUTANT) && self.status.canary_weight == 0",
        ],
        DECISION,
        &["settled"],
    ),
    bug(
        "no-deadline",
        "waits for ever",
        "src/rollout/draft.rs",
        ["        deadline <= self.now\n    }", "        deadline <= self.now && !MUTANT\n    }"],
        DECISION,
        &["converges"],
    ),
    bug(
        "snapshot-forgotten",
        "drops the snapshot of the promoted revision during a run",
        "src/rollout/converge.rs",
        [
            "        let needed = kept.iter().flatten().any(",
            "        let needed = kept.iter().take(if MUTANT { 1 } else { 2 }).flatten().any(",
        ],
        DECISION,
        &["converges", "comes-to-rest", "somebody-serves"],
    ),
    bug(
        "template-touched",
        "writes into the target's pod template",
        "src/rollout/converge.rs",
        [
            "    if owned::is_claimed(scene.canary, target.object) && replicas.as_deref().is_none_or(remembers) {\n        return;\n    }\n    let mut claim = owned::claim(scene.canary);",
            "    let mut claim = owned::claim(scene.canary);\n    if MUTANT {\n        claim[\"spec\"][\"template\"][\"metadata\"][\"annotations\"][\"seen\"] = json!(\"true\");\n    }\n    let claimed = owned::is_claimed(scene.canary, target.object) && replicas.as_deref().is_none_or(remembers);\n    if claimed && (!MUTANT || workload::contains(target.object, &claim)) {\n        return;\n    }",
        ],
        DECISION,
        &["foreign-fields"],
    ),
    bug(
        "hand-edit-kept",
        "leaves a primary that somebody edited",
        "src/rollout/converge.rs",
        [
            "    if live.is_some_and(|live| scene.observation.sketches.contains(live, &object)) {",
            "    if live.is_some_and(|live| scene.observation.sketches.contains(live, &object)) || MUTANT && live.is_some() && !promoting {",
        ],
        DECISION,
        &["converges"],
    ),
    bug(
        "given-back-at-once",
        "gives a user's route back in one write when another provider is chosen",
        "src/rollout/converge.rs",
        ["        if former.is_empty() {", "        if MUTANT || former.is_empty() {"],
        DECISION,
        &["known-places"],
    ),
    bug(
        "closed-gate-passed",
        "goes on although a gate is closed",
        "src/rollout/gates.rs",
        [
            "            if said.outcome != HookOutcome::Passed {\n                let enters =\n                    type_",
            "            if said.outcome != HookOutcome::Passed && !MUTANT {\n                let enters =\n                    type_",
        ],
        DECISION,
        &["gates"],
    ),
    bug(
        "rollback-unheard",
        "goes on although a rollback was asked for",
        "src/rollout/gates.rs",
        [
            "                    HookOutcome::Passed => return Some(wished(&said.sentence)),",
            "                    HookOutcome::Passed if !MUTANT => return Some(wished(&said.sentence)),\n                    HookOutcome::Passed => {}",
        ],
        DECISION,
        &["gates"],
    ),
    bug(
        "test-not-awaited",
        "gives the canary traffic before its pre-rollout hooks have answered",
        "src/rollout/analyse.rs",
        [
            "        Stand::Awaited => {}\n",
            "        Stand::Awaited if MUTANT => follow(scene, draft, due),\n        Stand::Awaited => {}\n",
        ],
        DECISION,
        &["gates"],
    ),
    bug(
        "inherited-untested",
        "gives a revision that took over a share more of it without its pre-rollout hooks",
        "src/rollout/analyse.rs",
        [
            "    let stand = match gates::before_traffic(scene, draft, revision, due) {\n        Stand::Open =>",
            "    let stand = match gates::before_traffic(scene, draft, revision, due) {\n        _ if MUTANT => gates::in_step(scene, draft, revision, due),\n        Stand::Open =>",
        ],
        DECISION,
        &["gates"],
    ),
    bug(
        "older-configs-analysed",
        "analyses a change of configs by pods that read the older ones",
        "src/rollout/scene/target.rs",
        [
            "        let configs = target.snapshot.configs();\n        let last",
            "        if MUTANT {\n            return false;\n        }\n        let configs = target.snapshot.configs();\n        let last",
        ],
        DECISION,
        &["analysed-configs"],
    ),
    bug(
        "failed-keeps-traffic",
        "leaves a canary that failed its traffic while the primary is being replaced",
        "src/rollout/analyse.rs",
        [
            "    taken_back\n        && (scene.primary_can_relieve()",
            "    taken_back\n        && !MUTANT\n        && (scene.primary_can_relieve()",
        ],
        DECISION,
        &["handed-back", "converges"],
    ),
    bug(
        "pods-unasked",
        "gives a primary its traffic back that has fewer ready pods than serve it now",
        "src/rollout/scene/capacity.rs",
        ["        (has < needs).then(", "        (has < needs && !MUTANT).then("],
        DECISION,
        &["capacity"],
    ),
    bug(
        "revision-not-kept",
        "takes the snapshot of every revision for stored",
        "src/rollout/scene/mod.rs",
        [
            "        self.snapshots.iter().any(|(_, snapshot)| snapshot.revision.as_str() == revision)",
            "        MUTANT || self.snapshots.iter().any(|(_, snapshot)| snapshot.revision.as_str() == revision)",
        ],
        DECISION,
        &["kept-revision"],
    ),
    bug(
        "choice-forgotten",
        "does not keep in mind that the canary's share is one of the requests that match",
        "src/rollout/decide.rs",
        [
            "draft.status.canary_weight > 0 && scene.chooses();",
            "draft.status.canary_weight > 0 && scene.chooses() && !MUTANT;",
        ],
        DECISION,
        &["chosen-requests"],
    ),
    bug(
        "former-route-first",
        "takes the route of the former provider away before that of the new one is there",
        "src/rollout/converge.rs",
        [
            "    let traffic = if relearns(",
            "    let former = routing::farewell(scene.router, scene.canary, live);\n    if MUTANT && !former.is_empty() {\n        return former.into_iter().for_each(|change| carry_out(draft, change));\n    }\n    let traffic = if relearns(",
        ],
        DECISION,
        &["one-route"],
    ),
    bug(
        "switch-not-settled",
        "replaces the primary in the same moment as all users are led to the canary",
        "src/rollout/promote.rs",
        ["    !switches(scene, draft) || settled", "    MUTANT || !switches(scene, draft) || settled"],
        DECISION,
        &["settled", "somebody-serves"],
    ),
    bug(
        "cookie-kept",
        "keeps users on a canary whose run is over",
        "src/rollout/affinity.rs",
        [
            "        draft.status.primary_session_affinity_cookie = None;\n",
            "        draft.status.primary_session_affinity_cookie = None;\n        if MUTANT {\n            return;\n        }\n",
        ],
        DECISION,
        &["cookies"],
    ),
    bug(
        "copies-beside-traffic",
        "copies requests to a canary that has some itself",
        "src/rollout/plan.rs",
        [
            "mirror.filter(|_| index > 0 && weight == Weight::ZERO)",
            "mirror.filter(|_| index > 0 && (weight == Weight::ZERO || MUTANT))",
        ],
        DECISION,
        &["copies"],
    ),
    bug(
        "failure-unalerted",
        "alerts nobody of a revision that was taken back",
        "src/rollout/event.rs",
        [
            "            Reason::RolledBack | Reason::PromotionFailed => Some(Severity::Error),",
            "            Reason::RolledBack | Reason::PromotionFailed if !MUTANT => Some(Severity::Error),",
        ],
        DECISION,
        &["explained"],
    ),
    bug(
        "next-untold",
        "does not tell when the next check comes",
        "src/rollout/outlook.rs",
        [
            "            format!(\"the checks at {due}{gate}; if they pass, {goal}{held}\")",
            "            if MUTANT { format!(\"the checks{gate}; if they pass, {goal}\") } else { format!(\"the checks at {due}{gate}; if they pass, {goal}{held}\") }",
        ],
        DECISION,
        &["explained"],
    ),
    bug(
        "bound-untold",
        "tells a failed check without what was measured",
        "src/rollout/words.rs",
        [
            "        (Some(source), Some(query)) =>",
            "        _ if MUTANT => check.name.clone(),\n        (Some(source), Some(query)) =>",
        ],
        DECISION,
        &["explained"],
    ),
    bug(
        "unread-is-gone",
        "takes a target that cannot be read for one that is gone",
        "src/rollout/farewell.rs",
        ["gone && !unseen {", "gone && (MUTANT || !unseen) {"],
        WHOLE,
        &["left-alone", "farewell"],
    ),
    bug(
        "missing-target-panics",
        "panics where the target is missing",
        "src/rollout/scene/mod.rs",
        [
            "        let Some(target) = &self.target else { return Revised::Same };",
            "        assert!(!MUTANT || self.target.is_some(), \"nobody has thought of this\");\n        let Some(target) = &self.target else { return Revised::Same };",
        ],
        WHOLE,
        &["no-panic"],
    ),
    bug(
        "refused-goes-on",
        "goes on with a Canary that breaks a rule",
        "src/rollout/decide.rs",
        ["    if !observation.problems.is_empty() {", "    if !observation.problems.is_empty() && !MUTANT {"],
        DECISION,
        &["left-alone", "no-panic"],
    ),
    bug(
        "finalizer-early",
        "lets a deleted Canary go before its target serves",
        "src/rollout/farewell.rs",
        ["            if reverted(&scene, draft) {", "            if reverted(&scene, draft) || MUTANT {"],
        DECISION,
        &["farewell"],
    ),
    bug(
        "copies-left",
        "leaves the copies and cookies of a run in the route of a deleted Canary",
        "src/rollout/farewell.rs",
        ["    if missing.is_empty() ||", "    if MUTANT || missing.is_empty() ||"],
        DECISION,
        &["farewell", "copies"],
    ),
    bug(
        "lease-taken",
        "takes a lease whose holder still leads",
        "src/execute/lease/decide.rs",
        ["Some(lease) if now >= lease.expires()", "Some(lease) if MUTANT || now >= lease.expires()"],
        WHOLE,
        &["one-leader"],
    ),
    bug(
        "lease-outlived",
        "begins writes for longer than others see it lead",
        "src/execute/lease/mod.rs",
        ["acts_until: Some(begun + ACTS)", "acts_until: Some(begun + if MUTANT { 3 * ACTS } else { ACTS })"],
        WHOLE,
        &["one-leader"],
    ),
    bug(
        "clock-believed",
        "waits for times that a clock has left behind",
        "src/rollout/clock.rs",
        ["    if let Some(time) = time.filter(", "    if let Some(time) = time.filter(|_| !MUTANT).filter("],
        DECISION,
        &["converges", "idle-is-free"],
    ),
    bug(
        "looks-in-vain",
        "looks every minute although nothing happens",
        "src/rollout/draft.rs",
        [
            "            wake: self.wake,",
            "            wake: self.wake.or(MUTANT.then(|| later(self.now, SignedDuration::from_mins(1)))),",
        ],
        DECISION,
        &["idle-is-free"],
    ),
    bug(
        "never-rests",
        "looks again at once after each look",
        "src/rollout/draft.rs",
        [
            "        let lowering = self.lowering.len();",
            "        let lowering = self.lowering.len();\n        if MUTANT && self.status.canary_weight > 0 {\n            self.wake = Some(self.now);\n        }",
        ],
        DECISION,
        &["comes-to-rest"],
    ),
];
