//! What a Secret holds while one question is asked. It is never printed.

use std::collections::BTreeMap;
use std::fmt;

use super::{CA, ServerError};

/// Names and values of a Secret, or of another place that credentials come from. The default holds nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    holder: String,
    values: BTreeMap<String, Vec<u8>>,
}

impl Credentials {
    /// The values of a place that messages call `holder`, such as `Secret shop/login`.
    pub fn new(holder: impl Into<String>, values: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self { holder: holder.into(), values: values.into_iter().collect() }
    }

    /// Whether there is no Secret at all.
    pub fn is_none(&self) -> bool {
        self.holder.is_empty()
    }

    /// Where they come from, for messages.
    pub fn holder(&self) -> &str {
        if self.is_none() { "the Secret of provider.secretRef" } else { &self.holder }
    }

    /// The bytes of a key.
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// The text of a key. White space around it goes: a line break at the end is what most editors leave.
    pub fn text(&self, key: &str) -> Result<Option<&str>, ServerError> {
        let Some(bytes) = self.bytes(key) else { return Ok(None) };
        let text = std::str::from_utf8(bytes).map(str::trim).ok();
        match text.filter(|text| !text.chars().any(char::is_control)) {
            Some("") => Ok(None),
            Some(text) => Ok(Some(text)),
            None => Err(ServerError::Key { holder: self.holder.clone(), key: key.to_owned() }),
        }
    }

    /// The texts of the first set of keys that is complete.
    pub fn first_of<'a>(
        &'a self,
        sets: &[&[&'static str]],
    ) -> Result<Vec<(&'static str, &'a str)>, ServerError> {
        for set in sets {
            let texts: Option<Vec<_>> = set
                .iter()
                .map(|key| Ok(self.text(key)?.map(|text| (*key, text))))
                .collect::<Result<_, _>>()?;
            if let Some(texts) = texts {
                return Ok(texts);
            }
        }
        Err(ServerError::NoKey { holder: self.holder().to_owned(), keys: spelled(sets) })
    }

    /// The same where a Secret may be absent, or hold nothing but the certificate of the server's CA.
    pub fn login<'a>(
        &'a self,
        sets: &[&[&'static str]],
    ) -> Result<Vec<(&'static str, &'a str)>, ServerError> {
        match self.first_of(sets) {
            Err(ServerError::NoKey { .. }) if self.is_none() || self.bytes(CA).is_some() => Ok(Vec::new()),
            found => found,
        }
    }

    /// A text in which no value of ours stands any more: some servers repeat what they were sent.
    pub fn scrub(&self, text: &str) -> String {
        /// Shorter values stand in ordinary words.
        const SHORTEST: usize = 4;
        let values = self.values.values().filter_map(|bytes| std::str::from_utf8(bytes).ok()).map(str::trim);
        let long = values.filter(|value| value.len() >= SHORTEST);
        long.fold(text.to_owned(), |text, value| text.replace(value, "…"))
    }
}

/// Sets of keys as a sentence has them.
pub(super) fn spelled(sets: &[&[&str]]) -> String {
    let set = |keys: &&[&str]| {
        let keys: Vec<_> = keys.iter().map(|key| format!("'{key}'")).collect();
        keys.join(" and ")
    };
    let sets: Vec<_> = sets.iter().map(set).collect();
    sets.join(", or ")
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.values.keys().collect();
        f.debug_struct("Credentials").field("holder", &self.holder).field("keys", &keys).finish()
    }
}
