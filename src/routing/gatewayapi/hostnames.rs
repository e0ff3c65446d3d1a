//! Host names of a route.

use crate::routing::Problem;

/// Most host names of a route, from the CRD.
const MOST: usize = 16;

/// The host names as they are; a name that the CRD would refuse is a problem.
pub(super) fn hostnames(hosts: &[String], problems: &mut Vec<Problem>) -> Vec<String> {
    if hosts.len() > MOST {
        problems
            .push(Problem::new("spec.service.hosts", format!("an HTTPRoute has at most {MOST} host names")));
    }
    for (index, host) in hosts.iter().enumerate() {
        let path = || format!("spec.service.hosts[{index}]");
        if host == "*" {
            problems.push(Problem::new(
                path(),
                "`*` is no host name here: leave hosts empty to serve all of them",
            ));
        } else if !is_hostname(host) {
            problems.push(Problem::new(
                path(),
                format!(
                    "{host:?} is no host name: lower-case labels with dots between, `*.` at most in front"
                ),
            ));
        }
    }
    hosts.to_vec()
}

fn is_hostname(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let label = |label: &str| {
        let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        end(label.chars().next())
            && end(label.chars().next_back())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    host.len() <= 253 && name.split('.').all(label)
}
