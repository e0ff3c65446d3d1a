//! Makes warnings fit what the API server passes on: one line of at most 256 characters each, 4,096 in all, measured.
//!
//! A warning with a line break or tab vanishes without a word, and above the budget later ones do; so breaks become spaces, long
//! ones are cut where it shows, the important ones come first and the last line says how many were left out.

/// The most characters of one warning.
const LONGEST: usize = 256;
/// The most characters of all warnings of an answer.
const BUDGET: usize = 4_096;
/// Kept free for the line that counts what was left out.
const RESERVE: usize = 64;

/// Warnings as they may be sent, in the given order, duplicates merged.
pub(super) fn fit(warnings: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut fitting: Vec<String> = Vec::new();
    let (mut spent, mut dropped) = (0, 0);
    for warning in warnings {
        let line = one_line(&warning);
        if line.is_empty() || fitting.contains(&line) {
            continue;
        }
        let size = line.chars().count();
        // Once one is left out all later ones are: they are less important, and order is what people read by.
        if dropped > 0 || spent + size > BUDGET - RESERVE {
            dropped += 1;
            continue;
        }
        spent += size;
        fitting.push(line);
    }
    if dropped > 0 {
        fitting.push(format!("{dropped} more warnings did not fit into this answer"));
    }
    fitting
}

/// The text on one line, cut with an ellipsis; control characters become spaces, runs of space one space.
fn one_line(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = cleaned.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    let mut cut: String = line.chars().take(LONGEST - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn breaks_become_spaces_and_duplicates_merge() {
        assert_eq!(fit(["a\n\tb".into(), "a b".into(), String::new()]), ["a b"]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let many = (0..100).map(|n| format!("{n} {}", "x".repeat(300)));
        let fitted = fit(many);
        assert_eq!(fitted.len(), 16);
        assert_eq!(fitted[15], "85 more warnings did not fit into this answer");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_answer_fits(warnings in prop::collection::vec(".{0,400}", 0..60)) {
            let fitted = fit(warnings);
            prop_assert!(fitted.iter().all(|w| w.chars().count() <= LONGEST && !w.contains(['\n', '\t', '\r'])));
            prop_assert!(fitted.iter().map(|w| w.chars().count()).sum::<usize>() <= BUDGET);
        }
    }
}
