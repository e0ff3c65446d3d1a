//! Every kind of server and everything that may go wrong between it and us, in one table, which is also a part of
//! `docs/metrics.md`. What a server says when all is well stands in `recorded/`, one file a kind, in the form of its API;
//! `"@-60"` is the time 60 before the present in that API's unit.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Map;

use super::*;
use crate::analysis::server::{SERVERS, Server};
use crate::api::MetricTemplate;

/// What a server does with a request.
#[derive(Clone)]
enum Does {
    /// Answers with status, further headers and body.
    Answer(u16, &'static str, String),
    /// Sends these bytes and closes the connection.
    Bytes(String),
    /// Sends these bytes and then one megabyte after the other.
    Endless(String),
    /// Never answers.
    Silence,
}

/// The recording of a kind of server.
struct Recorded(Map<String, Value>);

impl Recorded {
    fn of(server: &dyn Server) -> Self {
        let file = format!("src/providers/tests/recorded/{}.json", server.kind());
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
        Self(serde_json::from_str(&text).unwrap())
    }

    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap()
    }

    fn body(&self, field: &str) -> Option<String> {
        let text = self.0.get(field)?.to_string();
        let mut parts = text.split("\"@-");
        let mut body = parts.next()?.to_owned();
        for part in parts {
            let (ago, rest) = part.split_once('"')?;
            let unit = if ago.len() > 3 { 1000 } else { 1 };
            let ago: i64 = ago.parse().ok()?;
            body += &format!("{}{rest}", Timestamp::now().as_second() * unit - ago);
        }
        Some(body)
    }

    fn credentials(&self) -> Credentials {
        let values = self.0["secret"].as_object().unwrap().iter();
        Credentials::new(
            "Secret prod/login",
            values.map(|(key, value)| (key.clone(), value.as_str().unwrap().as_bytes().to_vec())),
        )
    }

    /// The planned check: from a Canary and a MetricTemplate, as in a run.
    fn check(&self, kind: &str, address: &str) -> Check {
        let template: MetricTemplate = serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": { "name": "t" },
            "spec": {
                "provider": { "type": kind, "address": address, "region": "eu-west-1", "secretRef": { "name": "login" } },
                "query": self.text("query"),
            },
        }))
        .unwrap();
        let canary: Canary = serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": { "name": "shop", "namespace": "prod" },
            "spec": {
                "targetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "shop" },
                "service": { "port": 80 },
                "analysis": { "metrics": [{ "name": "errors", "threshold": 1, "interval": "30s", "templateRef": { "name": "t" } }] },
            },
        }))
        .unwrap();
        let settings = Settings {
            provider: Provider::Kubernetes,
            metrics_server: String::new(),
            no_cross_namespace_refs: true,
        };
        plan(&canary, &settings, |_, _| Some(&template)).remove(0).unwrap()
    }

    /// What may happen, as the rows of the table; none where the API has no way to say it.
    fn failures(&self) -> Vec<(&'static str, Option<Does>)> {
        let well = |field: &str| self.body(field).map(|body| Does::Answer(200, JSON, body));
        let status =
            |status, headers| Some(Does::Answer(status, headers, "<html>keep-me-secret</html>".into()));
        let value = self.body("value").unwrap();
        let (half, length) = (value[..value.len() / 2].to_owned(), value.len());
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        vec![
            ("a value", well("value")),
            (
                "a value under another content type",
                Some(Does::Answer(200, "Content-Type: text/plain\r\n", value)),
            ),
            ("an empty result", well("empty")),
            ("not a number", well("not a number")),
            ("only null points", well("null")),
            ("an infinite value", well("infinite")),
            ("several series", well("several series")),
            ("400 with a reason", self.body("refused").map(|body| Does::Answer(400, JSON, body))),
            ("401", status(401, "")),
            ("403", status(403, "")),
            ("404", status(404, "")),
            ("429", status(429, "")),
            ("429 with Retry-After", status(429, "Retry-After: 30\r\n")),
            ("500", status(500, "")),
            ("503 with Retry-After", status(503, "Retry-After: 30\r\n")),
            (
                "a page instead of JSON",
                Some(Does::Answer(200, "Content-Type: text/html\r\n", "<html>keep-me-secret</html>".into())),
            ),
            ("JSON of something else", Some(Does::Answer(200, JSON, r#"{"keep": "me secret"}"#.into()))),
            ("JSON that ends in the middle", Some(Does::Answer(200, JSON, half.clone()))),
            (
                "a connection that ends in the middle",
                Some(Does::Bytes(format!("{head}Content-Length: {length}\r\n\r\n{half}"))),
            ),
            ("a connection that ends at once", Some(Does::Bytes(String::new()))),
            ("no HTTP", Some(Does::Bytes("SSH-2.0-OpenSSH_9.2\r\n".into()))),
            ("no answer in time", Some(Does::Silence)),
            ("an answer that never ends", Some(Does::Endless(format!("{head}\r\n")))),
            (
                "an answer that is too long",
                Some(Does::Bytes(format!("{head}Content-Length: 999999\r\n\r\n"))),
            ),
            (
                "a redirect to another server",
                Some(Does::Answer(302, "Location: http://192.0.2.1/\r\n", String::new())),
            ),
            ("a redirect in a circle", Some(Does::Answer(307, "Location: /again\r\n", String::new()))),
        ]
    }
}

const JSON: &str = "Content-Type: application/json\r\n";

/// A server that does the same with every request and keeps what it was sent.
fn stand(does: Does) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (does, kept) = (does.clone(), kept.clone());
            std::thread::spawn(move || exchange(stream, &does, &kept));
        }
    });
    (address, seen)
}

