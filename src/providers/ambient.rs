//! Sluice's own identity at AWS, where a MetricTemplate names no Secret: keys of the environment, a role for the service
//! account (web identity), or EKS Pod Identity. The identity of the machine is not used: it belongs to all its pods.

use std::fmt;

use http::{HeaderMap, HeaderValue, Method, header};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{Origin, ProviderError, Sender};
use crate::analysis::{Credentials, server::Request};

/// Lent keys are not used any more when they end within this time.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Finds keys, and keeps those that are lent for a time.
pub(super) struct Ambient {
    environment: Environment,
    lent: Mutex<Option<(Timestamp, Credentials)>>,
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ambient").finish_non_exhaustive()
    }
}

/// Keys as AWS lends them; in JSON from Pod Identity, in XML from STS.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lent {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: Timestamp,
}

impl Ambient {
    /// Looks in this environment.
    pub(super) fn new(environment: Environment) -> Self {
        Self { environment, lent: Mutex::default() }
    }

    /// The keys of the moment.
    pub(super) async fn credentials(
        &self,
        sender: &Sender,
        region: &str,
    ) -> Result<Credentials, ProviderError> {
        let set = |name: &str| (self.environment)(name).filter(|value| !value.is_empty());
        if let (Some(id), Some(secret)) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY")) {
            return Ok(credentials("the environment of Sluice's pods", id, secret, set("AWS_SESSION_TOKEN")));
        }
        let mut kept = self.lent.lock().await;
        if let Some((end, credentials)) = kept.as_ref().filter(|(end, _)| *end - MARGIN > Timestamp::now()) {
            tracing::trace!(%end, "the lent keys go on");
            return Ok(credentials.clone());
        }
        let role = set("AWS_ROLE_ARN").zip(set("AWS_WEB_IDENTITY_TOKEN_FILE"));
        let (holder, lent) = if let Some((role, file)) = role {
            let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            let own = || format!("https://sts.{region}.{domain}/");
            let address = set("AWS_ENDPOINT_URL_STS").unwrap_or_else(own);
            ("the role of Sluice's service account", assume(sender, &address, &role, &file).await?)
        } else if let Some(address) = set("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            let file = set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").unwrap_or_default();
            ("the Pod Identity of Sluice's service account", associated(sender, &address, &file).await?)
        } else {
            let reason = "no AWS keys, no web identity and no Pod Identity in its environment";
            return Err(ProviderError::Identity { reason: reason.to_owned() });
        };
        let end = lent.expiration;
        let credentials = credentials(holder, lent.access_key_id, lent.secret_access_key, Some(lent.token));
        *kept = Some((end, credentials.clone()));
        Ok(credentials)
    }
}

fn credentials(holder: &str, id: String, secret: String, session: Option<String>) -> Credentials {
    let keys = [
        ("aws_access_key_id", Some(id)),
        ("aws_secret_access_key", Some(secret)),
        ("aws_session_token", session),
    ];
    let set = keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into_bytes())));
    Credentials::new(holder, set)
}

/// Exchanges the token of the service account for keys of a role.
async fn assume(sender: &Sender, address: &str, role: &str, file: &str) -> Result<Lent, ProviderError> {
    let token = read(file).await?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleSessionName", "sluice"),
            ("RoleArn", role),
            ("WebIdentityToken", &token),
        ])
        .finish();
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form);
    let text = exchange(sender, address, Method::POST, headers, body).await?;
    let field = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0.trim().to_owned())
    };
    let lent = || {
        Some(Lent {
            access_key_id: field("AccessKeyId")?,
            secret_access_key: field("SecretAccessKey")?,
            token: field("SessionToken")?,
            expiration: field("Expiration")?.parse().ok()?,
        })
    };
    lent().ok_or_else(|| unusable(address))
}

/// Asks the agent of EKS Pod Identity on this machine.
async fn associated(sender: &Sender, address: &str, file: &str) -> Result<Lent, ProviderError> {
    let mut headers = HeaderMap::new();
    if !file.is_empty() {
        let mut value = HeaderValue::from_str(&read(file).await?).map_err(|_| unusable(file))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    let text = exchange(sender, address, Method::GET, headers, String::new()).await?;
    serde_json::from_str(&text).map_err(|_| unusable(address))
}

async fn read(file: &str) -> Result<String, ProviderError> {
    let text = tokio::fs::read_to_string(file).await;
    let reason = |error| format!("the token {file} cannot be read: {error}");
    text.map(|text| text.trim().to_owned()).map_err(|error| ProviderError::Identity { reason: reason(error) })
}

async fn exchange(
    sender: &Sender,
    address: &str,
    method: Method,
    headers: HeaderMap,
    body: String,
) -> Result<String, ProviderError> {
    let url = Url::parse(address).map_err(|_| unusable(address))?;
    let request = Request { method, url, headers, body, insecure: false, ca: None };
    let reply = sender.send(request, Origin::Environment, "Sluice's identity").await?;
    if !reply.status.is_success() {
        let reason = format!("{} refuses it with status {}", reply.host, reply.status.as_u16());
        return Err(ProviderError::Identity { reason });
    }
    String::from_utf8(reply.body.to_vec()).map_err(|_| unusable(address))
}

fn unusable(what: &str) -> ProviderError {
    ProviderError::Identity { reason: format!("what {what} gives cannot be used") }
}
