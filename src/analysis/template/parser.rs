//! Turns the pieces of a template into a tree: blocks, pipelines, calls. What is wrong without knowing any value is
//! found here.

use super::function::{self, Entry};
use super::lexer::{Kind, Piece, Token};
use super::{Fault, Located, MAX_NESTING};

/// A part of the body of a template or block.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    Output { offset: usize, pipeline: Pipeline },
    If { branches: Vec<Branch>, otherwise: Vec<Node> },
}

/// One `{{ if }}` or `{{ else if }}` with what it guards.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) condition: Pipeline,
    pub(super) body: Vec<Node>,
}

/// `first | call | call`: each call gets the value before it as its last argument.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) first: Box<Operand>,
    pub(super) calls: Vec<Call>,
}

/// A function, its arguments, and where its name stands.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) offset: usize,
    pub(super) entry: Entry,
    pub(super) arguments: Vec<Operand>,
}

/// Something that has a value.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Call(Call),
    Group(Pipeline),
    Field { offset: usize, of: Box<Operand>, key: String },
}

/// Builds the tree. `end` is the length of the template, the place of faults at its end.
pub(super) fn parse(pieces: Vec<Piece<'_>>, end: usize) -> Located<Vec<Node>> {
    let mut blocks = Blocks { pieces: pieces.into_iter(), end };
    match blocks.body(0)? {
        (nodes, None) => Ok(nodes),
        (_, Some(stop)) => Err((
            stop.offset,
            Fault::Unexpected { found: format!("'{}'", stop.word), expected: "an {{ if }} before it" },
        )),
    }
}

struct Blocks<'a> {
    pieces: std::vec::IntoIter<Piece<'a>>,
    end: usize,
}

/// The action that ended a body: `else` or `end`, with what followed the word.
struct Stop {
    offset: usize,
    word: String,
    rest: Vec<Token>,
}

impl Blocks<'_> {
    fn body(&mut self, depth: usize) -> Located<(Vec<Node>, Option<Stop>)> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (offset, mut tokens) = match piece {
                Piece::Text("") => continue,
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.to_owned()));
                    continue;
                }
                Piece::Action { offset, tokens } => (offset, tokens),
            };
            let word = match tokens.first() {
                Some(Token { kind: Kind::Word(word), .. }) => word.clone(),
                _ => String::new(),
            };
            match word.as_str() {
                "if" => {
                    tokens.remove(0);
                    nodes.push(self.condition(offset, tokens, depth + 1)?);
                }
                "else" | "end" => {
                    tokens.remove(0);
                    return Ok((nodes, Some(Stop { offset, word, rest: tokens })));
                }
                "range" | "with" | "define" | "template" | "block" | "break" | "continue" => {
                    let instead = "a query needs only values, printf and {{ if }}";
                    return Err((offset, Fault::Unsupported { what: format!("'{word}'"), instead }));
                }
                _ => nodes.push(Node::Output { offset, pipeline: whole_pipeline(offset, &tokens, depth)? }),
            }
        }
        Ok((nodes, None))
    }

    fn condition(&mut self, offset: usize, condition: Vec<Token>, depth: usize) -> Located<Node> {
        if depth > MAX_NESTING {
            return Err((offset, Fault::TooDeep));
        }
        let mut branches = Vec::new();
        let (mut at, mut tokens) = (offset, condition);
        loop {
            let condition = whole_pipeline(at, &tokens, depth)?;
            let (body, stop) = self.body(depth)?;
            branches.push(Branch { condition, body });
            let stop = stop.ok_or_else(|| unclosed(offset))?;
            match (stop.word.as_str(), stop.rest.first().map(|token| &token.kind)) {
                ("end", None) => return Ok(Node::If { branches, otherwise: Vec::new() }),
                ("else", Some(Kind::Word(word))) if word == "if" => {
                    at = stop.offset;
                    tokens = stop.rest;
                    tokens.remove(0);
                }
                ("else", None) => {
                    let (otherwise, stop) = self.body(depth)?;
                    let stop = stop.ok_or_else(|| unclosed(offset))?;
                    if stop.word == "end" && stop.rest.is_empty() {
                        return Ok(Node::If { branches, otherwise });
                    }
                    return Err((
                        stop.offset,
                        Fault::Unexpected { found: format!("'{}'", stop.word), expected: "{{ end }}" },
                    ));
                }
                (_, Some(kind)) => {
                    return Err((
                        stop.rest[0].offset,
                        Fault::Unexpected { found: kind.describe(), expected: "'}}'" },
                    ));
                }
                (_, None) => {
                    return Err((
                        self.end,
                        Fault::Unexpected { found: format!("'{}'", stop.word), expected: "{{ end }}" },
                    ));
                }
            }
        }
    }
}

fn unclosed(offset: usize) -> (usize, Fault) {
    (offset, Fault::Unclosed { opened: "{{ if }}", closing: "{{ end }}" })
}

fn whole_pipeline(offset: usize, tokens: &[Token], depth: usize) -> Located<Pipeline> {
    let mut reader = Reader { tokens, at: 0, end: offset };
    let pipeline = reader.pipeline(depth)?;
    match reader.next() {
        None => Ok(pipeline),
        Some(token) => {
            Err((token.offset, Fault::Unexpected { found: token.kind.describe(), expected: "'}}'" }))
        }
    }
}

