//! What people and tests have to agree to waits for them.

use super::{Invariant, Moment, words};
use crate::{
    api::{CanaryStatus, HookOutcome, Phase, WebhookType},
    rollout::{Answer, AskId},
    simulation::search::moment::runs,
};

/// A run begins, gets traffic, gets more of it and is promoted only if each hook that has to agree did, to this revision, in this
/// run; and it is taken back once a rollback was asked for. What the hooks said is known from their answers, not from the status.
#[derive(Default)]
pub(super) struct Gates {
    /// What was answered, in order, and whether it has been made use of.
    said: Vec<(AskId, HookOutcome, bool)>,
}

impl Invariant for Gates {
    fn name(&self) -> &'static str {
        "gates"
    }

    fn look(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        for (id, answer) in &moment.look.seen.answers {
            let Answer::Said(reply) = answer else { continue };
            let hooks = &moment.before.status.hooks;
            let counted = hooks.iter().any(|hook| hook.outcome.is_some() && hook.id == id.to_string());
            match self.said.iter_mut().find(|(known, ..)| known == id) {
                // Of two leaders the later one may hear of it when the first answer has counted already.
                Some(_) if counted => {}
                // A process died before the first answer counted, and another one asked again.
                Some((_, outcome, _)) => *outcome = reply.outcome(),
                None => self.said.push((id.clone(), reply.outcome(), false)),
            }
        }
        if moment.now < moment.before.split_until || moment.before.jumped {
            // Of two leaders one may not know what the other was answered; and where a time comes twice, so does an answer.
            return Ok(());
        }
        for (_, before, after) in moment.statuses() {
            self.moved(moment, before, after)
                .map_err(|what| format!("{what}: {} -> {}", words(before), words(after)))?;
        }
        self.called_back(moment)
    }
}

impl Gates {
    fn moved(
        &mut self,
        moment: &Moment<'_>,
        before: &CanaryStatus,
        after: &CanaryStatus,
    ) -> Result<(), String> {
        let revision = after.last_applied_spec.as_deref().unwrap_or_default();
        let skips = moment.skips();
        let same = before.last_applied_spec == after.last_applied_spec;
        let began = after.phase == Phase::Progressing && !(runs(before.phase) && same);
        if began {
            self.agreed(moment, WebhookType::ConfirmRollout, revision)?;
            // What was agreed to counts for one run.
            self.said.iter_mut().for_each(|(.., used)| *used = true);
            return Ok(());
        }
        if skips || !runs(before.phase) || !same {
            return Ok(());
        }
        let stepped = runs(after.phase) && after.step_index > before.step_index;
        let promoted = after.phase == Phase::Promoting;
        if stepped || promoted {
            self.agreed(moment, WebhookType::PreRollout, revision)?;
        }
        if promoted || stepped && (before.step_index > 0 || before.canary_weight > 0) {
            self.agreed(moment, WebhookType::Rollout, revision)?;
        }
        if (stepped || promoted && before.phase == Phase::Progressing) && moment.plan().raises() {
            self.agreed(moment, WebhookType::ConfirmTrafficIncrease, revision)?;
            let asked =
                self.said.iter_mut().filter(|(id, ..)| is_of(id, WebhookType::ConfirmTrafficIncrease));
            asked.for_each(|(.., used)| *used = true);
        }
        if promoted {
            self.agreed(moment, WebhookType::ConfirmPromotion, revision)?;
        }
        Ok(())
    }

    /// Whether each hook of a type said yes to a revision when it was last asked.
    fn agreed(&self, moment: &Moment<'_>, type_: WebhookType, revision: &str) -> Result<(), String> {
        for name in moment.hooks(type_) {
            let of = |(id, _, used): &&(AskId, HookOutcome, bool)| {
                id.name == name && id.revision == revision && !used
            };
            let last = self.said.iter().rev().find(of).map(|(_, outcome, _)| *outcome);
            if last != Some(HookOutcome::Passed) {
                return Err(format!("{name} said {last:?}"));
            }
        }
        Ok(())
    }

    /// Whether a look that heard of a wish to go back went back.
    fn called_back(&self, moment: &Moment<'_>) -> Result<(), String> {
        let (before, after) = (&moment.before.status, &moment.look.decision.status);
        let judged = |phase| runs(phase) || phase == Phase::Promoting;
        let goes_on = judged(before.phase)
            && judged(after.phase)
            && before.last_applied_spec == after.last_applied_spec;
        if goes_on && moment.look.done && !moment.skips() && !moment.held() && moment.is_called_back() {
            return Err(format!("a rollback was asked for, and the run goes on: {}", words(after)));
        }
        Ok(())
    }
}

fn is_of(id: &AskId, type_: WebhookType) -> bool {
    id.name.split('/').next() == Some(type_.as_str())
}
