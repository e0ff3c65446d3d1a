//! Documents out of a text: YAML with many, JSON with one value after the other. One that cannot be read leaves the others alone.

use serde_json::Value;
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter};

use super::lines::{Lines, Located};

/// How deep values may lie in each other; serde_json has the same bound.
const DEEPEST: usize = 128;

/// A document of a text.
pub(super) struct Document {
    /// Its first line, counted from 1; where it cannot be read, the line of the fault.
    pub(super) line: u64,
    /// What it holds, or why it cannot be read.
    pub(super) content: Result<Located, String>,
}

/// The documents of a text that are not empty.
pub(super) fn documents(text: &str) -> Vec<Document> {
    json(text).unwrap_or_else(|| yaml(text))
}

/// All values of a JSON text; `None` for a text that is none. Some YAML looks like it.
fn json(text: &str) -> Option<Vec<Document>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut documents = Vec::new();
    let mut from = 0;
    while let Some(value) = values.next() {
        let value = value.ok()?;
        let piece = text.get(from..values.byte_offset())?;
        let start = piece.len() - piece.trim_start().len();
        let above = breaks(text.get(..from + start)?);
        from = values.byte_offset();
        // JSON is YAML as well, but for oddities; those have lines for nothing but their beginning.
        let mut document = read(piece.get(start..)?, above);
        if !document.content.as_ref().is_ok_and(|content| content.value == value) {
            let lines = Lines::default().moved(above + 1);
            document = Document { line: above + 1, content: Ok(Located { value, lines }) };
        }
        documents.push(document);
    }
    Some(documents)
}

fn breaks(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}

/// The documents of a YAML text.
fn yaml(text: &str) -> Vec<Document> {
    pieces(text)
        .into_iter()
        .map(|(above, piece)| read(piece, above))
        .filter(|document| !matches!(&document.content, Ok(content) if content.value.is_null()))
        .collect()
}

/// The parts between lines of three dashes, each with the number of lines above it.
fn pieces(text: &str) -> Vec<(u64, &str)> {
    let mut pieces = Vec::new();
    let (mut start, mut above, mut offset) = (0, 0, 0);
    let mut holds = false;
    for (number, line) in (0..).zip(text.split_inclusive('\n')) {
        let rest =
            line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if let Some(rest) = rest {
            if holds {
                pieces.push((above, text.get(start..offset).unwrap_or_default()));
            }
            (start, above) = (offset + (line.len() - rest.len()), number);
            holds = false;
        }
        let content = rest.unwrap_or(line).trim();
        // A directive stands before its document's dashes.
        holds |= !(content.is_empty() || content.starts_with(['#', '%']));
        offset += line.len();
    }
    if holds {
        pieces.push((above, text.get(start..).unwrap_or_default()));
    }
    pieces
}

/// Reads one document that has so many lines above it.
fn read(text: &str, above: u64) -> Document {
    let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_depth: DEEPEST } };
    match serde_saphyr::from_str_with_options::<Located>(text, options) {
        Ok(content) => {
            let content = Located { value: content.value, lines: content.lines.moved(above) };
            Document { line: content.lines.of(""), content: Ok(content) }
        }
        Err(error) => {
            let error = error.without_snippet();
            let within = error.location().map_or(1, |location| location.line().max(1));
            let mut why = DefaultMessageFormatter.format_message(error).escape_debug().to_string();
            if text.contains("{{") {
                why.push_str("; templates have to be rendered first");
            }
            Document { line: above + within, content: Err(format!("it is no YAML: {why}")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SERVICE: &str = "kind: Service\nmetadata: {name: cider}\n";

    /// The line of each document and that of its name.
    fn lines(text: &str) -> Vec<(u64, u64)> {
        let lines = |document: Document| (document.line, document.content.unwrap().lines.of("metadata.name"));
        documents(text).into_iter().map(lines).collect()
    }

    #[rstest]
    #[case::one(SERVICE.to_owned(), &[(1, 2)])]
    #[case::many(format!("---\n# first\n{SERVICE}---\n{SERVICE}--- # third\n{SERVICE}"), &[(3, 4), (6, 7), (9, 10)])]
    #[case::empty_ones(format!("---\n---\n# nothing\n---\n{SERVICE}---\n"), &[(5, 6)])]
    #[case::a_null(format!("---\nnull\n---\n{SERVICE}"), &[(4, 5)])]
    #[case::a_directive(format!("%YAML 1.2\n---\n{SERVICE}"), &[(3, 4)])]
    #[case::behind_the_dashes("--- {kind: Service, metadata: {name: cider}}\n".to_owned(), &[(1, 1)])]
    #[case::ended_by_dots(format!("{SERVICE}...\n---\n{SERVICE}"), &[(1, 2), (5, 6)])]
    #[case::windows(SERVICE.replace('\n', "\r\n") + "---\r\n" + SERVICE, &[(1, 2), (4, 5)])]
    #[case::json("\n{\n  \"metadata\": {\n    \"name\": \"cider\"}\n}\n {\"metadata\":\n{\"name\": \"b\"}}".to_owned(), &[(2, 4), (6, 7)])]
    #[case::json_with_tabs("{\n\t\"metadata\": {\n\t\t\"name\": \"cider\"\n\t}\n}\n".to_owned(), &[(1, 3)])]
    #[case::yaml_that_looks_like_json("{kind: Service,\n metadata: {name: cider}}".to_owned(), &[(1, 2)])]
    #[case::dashes_in_a_text(format!("{SERVICE}data: |\n  ---\n  x\n"), &[(1, 2)])]
    #[case::nothing(String::new(), &[])]
    fn documents_know_where_they_stand(#[case] text: String, #[case] expected: &[(u64, u64)]) {
        assert_eq!(lines(&text), expected);
    }

    #[rstest]
    #[case::a_list_without_end("kind: [Service\n", 1)]
    #[case::a_key_twice("kind: Service\nkind: Service\n", 2)]
    #[case::a_template("kind: Service\nname: {{ .Values.name }}\n", 2)]
    fn a_fault_has_its_line_and_the_other_documents_are_read(#[case] wrong: &str, #[case] line: u64) {
        let read = documents(&format!("{SERVICE}---\n{wrong}---\n{SERVICE}"));
        let told: Vec<Option<&str>> =
            read.iter().map(|one| one.content.as_ref().err().map(String::as_str)).collect();
        assert!(
            matches!(told[..], [None, Some(why), None] if why.starts_with("it is no YAML: ")),
            "{told:?}"
        );
        assert!((line + 3..=line + 4).contains(&read[1].line), "line {} of {wrong}", read[1].line);
        assert_eq!(read[2].line, 3 + breaks(wrong) + 2);
    }

    #[test]
    fn what_lies_too_deep_or_grows_without_bound_is_no_yaml() {
        let deep = "[".repeat(100_000);
        let wide = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
            + &(0..9)
                .map(|n| {
                    format!(
                        "b{n}: &b{n} [{}]\n",
                        format!("*{},", if n == 0 { "a".to_owned() } else { format!("b{}", n - 1) })
                            .repeat(10)
                    )
                })
                .collect::<String>();
        for text in [deep, wide] {
            assert!(documents(&text)[0].content.is_err());
        }
    }
}
