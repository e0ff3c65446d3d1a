//! AWS Signature Version 4, written out: the request is one POST to `/` with few headers, for which the crate
//! `aws-sigv4` would bring 60 others.

use hmac::{Hmac, Mac};
use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Request;

/// Who signs.
pub(super) struct Keys<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
    /// Comes with keys that are lent for a time.
    pub(super) session: Option<&'a str>,
}

/// Adds the signature and what it needs to the headers. None if a value cannot stand in a header.
pub(super) fn sign(
    request: &mut Request,
    keys: &Keys<'_>,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Option<()> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &time[..8];
    request.headers.insert(HeaderName::from_static("x-amz-date"), HeaderValue::from_str(&time).ok()?);
    if let Some(session) = keys.session {
        let mut value = HeaderValue::from_str(session).ok()?;
        value.set_sensitive(true);
        request.headers.insert(HeaderName::from_static("x-amz-security-token"), value);
    }
    let mut signed: Vec<(String, String)> = vec![("host".to_owned(), host(request)?)];
    for (name, value) in &request.headers {
        // Proxies may change others on the way.
        if *name == header::CONTENT_TYPE || name.as_str().starts_with("x-amz-") {
            signed.push((name.as_str().to_owned(), value.to_str().ok()?.trim().to_owned()));
        }
    }
    signed.sort();
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names: Vec<&str> = signed.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let (method, path, query) =
        (&request.method, request.url.path(), request.url.query().unwrap_or_default());
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", digest(&request.body));
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", digest(&canonical));
    let mut key = format!("AWS4{}", keys.secret).into_bytes();
    for part in [day, region, service, "aws4_request"] {
        key = code(&key, part)?;
    }
    let signature = hex(&code(&key, &text)?);
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        keys.id
    );
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    request.headers.insert(header::AUTHORIZATION, value);
    Some(())
}

/// The Host header as the client will send it: a port only where it is not the scheme's own.
fn host(request: &Request) -> Option<String> {
    let host = request.url.host_str()?;
    Some(request.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn code(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut code = Hmac::<Sha256>::new_from_slice(key).ok()?;
    code.update(text.as_bytes());
    Some(code.finalize().into_bytes().to_vec())
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
