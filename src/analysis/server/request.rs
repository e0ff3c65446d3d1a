//! What is sent to a metric server.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use super::{CA, Question, ServerError, shown};

/// Headers that belong to the connection; a user's value would break its framing.
const OURS: &[HeaderName] = &[
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A request to a metric server.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, or POST if there is a body.
    pub method: Method,
    /// The whole address, query and all.
    pub url: Url,
    /// Headers of the template and of the protocol; credentials are marked as sensitive.
    pub headers: HeaderMap,
    /// What is sent along; empty for GET.
    pub body: String,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// Certificates in PEM that are trusted beside those of the machine.
    pub ca: Option<Vec<u8>>,
}

impl Request {
    /// A GET of a path below the server's address, with the headers of the template.
    pub(super) fn get(question: &Question<'_>, path: &[&str]) -> Result<Self, ServerError> {
        let endpoint = &question.check.endpoint;
        let bad = ServerError::Address;
        let mut url = Url::parse(&endpoint.address).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("the scheme is {}", url.scheme())));
        }
        url.path_segments_mut().map_err(|()| bad("it has no path".to_owned()))?.pop_if_empty().extend(path);
        Ok(Self {
            method: Method::GET,
            url,
            headers: headers(&endpoint.headers)?,
            body: String::new(),
            insecure: endpoint.insecure,
            ca: question.credentials.bytes(CA).map(<[u8]>::to_vec),
        })
    }

    /// Makes it a POST of this body.
    pub(super) fn post(mut self, body: String) -> Self {
        self.method = Method::POST;
        self.body = body;
        self
    }

    /// Adds parameters to the address.
    pub(super) fn with(mut self, parameters: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(parameters);
        self
    }

    /// Sets a header that holds credentials; it takes the place of the template's own.
    pub(super) fn secret(
        mut self,
        question: &Question<'_>,
        key: &str,
        name: HeaderName,
        value: &str,
    ) -> Result<Self, ServerError> {
        let bad =
            |_| ServerError::Key { holder: question.credentials.holder().to_owned(), key: key.to_owned() };
        let mut value = HeaderValue::from_str(value).map_err(bad)?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Logs in with a name and a password.
    pub(super) fn basic(
        self,
        question: &Question<'_>,
        name: &str,
        password: &str,
    ) -> Result<Self, ServerError> {
        let value = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
        self.secret(question, "password", header::AUTHORIZATION, &value)
    }
}

fn headers(given: &std::collections::BTreeMap<String, Vec<String>>) -> Result<HeaderMap, ServerError> {
    let mut headers = HeaderMap::new();
    for (name, values) in given {
        let bad = |reason| ServerError::Header { name: shown(name), reason };
        let parsed: HeaderName = name.parse().map_err(|_| bad("it is no header name"))?;
        if OURS.contains(&parsed) {
            return Err(bad("it belongs to the connection"));
        }
        for value in values {
            let mut value: HeaderValue =
                value.parse().map_err(|_| bad("its value has signs that no header may have"))?;
            value.set_sensitive(true);
            headers.append(&parsed, value);
        }
    }
    Ok(headers)
}
