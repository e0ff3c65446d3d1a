//! `text_enum!`: an enum whose values are fixed words, with its text form, serde and schema made from one list.
//!
//! serde's derive would need the word twice (rename and Display) and its error would not say where the value stood; schemars
//! would write a `oneOf` for variants with documentation. One list keeps code, schema and messages the same.

/// Defines an enum of fixed words: `as_str`, `Display`, `FromStr`, serde and an inline `enum` schema from one list.
///
/// A word after `|` is a second spelling that is read but never written.
macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal $(| $alias:literal)*),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vmeta])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the schema.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The words that are accepted on reading, second spellings included.
            pub const WORDS: &'static [&'static str] = &[$($text, $($alias,)*)+];

            /// The word that stands for this value in a manifest.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::api::text::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text $(| $alias)* => Ok(Self::$variant),)+
                    _ => Err($crate::api::text::UnknownWord { found: text.to_owned(), known: Self::WORDS }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": Self::WORDS })
            }
        }
    };
}

/// A word that is none of an enum's values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not one of: {}", Words(.known))]
pub struct UnknownWord {
    /// The word as it was written.
    pub found: String,
    /// The words that are accepted.
    pub known: &'static [&'static str],
}

/// Prints a list of words, an empty word as a pair of quotes.
struct Words<'a>(&'a [&'a str]);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            match word.is_empty() {
                true => write!(f, "{comma}\"\"")?,
                false => write!(f, "{comma}{word}")?,
            }
        }
        Ok(())
    }
}
