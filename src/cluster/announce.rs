//! Events about Canaries, posted in the background so that telling people never holds a rollout up.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event as Posted},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, Resource, ResourceExt, api::PostParams};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::calls::{LIMIT, timed};
use crate::{
    api::Canary,
    rollout::{self, Event, Reason},
    sentence,
};

/// Events that may wait to be posted; more are dropped and counted.
const BACKLOG: usize = 512;
/// The API server's limit for the note of an event, in bytes.
const NOTE: usize = 1024;

/// Tells people. Clones share the backlog.
#[derive(Clone)]
pub struct Announcer {
    queue: mpsc::Sender<Posted>,
    losses: Losses,
    instance: Arc<str>,
}

/// The task that posts events; ends when all announcers are gone and the backlog is posted.
pub struct Poster {
    client: Client,
    queue: mpsc::Receiver<Posted>,
    losses: Losses,
}

/// Events that did not arrive.
#[derive(Clone, Default)]
struct Losses {
    count: Counter,
    /// Whether the last one was lost: of a row of losses the first is told.
    goes_on: Arc<AtomicBool>,
}

impl Losses {
    fn lost(&self, reason: Option<&str>, why: &str) {
        self.count.inc();
        if self.goes_on.swap(true, Ordering::Relaxed) {
            debug!(reason, why, "an event was not posted");
        } else {
            warn!(
                reason,
                why, "an event was not posted; `sluice_events_lost_total` counts those that follow"
            );
        }
    }

    fn arrived(&self) {
        self.goes_on.store(false, Ordering::Relaxed);
    }
}

impl Announcer {
    /// An announcer that speaks for this replica (its pod's name), and the task behind it.
    pub fn new(client: Client, instance: &str) -> (Announcer, Poster) {
        let (sender, queue) = mpsc::channel(BACKLOG);
        let losses = Losses::default();
        let announcer = Announcer { queue: sender, losses: losses.clone(), instance: instance.into() };
        (announcer, Poster { client, queue, losses })
    }

    /// Hands an event over; never waits. What does not fit into the backlog is dropped and counted.
    pub fn announce(&self, canary: &Canary, event: &Event) {
        if self.queue.try_send(posted(canary, event, &self.instance, Timestamp::now())).is_err() {
            self.losses.lost(Some(event.reason.as_str()), "too many wait");
        }
    }

    /// Counts the events that were lost: by a full backlog, or because posting failed.
    pub fn lost(&self) -> Counter {
        self.losses.count.clone()
    }
}

impl Poster {
    /// Posts events one after the other. A failure costs the event, nothing else.
    pub async fn run(mut self) {
        while let Some(event) = self.queue.recv().await {
            let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
            let api: Api<Posted> = Api::namespaced(self.client.clone(), namespace);
            let created = timed("posting an event", LIMIT, api.create(&PostParams::default(), &event)).await;
            match created {
                Ok(_) => self.losses.arrived(),
                Err(error) => self.losses.lost(event.reason.as_deref(), &sentence::of(&error)),
            }
        }
    }
}

/// The event as it is stored. Each gets a name of its own: kube's recorder would fold events that differ in their note only,
/// so that of ten steps one would be seen.
fn posted(canary: &Canary, event: &Event, instance: &str, now: Timestamp) -> Posted {
    let name = canary.name_any();
    let regarding = ObjectReference { resource_version: canary.resource_version(), ..canary.object_ref(&()) };
    Posted {
        metadata: ObjectMeta {
            // The longest name has 253 characters, as has that of a Canary.
            name: Some(format!("{:.220}.{:x}", name, now.as_nanosecond())),
            namespace: canary.namespace(),
            ..ObjectMeta::default()
        },
        action: Some("Rollout".to_owned()),
        reason: Some(event.reason.as_str().to_owned()),
        note: Some(cut(&event.message)),
        type_: Some(kind(event.reason).to_owned()),
        event_time: Some(MicroTime(now)),
        regarding: Some(regarding),
        reporting_controller: Some("sluice".to_owned()),
        reporting_instance: Some(instance.to_owned()),
        ..Posted::default()
    }
}

fn kind(reason: Reason) -> &'static str {
    if reason.is_warning() { "Warning" } else { "Normal" }
}

/// The text within the API server's limit, cut at a character; what comes next stays.
fn cut(text: &str) -> String {
    if text.len() <= NOTE {
        return text.to_owned();
    }
    let (decided, next) = rollout::parts(text);
    let next = next.map(|next| format!("{}{next}", rollout::NEXT)).filter(|next| next.len() < NOTE / 2);
    let next = next.unwrap_or_default();
    let most = NOTE - '…'.len_utf8() - next.len();
    let end = (0..=most.min(decided.len())).rev().find(|at| decided.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…{next}", &decided[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{Reply, server, settle};

    fn canary() -> Canary {
        let mut canary = Canary::new(&"c".repeat(253), Default::default());
        canary.metadata.namespace = Some("n".to_owned());
        canary.metadata.uid = Some("u".to_owned());
        canary
    }

    fn event(message: &str) -> Event {
        Event::new(Reason::RolledBack, message)
    }

    #[tokio::test(start_paused = true)]
    async fn each_event_is_posted_on_its_own_with_its_reason() {
        let (client, record) = server(|call| Reply::ok(call.body.clone()));
        let (announcer, poster) = Announcer::new(client, "pod-1");
        tokio::spawn(poster.run());
        announcer.announce(&canary(), &event("first"));
        announcer.announce(&canary(), &event("second"));
        settle().await;
        let calls = record.all();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[1].path, "/apis/events.k8s.io/v1/namespaces/n/events");
        let body = &calls[1].body;
        assert_eq!((body["reason"].as_str(), body["type"].as_str()), (Some("RolledBack"), Some("Warning")));
        assert_eq!((body["note"].as_str(), body["regarding"]["uid"].as_str()), (Some("second"), Some("u")));
        assert_eq!(body["regarding"]["kind"], "Canary");
        assert!(body["metadata"]["name"].as_str().unwrap().len() <= 253);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_never_holds_the_speaker_up_and_losses_are_counted() {
        let (client, _) = server(|_| Reply::Hang);
        let (announcer, _poster) = Announcer::new(client, "pod-1");
        for _ in 0..BACKLOG + 3 {
            announcer.announce(&canary(), &event("x"));
        }
        assert_eq!(announcer.lost().get(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_is_refused_is_counted_and_the_next_one_is_posted() {
        let mut codes = vec![201, 403].into_iter();
        let (client, record) = server(move |call| match codes.next_back() {
            Some(403) => Reply::refused(403, "Forbidden"),
            _ => Reply::ok(call.body.clone()),
        });
        let (announcer, poster) = Announcer::new(client, "pod-1");
        tokio::spawn(poster.run());
        announcer.announce(&canary(), &event("first"));
        announcer.announce(&canary(), &event("second"));
        settle().await;
        assert_eq!((record.all().len(), announcer.lost().get()), (2, 1));
    }

    #[test]
    fn a_long_note_is_cut_at_a_character() {
        let text = cut(&"ä".repeat(1000));
        assert!(text.len() <= NOTE && text.ends_with('…'));
        assert_eq!(cut("short"), "short");
        let told = cut(&format!("{}.{}the checks at noon.", "ä".repeat(1000), rollout::NEXT));
        assert!(told.len() <= NOTE && told.ends_with("ä… Next: the checks at noon."), "{told}");
    }
}