/// Reads the tokens of one action.
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Where a fault at the end of the action is told.
    end: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.at += usize::from(token.is_some());
        token
    }

    fn nothing(&self, expected: &'static str) -> (usize, Fault) {
        match self.peek() {
            Some(token) => (token.offset, Fault::Unexpected { found: token.kind.describe(), expected }),
            None => (self.end, Fault::Unexpected { found: "'}}'".to_owned(), expected }),
        }
    }

    fn pipeline(&mut self, depth: usize) -> Located<Pipeline> {
        let first = match self.peek() {
            Some(Token { kind: Kind::Word(word), offset }) if !is_constant(word) => {
                // `name.key` is a field of what the function gives; `name argument` is a call.
                self.at += 1;
                let entry = known(word, *offset)?;
                let attached =
                    matches!(self.peek(), Some(Token { kind: Kind::Field { attached: true, .. }, .. }));
                let arguments = if attached { Vec::new() } else { self.arguments(depth)? };
                let call = Operand::Call(checked(*offset, entry, arguments, 0)?);
                let operand = self.field(call)?;
                self.no_arguments()?;
                operand
            }
            _ => {
                let operand = self.operand(depth)?.ok_or_else(|| self.nothing("a value"))?;
                self.no_arguments()?;
                operand
            }
        };
        let mut calls = Vec::new();
        while let Some(Token { kind: Kind::Pipe, .. }) = self.peek() {
            self.at += 1;
            match self.peek() {
                Some(Token { kind: Kind::Word(word), offset }) if !is_constant(word) => {
                    self.at += 1;
                    let entry = known(word, *offset)?;
                    let arguments = self.arguments(depth)?;
                    calls.push(checked(*offset, entry, arguments, 1)?);
                }
                _ => return Err(self.nothing("a function behind '|'")),
            }
        }
        Ok(Pipeline { first: Box::new(first), calls })
    }

    /// Go's "can't give argument to non-function".
    fn no_arguments(&self) -> Located<()> {
        match self.peek() {
            None | Some(Token { kind: Kind::Pipe | Kind::Close, .. }) => Ok(()),
            Some(_) => Err(self.nothing("'|' or '}}': only a function takes arguments")),
        }
    }

    fn arguments(&mut self, depth: usize) -> Located<Vec<Operand>> {
        let mut arguments = Vec::new();
        while let Some(operand) = self.operand(depth)? {
            arguments.push(operand);
        }
        Ok(arguments)
    }

    /// One value, or `None` where a pipe, a closing parenthesis or the end stands.
    fn operand(&mut self, depth: usize) -> Located<Option<Operand>> {
        let Some(token) = self.peek() else { return Ok(None) };
        let offset = token.offset;
        let operand = match &token.kind {
            Kind::Pipe | Kind::Close => return Ok(None),
            Kind::Text(text) => Operand::Text(text.clone()),
            Kind::Integer(number) => Operand::Integer(*number),
            Kind::Float(number) => Operand::Float(*number),
            Kind::Word(word) if is_constant(word) => Operand::Bool(word == "true"),
            Kind::Word(word) => Operand::Call(checked(offset, known(word, offset)?, Vec::new(), 0)?),
            Kind::Field { key, .. } => {
                let what = format!("'.{key}' without a value before it");
                return Err((
                    offset,
                    Fault::Unsupported {
                        what,
                        instead: "there is no data; write variables.key or a function such as target",
                    },
                ));
            }
            Kind::Open => {
                if depth >= MAX_NESTING {
                    return Err((offset, Fault::TooDeep));
                }
                self.at += 1;
                let group = self.pipeline(depth + 1)?;
                if !matches!(self.peek(), Some(Token { kind: Kind::Close, .. })) {
                    return Err((offset, Fault::Unclosed { opened: "'('", closing: "')'" }));
                }
                Operand::Group(group)
            }
        };
        self.at += 1;
        Ok(Some(self.field(operand)?))
    }

    /// The value, or what its `.key` holds. All values under keys are texts, so a second key is always wrong (and a
    /// long chain would only deepen the tree).
    fn field(&mut self, operand: Operand) -> Located<Operand> {
        let Some(Token { kind: Kind::Field { key, attached: true }, offset }) = self.peek() else {
            return Ok(operand);
        };
        self.at += 1;
        if let Some(Token { kind: Kind::Field { key: second, attached: true }, offset }) = self.peek() {
            return Err((
                *offset,
                Fault::NoKeys { key: second.clone(), value: format!("the text '.{key}'") },
            ));
        }
        Ok(Operand::Field { offset: *offset, of: Box::new(operand), key: key.clone() })
    }
}

fn is_constant(word: &str) -> bool {
    matches!(word, "true" | "false")
}

fn known(word: &str, offset: usize) -> Located<Entry> {
    function::find(word)
        .ok_or_else(|| (offset, Fault::UnknownFunction { name: super::format::shorten(word) }))
}

/// A call whose count of arguments is right; `piped` of them come through the pipe.
fn checked(offset: usize, entry: Entry, arguments: Vec<Operand>, piped: usize) -> Located<Call> {
    let given = arguments.len() + piped;
    if given < entry.least || given > entry.most {
        return Err((offset, Fault::WrongCount { function: entry.name, takes: entry.takes(), given }));
    }
    Ok(Call { offset, entry, arguments })
}
