//! Cuts a template into plain text and actions, and an action into tokens. Trimming (`{{-`, `-}}`) and comments end
//! here.

use super::{Fault, Located};

/// A stretch of the template.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Text that is rendered as it is.
    Text(&'a str),
    /// What stood between `{{` and `}}`; the offset is that of `{{`.
    Action { offset: usize, tokens: Vec<Token> },
}

/// A word or sign inside an action, and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) offset: usize,
    pub(super) kind: Kind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Word(String),
    Text(String),
    Integer(i64),
    Float(f64),
    /// `.key`; `attached` when it follows its operand without a space.
    Field {
        key: String,
        attached: bool,
    },
    Pipe,
    Open,
    Close,
}

impl Kind {
    /// The token as the user would recognise it in a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("'{word}'"),
            Self::Text(_) => "a text".to_owned(),
            Self::Integer(_) | Self::Float(_) => "a number".to_owned(),
            Self::Field { key, .. } => format!("'.{key}'"),
            Self::Pipe => "'|'".to_owned(),
            Self::Open => "'('".to_owned(),
            Self::Close => "')'".to_owned(),
        }
    }
}

/// What Go's templates trim and separate by.
const SPACES: &[char] = &[' ', '\t', '\r', '\n'];

/// Cuts a whole template.
pub(super) fn split(source: &str) -> Located<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trim_next = false;
    while let Some(found) = source[at..].find("{{") {
        let open = at + found;
        let mut text = &source[at..open];
        if trim_next {
            text = text.trim_start_matches(SPACES);
        }
        let mut lexer = Lexer { source, at: open + 2 };
        if lexer.rest().starts_with('-') && lexer.rest()[1..].starts_with(SPACES) {
            text = text.trim_end_matches(SPACES);
            lexer.at += 2;
        }
        pieces.push(Piece::Text(text));
        if lexer.rest().trim_start_matches(SPACES).starts_with("/*") {
            trim_next = lexer.comment(open)?;
        } else {
            let (tokens, trim) = lexer.action(open)?;
            trim_next = trim;
            pieces.push(Piece::Action { offset: open, tokens });
        }
        at = lexer.at;
    }
    let text = &source[at..];
    pieces.push(Piece::Text(if trim_next { text.trim_start_matches(SPACES) } else { text }));
    Ok(pieces)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Passes the end of an action if it stands here; `Some(true)` when it trims the text behind it.
    fn close(&mut self) -> Option<bool> {
        let rest = self.rest();
        let spaces = rest.len() - rest.trim_start_matches(SPACES).len();
        let after = &rest[spaces..];
        if spaces > 0 && after.starts_with("-}}") {
            self.at += spaces + 3;
            return Some(true);
        }
        if after.starts_with("}}") {
            self.at += spaces + 2;
            return Some(false);
        }
        None
    }

    fn comment(&mut self, open: usize) -> Located<bool> {
        let unclosed = (open, Fault::Unclosed { opened: "comment", closing: "'*/}}'" });
        let Some(start) = self.rest().find("/*") else { return Err(unclosed) };
        let Some(end) = self.rest()[start + 2..].find("*/") else { return Err(unclosed) };
        self.at += start + 2 + end + 2;
        let behind = self.at;
        let found = || "what follows the comment".to_owned();
        self.close().ok_or_else(|| {
            (behind, Fault::Unexpected { found: found(), expected: "'}}': a comment stands alone" })
        })
    }

    fn action(&mut self, open: usize) -> Located<(Vec<Token>, bool)> {
        let mut tokens: Vec<Token> = Vec::new();
        loop {
            if let Some(trim) = self.close() {
                return Ok((tokens, trim));
            }
            let spaced = self.rest().starts_with(SPACES);
            self.at = self.source.len() - self.rest().trim_start_matches(SPACES).len();
            let offset = self.at;
            let Some(first) = self.rest().chars().next() else {
                return Err((open, Fault::Unclosed { opened: "'{{'", closing: "'}}'" }));
            };
            let kind = match first {
                '|' => self.sign(Kind::Pipe),
                '(' => self.sign(Kind::Open),
                ')' => self.sign(Kind::Close),
                '"' => Kind::Text(self.quoted(offset)?),
                '`' => Kind::Text(self.raw(offset)?),
                '.' => self.field(offset, !spaced && !tokens.is_empty())?,
                '0'..='9' | '+' | '-' => self.number(offset)?,
                first if is_word(first) => {
                    let word = self.take_while(is_word);
                    // Go reads `my-key` as a bad character; say what to write, for keys look like this often.
                    if self.rest().starts_with('-') && !self.rest().starts_with("-}}") {
                        return Err((self.at, dash()));
                    }
                    Kind::Word(word.to_owned())
                }
                '$' => {
                    return Err((
                        offset,
                        Fault::Unsupported { what: "'$'".to_owned(), instead: "use the values directly" },
                    ));
                }
                other => {
                    let found = format!("'{}'", other.escape_debug());
                    return Err((
                        offset,
                        Fault::Unexpected {
                            found,
                            expected: "a function, a text, a number, '|', '(' or '}}'",
                        },
                    ));
                }
            };
            tokens.push(Token { offset, kind });
        }
    }

    fn sign(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|sign| !belongs(sign)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn field(&mut self, offset: usize, attached: bool) -> Located<Kind> {
        self.at += 1;
        let key = self.take_while(is_word).to_owned();
        if key.is_empty() {
            return Err((
                offset,
                Fault::Unsupported {
                    what: "'.'".to_owned(),
                    instead: "there is no data, only functions such as target",
                },
            ));
        }
        if self.rest().starts_with('-') && !self.rest().starts_with("-}}") {
            return Err((self.at, dash()));
        }
        Ok(Kind::Field { key, attached })
    }

    fn number(&mut self, offset: usize) -> Located<Kind> {
        let literal = self.take_while(|sign| is_word(sign) || matches!(sign, '.' | '+' | '-'));
        let digits = literal.strip_prefix('+').unwrap_or(literal);
        if let Ok(integer) = digits.parse() {
            return Ok(Kind::Integer(integer));
        }
        match digits.parse::<f64>() {
            Ok(float)
                if float.is_finite()
                    && digits.ends_with(|sign: char| sign.is_ascii_digit() || sign == '.') =>
            {
                Ok(Kind::Float(float))
            }
            _ => {
                Err((offset, Fault::BadLiteral { literal: super::format::shorten(literal), what: "number" }))
            }
        }
    }

    fn raw(&mut self, offset: usize) -> Located<String> {
        self.at += 1;
        let text = self.take_while(|sign| sign != '`');
        if self.rest().is_empty() {
            return Err((offset, Fault::Unclosed { opened: "text", closing: "'`'" }));
        }
        self.at += 1;
        Ok(text.to_owned())
    }

    fn quoted(&mut self, offset: usize) -> Located<String> {
        let unclosed = (offset, Fault::Unclosed { opened: "text", closing: "'\"'" });
        let mut text = String::new();
        self.at += 1;
        while let Some(sign) = self.rest().chars().next() {
            let at = self.at;
            self.at += sign.len_utf8();
            match sign {
                '"' => return Ok(text),
                '\n' => break,
                '\\' => {
                    let Some((escaped, bytes)) = super::format::unescape(self.rest()) else {
                        return Err((
                            at,
                            Fault::BadLiteral {
                                literal: "this backslash".to_owned(),
                                what: "escape in a text",
                            },
                        ));
                    };
                    self.at += bytes;
                    text.push(escaped);
                }
                sign => text.push(sign),
            }
        }
        Err(unclosed)
    }
}

fn is_word(sign: char) -> bool {
    sign == '_' || sign.is_alphanumeric()
}

fn dash() -> Fault {
    Fault::Unexpected {
        found: "'-'".to_owned(),
        expected: "a space; a key with a dash is read with index variables \"my-key\"",
    }
}
