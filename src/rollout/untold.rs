//! A status that cannot be written, so that nobody reads there what goes on: people are told by events, once when it lasts and once
//! when it is over.

use jiff::Timestamp;

use super::{
    Event, Reason,
    failure::{Cause, Failure},
};

/// What is told once a status says again what was decided.
const OVER: &str = "The status of the Canary can be written again, and says what was decided since.";

/// A status that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Since when no write of it has passed, for whatever cause.
    since: Timestamp,
    /// Whether people were told. A process that starts anew tells them anew.
    told: bool,
}

impl Untold {
    /// What is known after one more look, which ended at `now` with this failure of the status or without one, and what people are to
    /// be told then. As with all writes, what is refused is told at once, and a blip not at all.
    pub fn then(
        before: Option<Untold>,
        failed: Option<&Failure>,
        now: Timestamp,
    ) -> (Option<Untold>, Option<Event>) {
        let Some(failure) = failed else {
            let over = before.filter(|before| before.told).map(|_| Event::new(Reason::StatusWritten, OVER));
            return (None, over);
        };
        let mut untold = before.unwrap_or(Untold { since: now, told: false });
        let tells = !untold.told && now.duration_since(untold.since) >= failure.cause.patience();
        untold.told |= tells;
        (Some(untold), tells.then(|| Event::new(Reason::Blocked, sentences(failure))))
    }
}

fn sentences(failure: &Failure) -> String {
    let way_out = match failure.cause {
        Cause::WriteRefused => {
            ": allow Sluice's service account to patch canaries/status, or change the policy that refuses it"
        }
        _ => "",
    };
    let told = failure.sentence();
    format!("{told} Until it passes its status is out of date, and nothing is done for the Canary{way_out}.")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn failure(cause: Cause) -> Failure {
        let (what, why) = ("writing the status of Canary shop/app", "not now. It is tried again");
        Failure { cause, what: what.to_owned(), why: why.to_owned() }
    }

    /// The seconds at which people were told something, with its reason, when the status failed for these causes or passed.
    fn told(looks: &[(i64, Option<Cause>)]) -> Vec<(i64, Reason)> {
        let mut untold = None;
        let mut told = Vec::new();
        for (second, cause) in looks {
            let failed = cause.map(failure);
            let now = Timestamp::from_second(*second).unwrap();
            let (after, event) = Untold::then(untold, failed.as_ref(), now);
            untold = after;
            told.extend(event.map(|event| (*second, event.reason)));
        }
        told
    }

    const FAILS: Option<Cause> = Some(Cause::WriteFailed);
    const DENIED: Option<Cause> = Some(Cause::WriteRefused);

    #[rstest]
    #[case::denied(&[(0, DENIED), (1, DENIED), (60, DENIED), (61, None), (62, None)],
        &[(0, Reason::Blocked), (61, Reason::StatusWritten)])]
    #[case::for_a_while(&[(0, FAILS), (15, FAILS), (29, FAILS), (30, FAILS), (90, FAILS), (91, None)],
        &[(30, Reason::Blocked), (91, Reason::StatusWritten)])]
    #[case::a_blip(&[(0, FAILS), (29, FAILS), (30, None), (31, FAILS), (59, None)], &[])]
    #[case::denied_after_a_while(&[(0, FAILS), (9, DENIED), (40, FAILS), (50, None)],
        &[(9, Reason::Blocked), (50, Reason::StatusWritten)])]
    #[case::again(&[(0, DENIED), (1, None), (2, DENIED)],
        &[(0, Reason::Blocked), (1, Reason::StatusWritten), (2, Reason::Blocked)])]
    #[case::it_never_failed(&[(0, None), (1, None)], &[])]
    fn it_is_told_once_when_it_lasts_and_once_when_it_is_over(
        #[case] looks: &[(i64, Option<Cause>)],
        #[case] expected: &[(i64, Reason)],
    ) {
        assert_eq!(told(looks), expected);
    }

    #[rstest]
    #[case(
        Cause::WriteRefused,
        "the Canary: allow Sluice's service account to patch canaries/status, or change"
    )]
    #[case(Cause::WriteFailed, "and nothing is done for the Canary.")]
    fn it_is_told_with_what_we_were_doing_the_error_and_the_way_out(#[case] cause: Cause, #[case] end: &str) {
        let told = sentences(&failure(cause));
        let begin = "Writing the status of Canary shop/app: not now. It is tried again. Until it passes its";
        assert!(told.starts_with(begin) && told.contains(end), "{told}");
    }
}
