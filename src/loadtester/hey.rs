//! The command line of `hey`, read and never run.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use clap::{CommandFactory, Parser};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::load::{End, Load};
use crate::api;

/// Longest time for one answer; hey's `-t 0` is none at all.
const LONGEST: Duration = Duration::from_secs(60);
/// Words by which a shell does something else than starting one program.
const SHELL: [&str; 9] = ["|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"];
/// Who asks, unless the load says otherwise.
const AGENT: &str = concat!("sluice-loadtester/", env!("CARGO_PKG_VERSION"));

/// Why a command line is no load.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineError {
    /// A quote without its end.
    #[error("cmd cannot be read: a quote is not closed")]
    Quote,
    /// What only a shell can do.
    #[error(
        "`{0}` in cmd needs a shell, and this load tester has none: write one `hey [options] URL`, and quote signs that belong to a word"
    )]
    Shell(String),
    /// Another program.
    #[error(
        "`{0}` is no program that this load tester has: it sends HTTP requests as `hey [options] URL` does, and starts nothing; other tests run in a server of your own that a hook names"
    )]
    Program(String),
    /// The options.
    #[error("cmd is not understood: {0}")]
    Options(String),
    /// A header.
    #[error("header `{0}` cannot be sent: write -H 'Name: value'")]
    Header(String),
}

/// What hey's options mean; names and defaults are its own.
#[derive(Debug, Parser)]
#[command(
    name = "hey",
    no_binary_name = true,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true
)]
struct Hey {
    #[arg(short = 'n', default_value = "200")]
    requests: NonZeroU64,
    #[arg(short = 'c', default_value = "50")]
    connections: NonZeroU32,
    #[arg(short = 'q', default_value = "0")]
    rate: f64,
    #[arg(short = 'z')]
    time: Option<api::Duration>,
    #[arg(short = 'm', default_value = "GET")]
    method: Method,
    #[arg(short = 'H', allow_hyphen_values = true)]
    headers: Vec<String>,
    #[arg(short = 't', default_value = "20")]
    timeout: u64,
    #[arg(short = 'A')]
    accept: Option<String>,
    #[arg(short = 'd', default_value = "", allow_hyphen_values = true)]
    body: String,
    #[arg(short = 'T', default_value = "text/html")]
    content_type: String,
    #[arg(short = 'U')]
    agent: Option<String>,
    #[arg(short = 'a')]
    credentials: Option<String>,
    #[arg(long = "host", conflicts_with = "http2")]
    host: Option<String>,
    #[arg(long = "h2")]
    http2: bool,
    #[arg(long)]
    disable_keepalive: bool,
    #[arg(long)]
    disable_redirects: bool,
    /// Answers are never asked for in compressed form.
    #[arg(long)]
    disable_compression: bool,
    /// How many processors hey would use.
    #[arg(long)]
    cpus: Option<u32>,
    /// The form of hey's report, of which there is one here.
    #[arg(short = 'o')]
    output: Option<String>,
    url: String,
}

/// Reads a command line.
pub(super) fn read(text: &str) -> Result<Load, LineError> {
    let words = shlex::split(text).ok_or(LineError::Quote)?;
    if let Some(word) = words.iter().find(|word| SHELL.contains(&word.as_str()) || word.ends_with(';')) {
        return Err(LineError::Shell(word.clone()));
    }
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    if program.rsplit('/').next() != Some("hey") {
        return Err(LineError::Program(program));
    }
    let hey = Hey::try_parse_from(words.map(lengthen)).map_err(|error| LineError::Options(told(&error)))?;
    load(hey)
}

/// `-host` as hey has it becomes `--host`.
fn lengthen(word: String) -> String {
    let long = |name: &str| Hey::command().get_arguments().any(|option| option.get_long() == Some(name));
    match word.strip_prefix('-').map(|rest| rest.split('=').next().unwrap_or_default()) {
        Some(name) if long(name) => format!("-{word}"),
        _ => word,
    }
}

/// The first line of clap's words, which says what is wrong.
fn told(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}

fn load(hey: Hey) -> Result<Load, LineError> {
    if !(hey.rate.is_finite() && hey.rate >= 0.0) {
        return Err(LineError::Options("-q is a number of requests a second".to_owned()));
    }
    let end = match hey.time {
        None => End::After(hey.requests.get()),
        Some(time) => End::In(
            Duration::try_from(time)
                .ok()
                .filter(|time| !time.is_zero())
                .ok_or_else(|| LineError::Options("-z is a time such as 30s or 1m".to_owned()))?,
        ),
    };
    let connections = match end {
        End::After(requests) => hey.connections.get().min(u32::try_from(requests).unwrap_or(u32::MAX)),
        End::In(_) => hey.connections.get(),
    };
    let timeout = if hey.timeout == 0 { LONGEST } else { Duration::from_secs(hey.timeout).min(LONGEST) };
    Ok(Load {
        headers: headers(&hey)?,
        url: hey.url,
        method: hey.method,
        body: Bytes::from(hey.body),
        connections,
        rate: Some(hey.rate).filter(|rate| *rate > 0.0),
        end,
        timeout,
        keep_alive: !hey.disable_keepalive,
        redirects: !hey.disable_redirects,
        http2: hey.http2,
    })
}

fn headers(hey: &Hey) -> Result<HeaderMap, LineError> {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: &str| {
        let mut value =
            HeaderValue::from_str(value).map_err(|_| LineError::Header(name.as_str().to_owned()))?;
        value.set_sensitive(name == header::AUTHORIZATION);
        headers.insert(name, value);
        Ok(())
    };
    put(header::USER_AGENT, hey.agent.as_deref().unwrap_or(AGENT))?;
    put(header::CONTENT_TYPE, &hey.content_type)?;
    if let Some(accept) = &hey.accept {
        put(header::ACCEPT, accept)?;
    }
    if let Some(credentials) = &hey.credentials {
        put(header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(credentials)))?;
    }
    for line in &hey.headers {
        // Only the name is repeated: the value may be a secret.
        let (name, value) =
            line.split_once(':').ok_or_else(|| LineError::Header("without a colon".to_owned()))?;
        let name = name.trim();
        put(name.parse().map_err(|_| LineError::Header(name.to_owned()))?, value.trim())?;
    }
    if let Some(host) = &hey.host {
        put(header::HOST, host)?;
    }
    Ok(headers)
}
