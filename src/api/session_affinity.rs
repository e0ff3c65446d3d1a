//! `spec.analysis.sessionAffinity`: the cookie that keeps a user on one version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{cel, nullable, number};

text_enum! {
    /// The cookie's `SameSite` attribute.
    pub enum SameSite {
        /// Never sent from other sites.
        Strict = "Strict",
        /// Sent with top-level navigation.
        Lax = "Lax",
        /// Always sent; browsers want `Secure` with it.
        None = "None",
    }
}

/// One day in seconds.
fn one_day() -> i64 {
    86_400
}

/// Reads an absent or null age as one day.
fn age<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(number::optional(deserializer)?.unwrap_or_else(one_day))
}

/// The cookie that keeps a user on the canary (and, with a name for it, on the primary).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::validations(&[cel::COOKIES_DIFFER])))]
pub struct SessionAffinity {
    /// Name of the canary's cookie.
    #[schemars(length(min = 1, max = 1024))]
    pub cookie_name: String,
    /// Name of the primary's cookie; has to differ from `cookieName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub primary_cookie_name: Option<String>,
    /// The cookie's `Domain` attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The cookie's `HttpOnly` attribute.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub http_only: bool,
    /// Seconds that the cookie lives.
    #[serde(default = "one_day", deserialize_with = "age")]
    pub max_age: i64,
    /// The cookie's `Partitioned` attribute.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub partitioned: bool,
    /// The cookie's `Path` attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The cookie's `SameSite` attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
    /// The cookie's `Secure` attribute.
    #[serde(default, deserialize_with = "nullable::or_default", skip_serializing_if = "nullable::is_false")]
    pub secure: bool,
}
