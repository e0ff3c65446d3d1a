//! One line from a query of many: for the address line of a request and for messages.

/// Runs of white space become one space and comments go, except inside strings, whose content is left alone.
pub fn collapse(query: &str) -> String {
    let mut line = String::with_capacity(query.len());
    let mut pending_space = false;
    let mut signs = query.chars();
    while let Some(sign) = signs.next() {
        if sign.is_whitespace() {
            pending_space = true;
            continue;
        }
        if sign == '#' {
            // On one line a comment would swallow all that follows it.
            pending_space = true;
            let _ = signs.by_ref().find(|sign| *sign == '\n');
            continue;
        }
        if pending_space && !line.is_empty() {
            line.push(' ');
        }
        pending_space = false;
        line.push(sign);
        if matches!(sign, '"' | '\'' | '`') {
            string(sign, &mut signs, &mut line);
        }
    }
    line
}

/// Copies the rest of a string up to its closing quote; backticks know no escapes.
fn string(quote: char, signs: &mut std::str::Chars<'_>, line: &mut String) {
    while let Some(sign) = signs.next() {
        line.push(sign);
        if sign == quote {
            return;
        }
        if sign == '\\' && quote != '`' {
            line.extend(signs.next());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("  sum(\n\trate(x[1m])\n)\n", "sum( rate(x[1m]) )")]
    #[case("a # half\n/ b", "a / b")]
    #[case("x{a=\"two  spaces # no comment\"}  > 1", "x{a=\"two  spaces # no comment\"} > 1")]
    #[case(r#"x{a="q\"  #"}  +  1"#, r#"x{a="q\"  #"} + 1"#)]
    #[case("x{a=`\\`}  # gone", "x{a=`\\`}")]
    #[case(" \n # only a comment", "")]
    fn white_space_and_comments_go_but_strings_stay(#[case] query: &str, #[case] expected: &str) {
        assert_eq!(collapse(query), expected);
    }

    proptest! {
        #[test]
        fn collapsing_twice_changes_nothing_more(query in "[a-z #\"'`\\\\\n]{0,60}") {
            let once = collapse(&query);
            prop_assert_eq!(collapse(&once), once.clone());
        }
    }
}
