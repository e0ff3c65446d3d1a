//! What is not ours stays.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Invariant, Moment};
use crate::{
    api::{Object, ObjectRef, names},
    rollout::Effect,
    simulation::search::{
        happening::{FOREIGN, What},
        subject::NAME,
    },
};

/// Marks of others stay on objects as long as these live, and the target's template stays as its user wrote it.
#[derive(Default)]
pub(super) struct Foreign {
    /// Objects with such marks, by uid: one that was made anew has none.
    marked: BTreeMap<ObjectRef, Value>,
}

impl Invariant for Foreign {
    fn name(&self) -> &'static str {
        "foreign-fields"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        for (_, _, effect) in moment.effects() {
            let of = crate::simulation::world::subject(effect);
            let Some(object) = moment.memory.get(&of) else { continue };
            let known = self.marked.get(&of).is_some_and(|uid| *uid == object["metadata"]["uid"]);
            if known && !is_marked(object) {
                return Err(format!("{of} has lost a mark of somebody else"));
            }
            touches_template(moment, effect)?;
        }
        let touched = moment.case.happenings.iter().filter_map(|happening| match &happening.what {
            What::Marked(of) => Some(of),
            _ => None,
        });
        let seen = touched.filter(|of| moment.look.seen.live.get(of).is_some());
        let present = seen.filter_map(|of| Some((of, moment.memory.get(of)?)));
        let marked = present.filter(|(_, object)| is_marked(object));
        self.marked = marked.map(|(of, object)| (of.clone(), object["metadata"]["uid"].clone())).collect();
        Ok(())
    }
}

fn is_marked(object: &Object) -> bool {
    let metadata = &object["metadata"];
    metadata["annotations"].get(FOREIGN).is_some() && metadata["labels"].get(FOREIGN).is_some()
}

/// Of the target's template we may only write the key by which a DaemonSet rests.
fn touches_template(moment: &Moment<'_>, effect: &Effect) -> Result<(), String> {
    let target = moment.case.subject.workload(NAME);
    let patch = match effect {
        Effect::Merge { reference, patch, .. } if *reference == target => patch,
        Effect::Apply { object, .. } if ObjectRef::of(object) == target => object,
        Effect::Patch { reference, .. } | Effect::Delete { reference, .. } if *reference == target => {
            return Err(format!("{target} is the user's: {effect:?}"));
        }
        _ => return Ok(()),
    };
    let mut template = patch.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(nodes) = template.pointer_mut("/spec/nodeSelector").and_then(|nodes| nodes.as_object_mut()) {
        nodes.remove(names::SCALE_TO_ZERO);
    }
    if writes(&template) { Err(format!("{target} gets another template: {effect:?}")) } else { Ok(()) }
}

/// Whether a merge patch changes any field.
fn writes(patch: &Value) -> bool {
    match patch {
        Value::Null => false,
        Value::Object(fields) => fields.iter().any(|(_, field)| field.is_null() || writes(field)),
        _ => true,
    }
}
