//! One user with a browser: asks the app one request at a time, keeps cookies, and tells who answered.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::api;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(10);

fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        // An error means that it is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        // A proxy chooses by request; a kept connection must not hide that.
        reqwest::Client::builder().no_proxy().timeout(LIMIT).pool_max_idle_per_host(0).build().unwrap()
    })
}

/// The text that a URL answers with.
#[track_caller]
pub(crate) fn text(url: &str) -> String {
    let answer =
        api::runtime().block_on(async { client().get(url).send().await?.error_for_status()?.text().await });
    answer.unwrap_or_else(|error| panic!("GET {url}: {error}"))
}

/// Posts nothing to a URL, which has to agree.
#[track_caller]
pub(crate) fn post(url: &str) {
    let answer = api::runtime().block_on(async { client().post(url).send().await?.error_for_status() });
    answer.unwrap_or_else(|error| panic!("POST {url}: {error}"));
}

/// A user of an app behind a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    url: String,
    host: String,
    headers: Vec<(String, String)>,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    /// Somebody new, who asks a proxy, given as host and port, for a host.
    pub(crate) fn new(proxy: &str, host: &str) -> Self {
        let url = format!("http://{proxy}/");
        Visitor { url, host: host.to_owned(), headers: Vec::new(), cookies: BTreeMap::new() }
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a cookie.
    pub(crate) fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A cookie that the visitor has.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Asks once and keeps what cookies the answer sets; returns the version that answered.
    #[track_caller]
    pub(crate) fn ask(&mut self) -> String {
        let mut request = client().get(&self.url).header("host", &self.host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = api::runtime().block_on(async {
            let answer = request.send().await?.error_for_status()?;
            let headers = answer.headers().clone();
            answer.text().await.map(|body| (headers, body))
        });
        let (headers, body) =
            answer.unwrap_or_else(|error| panic!("GET {} of {}: {error}", self.url, self.host));
        for line in headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok()) {
            self.keep(line);
        }
        let told: Value = serde_json::from_str(&body).unwrap_or_default();
        told["message"].as_str().unwrap_or_default().to_owned()
    }

    /// As a browser does: an age of nothing or less deletes the cookie.
    fn keep(&mut self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let age = parts
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| key.eq_ignore_ascii_case("max-age"));
        if age.is_some_and(|(_, age)| age.parse::<i64>().is_ok_and(|age| age <= 0)) {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}
