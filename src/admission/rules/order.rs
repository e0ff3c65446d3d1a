//! In which order problems are told: errors before warnings, and of each the worst first, because warnings beyond what the API
//! server carries are lost, and because people mend the first thing that they read.

use crate::admission::problem::Problem;

/// The groups of ids from the worst down: whose traffic it is, who serves it and where it goes; whether the workload can be released; how a
/// revision is judged, and by what; how a value is written; what is not served yet.
const WORST: [&str; 8] = ["SL1", "SL6", "SL3", "SL2", "SL4", "SL5", "SL0", "SL9"];

/// Puts problems in the order in which they are told; within a group it stays that of the rules.
pub fn sort(problems: &mut [Problem]) {
    let rank = |rule: &str| WORST.iter().position(|group| rule.starts_with(group)).unwrap_or(WORST.len());
    problems.sort_by_key(|problem| (problem.severity, rank(problem.rule)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::problem::Severity;
    use crate::admission::rules::RULES;

    #[test]
    fn errors_come_before_warnings_and_what_endangers_traffic_before_what_only_stops_a_run() {
        let mut problems: Vec<Problem> = RULES
            .iter()
            .map(|rule| Problem {
                rule: rule.id,
                severity: rule.severity,
                path: String::new(),
                message: String::new(),
                fix: String::new(),
            })
            .collect();
        sort(&mut problems);
        let place = |id: &str| problems.iter().position(|problem| problem.rule == id).unwrap();
        let of = |severity| problems.iter().filter(move |problem| problem.severity == severity).count();
        let errors = of(Severity::Error);
        assert!(problems[..errors].iter().all(|problem| problem.severity == Severity::Error));
        // Two Canaries on one workload; a route that leads to nobody; a run that never ends; a value of a wrong form; something that is not served.
        let worst = ["SL102", "SL302", "SL404", "SL001", "SL906"].map(place);
        assert!(worst.is_sorted(), "{worst:?}");
        let warnings = ["SL306", "SL201", "SL401", "SL502", "SL912"].map(place);
        assert!(warnings.is_sorted(), "{warnings:?}");
    }

    #[test]
    fn every_group_of_rules_has_its_place() {
        for rule in RULES {
            assert!(WORST.iter().any(|group| rule.id.starts_with(group)), "{}", rule.id);
        }
    }
}
