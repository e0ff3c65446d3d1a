//! Coming from Flagger: what it left serves on, nothing is rolled out for that, and the next revision is an ordinary one.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::install::alone;
use crate::support::data_plane::{CONTOUR_HTTP_PROXY, CONTOUR_HTTP_ROUTE, DataPlane, ISTIO_INGRESS};
use crate::support::history::History;
use crate::support::load::Load;
use crate::support::manifests::{APP, podinfo};
use crate::support::space::Space;
use crate::support::{controller, helm, kubectl, peer, switch, wait};

const RATE: u32 = 25;
const PRIMARY: &str = "podinfo-primary";
/// A few intervals: time enough for a run to start that should not.
const QUIET: Duration = Duration::from_secs(15);

/// An app that Flagger has left, with its visitors.
struct Shop {
    space: Space,
    /// The word of its route.
    route: &'static str,
    phase: &'static str,
    load: Load,
    pods: BTreeSet<String>,
}

impl Shop {
    #[track_caller]
    fn of_the_peer(plane: &DataPlane, phase: &'static str, wished: &str) -> Self {
        let space = Space::new(plane.word);
        peer::leaves(&space, plane, &plane.canary(&space, &[50]), phase, "one", wished);
        let load = plane.load(&space, RATE, &[]);
        load.answered("one");
        let pods = space.pod_names(PRIMARY);
        Shop { space, route: plane.word, phase, load, pods }
    }

    /// It was looked at, and nothing began.
    #[track_caller]
    fn is_taken_over(&self) -> History {
        let history = History::of(&self.space.namespace, APP);
        history
            .wait(wait::NOTICED, "Sluice to have looked", |seen| !seen.canary["status"]["target"].is_null());
        history
    }

    #[track_caller]
    fn nothing_began(&self, history: &History) {
        assert_eq!(history.phases(0), [self.phase], "{}", self.space.namespace);
        assert_eq!(self.space.pod_names(PRIMARY), self.pods, "the pods of the primary were replaced");
        assert_eq!(self.space.pods(APP).len(), 0, "the target runs");
        let reasons = self.space.reasons(APP);
        assert!(!reasons.iter().any(|reason| reason == "RevisionDetected"), "{reasons:?}");
        assert_eq!(self.load.so_far().lost(), 0, "{:?}", self.load.so_far());
    }
}

#[test]
fn what_flagger_left_is_taken_over_without_a_run_and_without_a_lost_request() {
    let Some(alone) = alone("take-over") else { return };
    let _sluice = alone.changing();
    helm::clear_half_way();
    helm::uninstall();
    let crds =
        ["apply", "--server-side", "--force-conflicts", "--filename", "charts/sluice/files/flagger.app.yaml"];
    kubectl::kubectl(&crds).ok();
    let mut shops = vec![
        Shop::of_the_peer(&CONTOUR_HTTP_ROUTE, "Succeeded", "one"),
        Shop::of_the_peer(&CONTOUR_HTTP_PROXY, "Initialized", "one"),
        // Its last revision failed: it is not tried again.
        Shop::of_the_peer(&CONTOUR_HTTP_ROUTE, "Failed", "two"),
    ];
    match ISTIO_INGRESS.missing() {
        None => shops.push(Shop::of_the_peer(&ISTIO_INGRESS, "Succeeded", "one")),
        Some(reason) => switch::skip("take-over of a VirtualService", &reason),
    }

    helm::upgrade(&[]).ok();
    controller::ready();
    let histories: Vec<History> = shops.iter().map(Shop::is_taken_over).collect();
    std::thread::sleep(QUIET);
    for (shop, history) in shops.iter().zip(&histories) {
        shop.nothing_began(history);
    }

    let marks: Vec<usize> = histories.iter().map(History::mark).collect();
    for shop in &shops {
        shop.space.apply(&[&podinfo("three")]);
    }
    for (shop, (history, mark)) in shops.into_iter().zip(histories.iter().zip(marks)) {
        history.ends(mark, "Succeeded");
        assert!(history.weights(mark).contains(&50), "{:?}", history.weights(mark));
        shop.space.rests();
        assert_eq!(shop.space.version(PRIMARY), "three");
        shop.load.sees("three");
        shop.load
            .stop()
            .nothing_lost(&format!("take-over of {} from {} to the end of a run", shop.route, shop.phase));
    }
}
