//! A report as workflow commands of GitHub Actions, which show it beside the lines of a change.
//!
//! Form and escapes: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use super::report::Report;
use crate::cli::manifests::Place;

/// The commands, one a line.
pub(super) fn of(report: &Report) -> String {
    let problems = report.findings.iter().map(|finding| {
        let problem = &finding.problem;
        let title = format!("{} {}", problem.rule, finding.object);
        let message = format!("{}: {}. {}.", problem.path, problem.message, problem.fix);
        command(&problem.severity.to_string(), &finding.place, &title, &message)
    });
    let faults = report
        .faults
        .iter()
        .map(|fault| command("error", &fault.place, "unreadable", &format!("{}.", fault.why)));
    problems.chain(faults).collect()
}

fn command(word: &str, place: &Place, title: &str, message: &str) -> String {
    // The annotation is only shown where the file is named as the repository names it.
    let file = place.file.strip_prefix("./").unwrap_or(&place.file);
    format!(
        "::{word} file={},line={},title={}::{}\n",
        property(file),
        place.line,
        property(title),
        data(message)
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_or_a_message_ends_the_command_or_begins_another() {
        let place = Place { file: "./a,b:c%.yaml".to_owned(), document: Some(1), line: 3 };
        assert_eq!(
            command("error", &place, "one: two", "100 %,\r\n::warning::x"),
            "::error file=a%2Cb%3Ac%25.yaml,line=3,title=one%3A two::100 %25,%0D%0A::warning::x\n"
        );
    }
}
