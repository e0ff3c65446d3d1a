//! An address as a user wrote it, and whether requests may go there.

use reqwest::{Url, redirect};

use super::{judge, literal};
use crate::rollout::{HookHosts, Reach};

/// Redirects that are followed within one server.
const MAX_REDIRECTS: usize = 3;

/// The address as it is called, and how its host is reached. `what` is what goes there (`hook`, `load`) and names the operator's
/// flag, `--allow-WHAT-hosts`. The error is a fragment with the way out.
pub fn destination(
    what: &str,
    text: &str,
    hosts: &HookHosts,
    namespace: &str,
) -> Result<(Url, Reach), String> {
    let bad = |why: &str| format!("its URL cannot be used ({why}); write http:// or https:// and a host");
    let mut url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(&format!("the scheme is {}", url.scheme())));
    }
    let host = url.host_str().ok_or_else(|| bad("it has no host"))?.to_owned();
    let reach = hosts.reach(&host, namespace).ok_or_else(|| {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        format!("host {host} is not among those that {what}s may go to; name a Service as <name>.<namespace>, or let the operator add it to --allow-{what}-hosts")
    })?;
    if let Reach::Service(name) = &reach {
        url.set_host(Some(name)).map_err(|error| bad(&error.to_string()))?;
    }
    // A name is judged when it is looked up; an address is never looked up.
    if let Some(address) = literal(&url) {
        judge(address, reach == Reach::Named)?;
    }
    Ok((url, reach))
}

/// `host:port`, without credentials.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Redirects are followed within one server, and not often.
pub fn redirects() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let first = attempt.previous().first().map(Url::origin);
        if first == Some(attempt.url().origin()) && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}
