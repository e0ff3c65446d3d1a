//! The functions that a template can call, as one table: name and how many arguments.

/// What a name in a template stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Name,
    Namespace,
    Target,
    Service,
    Ingress,
    Route,
    Interval,
    Variables,
    Printf,
    Index,
    Eq,
    Ne,
    And,
    Or,
    Not,
    Literal,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) function: Function,
    pub(super) least: usize,
    pub(super) most: usize,
}

const MANY: usize = usize::MAX;

const FUNCTIONS: &[Entry] = &[
    entry("name", Function::Name, 0, 0),
    entry("namespace", Function::Namespace, 0, 0),
    entry("target", Function::Target, 0, 0),
    entry("service", Function::Service, 0, 0),
    entry("ingress", Function::Ingress, 0, 0),
    entry("route", Function::Route, 0, 0),
    entry("interval", Function::Interval, 0, 0),
    entry("variables", Function::Variables, 0, 0),
    entry("printf", Function::Printf, 1, MANY),
    // The only way to a key that is no Go identifier: `index variables "my-key"`.
    entry("index", Function::Index, 2, 2),
    entry("eq", Function::Eq, 2, MANY),
    entry("ne", Function::Ne, 2, 2),
    entry("and", Function::And, 1, MANY),
    entry("or", Function::Or, 1, MANY),
    entry("not", Function::Not, 1, 1),
    // Ours: a name as a regular expression that matches nothing else, for use inside a PromQL string in double quotes.
    entry("literal", Function::Literal, 1, 1),
];

const fn entry(name: &'static str, function: Function, least: usize, most: usize) -> Entry {
    Entry { name, function, least, most }
}

pub(super) fn find(name: &str) -> Option<Entry> {
    FUNCTIONS.iter().find(|entry| entry.name == name).copied()
}

/// All names, for the message about an unknown one.
pub(super) fn names() -> String {
    FUNCTIONS.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
}

impl Entry {
    /// How many arguments it takes, in words.
    pub(super) fn takes(&self) -> String {
        match (self.least, self.most) {
            (0, 0) => "no argument".to_owned(),
            (1, 1) => "1 argument".to_owned(),
            (1, MANY) => "at least 1 argument".to_owned(),
            (least, MANY) => format!("at least {least} arguments"),
            (least, _) => format!("{least} arguments"),
        }
    }
}