fn exchange(mut stream: TcpStream, does: &Does, kept: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().unwrap();
        }
        request += &line;
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    request += &String::from_utf8(body).unwrap();
    kept.lock().unwrap().push(request);
    let _ = match does {
        Does::Answer(status, headers, body) => write!(
            stream,
            "HTTP/1.1 {status} X\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        Does::Bytes(bytes) => stream.write_all(bytes.as_bytes()),
        Does::Endless(head) => {
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&[b' '; 1024]).is_ok() {}
            Ok(())
        }
        Does::Silence => {
            std::thread::sleep(Duration::from_secs(5));
            Ok(())
        }
    };
}

/// How the table tells an answer.
fn told(answer: Result<Sample, ProviderError>, host: &str, kind: &str) -> String {
    match answer {
        Ok(Sample::Value(value)) => format!("the value {value}"),
        Ok(Sample::NoData) => "no data".to_owned(),
        Err(error) => {
            let place = regex::Regex::new("line [0-9]+, column [0-9]+").unwrap();
            let text = error.to_string().replace(host, "HOST").replace(kind, "KIND");
            place.replace_all(&text, "line L, column C").into_owned()
        }
    }
}

/// Runs every kind through every failure: `failure -> kind -> what is told`.
async fn outcomes() -> Vec<(&'static str, BTreeMap<&'static str, String>)> {
    let mut rows: Vec<(&'static str, BTreeMap<&'static str, String>)> = Vec::new();
    for server in SERVERS {
        let (recorded, kind) = (Recorded::of(*server), server.kind().as_str());
        for (index, (failure, does)) in recorded.failures().into_iter().enumerate() {
            if rows.len() <= index {
                rows.push((failure, BTreeMap::new()));
            }
            let Some(does) = does else { continue };
            let limits = if matches!(does, Does::Silence) { quick() } else { limits() };
            let providers = asking(limits);
            let (host, seen) = stand(does);
            let check = recorded.check(kind, &format!("http://{host}"));
            let start = Instant::now();
            let answer = providers.query(&check, &recorded.credentials()).await;
            assert!(start.elapsed() < Duration::from_secs(9), "{kind}, {failure}: {:?}", start.elapsed());
            let debug = format!("{answer:?} {answer:#?}");
            assert!(!debug.contains("keep-me"), "{kind}, {failure}: {debug}");
            if failure == "a value" {
                let request = seen.lock().unwrap()[0].clone();
                for part in recorded.0["sent"].as_array().unwrap() {
                    let part = part.as_str().unwrap();
                    assert!(request.contains(part), "{kind}: {part:?} is missing in {request}");
                }
            }
            rows[index].1.insert(kind, told(answer, &host, kind));
        }
    }
    rows
}

fn table(rows: &[(&'static str, BTreeMap<&'static str, String>)]) -> String {
    let mut text = "| the server gives | a check gets |\n|---|---|\n".to_owned();
    for (failure, told) in rows {
        let mut groups: Vec<(&String, Vec<&str>)> = Vec::new();
        for server in SERVERS {
            let kind = server.kind().as_str();
            let Some(what) = told.get(kind) else { continue };
            match groups.iter_mut().find(|(same, _)| *same == what) {
                Some((_, kinds)) => kinds.push(kind),
                None => groups.push((what, vec![kind])),
            }
        }
        let all = groups.len() == 1 && groups[0].1.len() == SERVERS.len();
        let cells: Vec<_> = groups
            .iter()
            .map(|(what, kinds)| if all { (*what).clone() } else { format!("{}: {what}", kinds.join(", ")) })
            .collect();
        text += &format!("| {failure} | {} |\n", cells.join("<br>"));
    }
    text
}

/// What each kind needs, as a table.
fn needs() -> String {
    let mut text =
        "| type | address | secretRef | keys of the Secret | value taken |\n|---|---|---|---|---|\n"
            .to_owned();
    for server in SERVERS {
        let needs = server.needs();
        let address = server.address("REGION").map_or("has to be set".to_owned(), |own| format!("`{own}`"));
        let region = if needs.region { "; `region` has to be set" } else { "" };
        let secret = match needs.secret {
            crate::analysis::server::Need::Optional => "may be set",
            crate::analysis::server::Need::Required => "has to be set",
            crate::analysis::server::Need::Ambient => "may be set; else the identity of Sluice's pods",
        };
        let set =
            |keys: &&[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
        let keys = needs.keys.iter().map(set).collect::<Vec<_>>().join(", or ");
        text +=
            &format!("| `{}` | {address}{region} | {secret} | {keys} | {} |\n", server.kind(), needs.value);
    }
    text
}

/// Compares what stands between two marks of `docs/metrics.md`; writes it with `GENERATE=1`.
fn compare(mark: &str, wanted: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) =
        (format!("<!-- {mark}: made by `make generate` -->\n\n"), format!("\n<!-- end of {mark} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (written, after) = rest.split_once(&end).unwrap();
    if written != wanted && std::env::var_os("GENERATE").is_some() {
        std::fs::write(&path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(written, wanted, "docs/metrics.md has drifted from the code; run `make generate`");
}

/// The documents are compared in one test: two would write the file at once.
#[tokio::test]
async fn every_kind_of_server_meets_every_failure_as_documented_and_tells_no_secret() {
    let rows = outcomes().await;
    for (failure, told) in &rows {
        assert!(!told.is_empty(), "{failure}: no kind was asked");
    }
    for server in SERVERS {
        let kind = server.kind().as_str();
        assert_eq!(rows[0].1[kind], "the value 1.5", "{kind}");
    }
    compare("failures", &table(&rows));
    compare("providers", &needs());
}
