//! Reads a Rust file far enough to know which paths it uses: comments, text and test code are blanked out, then paths
//! are followed through the braces of `use`. Not a parser: macros are looked into as well.

/// One path used by a file, from the crate's root where it starts at `crate` or `super`.
pub(crate) struct Used {
    pub(crate) path: String,
    pub(crate) line: usize,
}

/// What the check needs to know about a file.
pub(crate) struct Source {
    pub(crate) uses: Vec<Used>,
    /// Its own modules; a path that starts with one is no crate's, whatever the name.
    pub(crate) modules: Vec<String>,
    /// Lines that are not test code.
    pub(crate) lines: usize,
}

struct Token {
    text: String,
    line: usize,
}

impl Source {
    /// Reads a file whose modules from the crate's root are `modules`.
    pub(crate) fn read(text: &str, modules: &[String]) -> Self {
        let all = tokens(text);
        let (kept, test_lines) = without_tests(&all);
        let mut uses = Vec::new();
        let mut at = 0;
        while at < kept.len() {
            if starts_path(&kept, at) {
                at = paths(&kept, at, Vec::new(), modules, &mut uses);
            } else {
                at += 1;
            }
        }
        let modules =
            kept.windows(2).filter(|pair| pair[0].text == "mod").map(|pair| pair[1].text.clone()).collect();
        Source { uses, modules, lines: text.lines().count() - test_lines }
    }
}

fn is_word(token: &Token) -> bool {
    token.text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn starts_path(tokens: &[&Token], at: usize) -> bool {
    is_word(tokens[at]) && (at == 0 || tokens[at - 1].text != "::")
}

/// Follows the path that starts at `at`, and those in its braces; returns where it ends.
fn paths(
    tokens: &[&Token],
    at: usize,
    before: Vec<String>,
    modules: &[String],
    into: &mut Vec<Used>,
) -> usize {
    let (mut path, mut at) = (before, at);
    let line = tokens[at].line;
    loop {
        path.push(tokens[at].text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
        match tokens.get(at) {
            Some(token) if token.text == "{" => {
                at += 1;
                while let Some(token) = tokens.get(at).filter(|token| token.text != "}") {
                    let inside = is_word(token) || token.text == "*";
                    at = if inside { paths(tokens, at, path.clone(), modules, into) } else { at + 1 };
                }
                return at + 1;
            }
            Some(token) if is_word(token) || token.text == "*" => {}
            _ => break,
        }
    }
    into.push(Used { path: from_root(path, modules), line });
    at
}

/// Resolves `self` and `super`; a path that stays below its room is left as it is.
fn from_root(path: Vec<String>, modules: &[String]) -> String {
    let ups = path.iter().filter(|part| *part == "super").count();
    let rest: Vec<String> = path.into_iter().filter(|part| part != "super" && part != "self").collect();
    if ups == 0 || ups > modules.len() {
        return rest.join("::");
    }
    let mut full = vec!["crate".to_owned()];
    full.extend_from_slice(&modules[..modules.len() - ups]);
    full.extend(rest);
    full.join("::")
}

/// Drops every item under `#[cfg(test)]`; also tells how many lines they held.
fn without_tests(tokens: &[Token]) -> (Vec<&Token>, usize) {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut lines, mut at) = (Vec::new(), 0, 0);
    while at < tokens.len() {
        let marked =
            MARK.iter().enumerate().all(|(n, mark)| tokens.get(at + n).is_some_and(|t| t.text == *mark));
        if !marked {
            kept.push(&tokens[at]);
            at += 1;
            continue;
        }
        let first = tokens[at].line;
        let mut depth = 0;
        at += MARK.len();
        while at < tokens.len() {
            match tokens[at].text.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 && matches!(tokens[at - 1].text.as_str(), "}" | ";") {
                break;
            }
        }
        lines += tokens[at - 1].line - first + 1;
    }
    (kept, lines)
}

/// Words, `::` and single signs; comments, text and lifetimes left out.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    let starts = |at: usize, sign: &str| sign.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c));
    while at < chars.len() {
        let from = at;
        let c = chars[at];
        if starts(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            let mut depth = 0;
            loop {
                if starts(at, "/*") {
                    depth += 1;
                    at += 2;
                } else if starts(at, "*/") {
                    depth -= 1;
                    at += 2;
                } else {
                    at += 1;
                }
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if c == '"' {
            at = after_text(&chars, at);
        } else if c == '\'' {
            at = after_quote(&chars, at);
        } else if let Some(end) = after_raw(&chars, at) {
            at = end;
        } else if c.is_alphanumeric() || c == '_' {
            while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                at += 1;
            }
            found.push(Token { text: chars[from..at].iter().collect(), line });
        } else {
            at += if starts(at, "::") { 2 } else { 1 };
            if !c.is_whitespace() {
                found.push(Token { text: chars[from..at].iter().collect(), line });
            }
        }
        line += chars[from..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn after_text(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A character or a lifetime.
fn after_quote(chars: &[char], at: usize) -> usize {
    if chars.get(at + 1) == Some(&'\\') {
        let close = chars.iter().skip(at + 3).position(|c| *c == '\'');
        return close.map_or(chars.len(), |n| at + 3 + n + 1);
    }
    if chars.get(at + 2) == Some(&'\'') { at + 3 } else { at + 1 }
}

/// `r"…"`, `r#"…"#`, `br"…"`: where it ends, if one starts here.
fn after_raw(chars: &[char], mut at: usize) -> Option<usize> {
    if chars[at] == 'b' || chars[at] == 'c' {
        at += 1;
    }
    if chars.get(at) != Some(&'r') {
        return None;
    }
    let hashes = chars.iter().skip(at + 1).take_while(|c| **c == '#').count();
    at += 1 + hashes;
    if chars.get(at) != Some(&'"') {
        return None;
    }
    loop {
        at += 1;
        if at >= chars.len() {
            return Some(at);
        }
        let closed = chars[at] == '"' && (1..=hashes).all(|n| chars.get(at + n) == Some(&'#'));
        if closed {
            return Some(at + 1 + hashes);
        }
    }
}
