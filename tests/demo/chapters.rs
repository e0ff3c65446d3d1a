//! The chapters, in the order of their telling. One that fails does not keep the others from being tried, unless they stand on it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::screen::Screen;
use crate::support::command::line;
use crate::support::history::{History, Seen};
use crate::support::load::{Load, tolerance};
use crate::support::manifests::{APP, canary, podinfo, replicas, slow};
use crate::support::space::Space;
use crate::support::{bed, controller, helm, kubectl, switch, wait};

/// Requests a second.
const RATE: u32 = 50;
/// The canary's share at each step, in percent.
const STEPS: [u32; 3] = [10, 30, 50];
/// How long after a step a proxy may still follow the one before.
const LAG: Duration = Duration::from_millis(1500);

/// The whole demo.
pub(crate) fn all(screen: &Screen) {
    let Some(()) = cluster(screen) else { return };
    let Some(()) = install(screen) else { return };
    let space = Space::named("shop");
    wrong(screen, &space);
    let Some(history) = first(screen, &space) else { return };
    let load = Load::on_host(&space.host(), RATE);
    if screen.check("the app answers through the Gateway", || load.answered("one")).is_some() {
        promotion(screen, &space, &history, &load);
        reapply(screen, &space);
        rollback(screen, &space, &history, &load);
    }
    if switch::keep() {
        std::mem::forget(space);
    }
}

/// Takes away what the demo made.
pub(crate) fn clean(screen: &Screen) {
    if switch::existing_cluster() {
        screen.check("Sluice is uninstalled", helm::uninstall);
    } else {
        screen
            .check("the cluster is gone, and nothing of it stays on this machine", || bed::take_down().ok());
    }
}

fn cluster(screen: &Screen) -> Option<()> {
    screen.chapter("A cluster");
    let tell = |step: &str| match step {
        "build" => screen.say(
            "Programs and images: built once, kept for the next time. This takes a while on a new machine.",
        ),
        "up" => screen.say("A Kubernetes node of its own: etcd, API server, scheduler, kubelet, containerd."),
        "addons" => screen.say("Contour with Envoy as the Gateway, Prometheus beside them."),
        _ => {}
    };
    screen.check("Kubernetes, a Gateway and Prometheus are up", || {
        if let Err(reason) = bed::bring_up(tell) {
            panic!("{reason}");
        }
        // What an earlier run or the tests left.
        kubectl::kubectl(&["delete", "namespaces", "--selector", "sluice.dev/test=true", "--timeout=60s"])
            .ok();
        helm::uninstall();
    })
}

fn install(screen: &Screen) -> Option<()> {
    screen.chapter("Install");
    let mut command = bed::bed().command("helm");
    command.args([
        "install",
        "sluice",
        "charts/sluice",
        "--namespace",
        "sluice-system",
        "--create-namespace",
    ]);
    let plain = line(&command);
    let (program, words) = plain.split_once(' ').unwrap_or((&plain, ""));
    screen.command(&format!("{} {words}", program.rsplit('/').next().unwrap_or(program)));
    screen.check("two replicas serve the gate, one of them writes", || {
        let mut words = vec!["install".to_owned()];
        words.extend(helm::upgrade_words(&[]).into_iter().skip(2));
        let said = helm::helm(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok();
        screen.note(&said);
        controller::ready();
        assert_eq!(controller::pods().len(), 2);
    })
}

fn wrong(screen: &Screen, space: &Space) {
    screen.chapter("Three wrong Canaries meet the gate");
    for (file, problems) in [
        ("steps", &["SL002", "SL404", "SL422"][..]),
        ("fraction", &["SL001", "SL302"]),
        ("ambitious", &["SL901", "SL906"]),
    ] {
        let path = format!("tests/demo/wrong/{file}.yaml");
        screen.command(&format!("kubectl apply -f {path}"));
        let outcome = space.kubectl(&["apply", "--filename", &path]);
        screen.quote(&outcome.text());
        let named = problems.iter().all(|problem| outcome.stderr.contains(problem));
        let claim = format!("refused, with all {} problems at once", problems.len());
        screen.claim(&claim, !outcome.success && named, outcome.text());
    }
}

fn first(screen: &Screen, space: &Space) -> Option<History> {
    screen.chapter("A good Canary");
    screen.command("kubectl apply -f podinfo.yaml -f canary.yaml");
    screen.say(&format!("The canary gets {} % of the requests, each step lasts 10 s,", percents(&STEPS)));
    screen.say("and goes on if 99 % succeed and 99 % take less than 500 ms.");
    let wishes = json!({"spec": {"analysis": {"threshold": 1}}});
    let canary = crate::support::manifests::with(&canary(&space.host(), &STEPS), &wishes);
    let history = screen
        .check("initialised: podinfo-primary serves, podinfo itself rests at zero", || {
            space.initialised(&replicas(&podinfo("one"), 2), &canary)
        })?;
    screen.claim(
        "all traffic goes to podinfo-primary",
        space.route() == (100, 0),
        format!("{:?}", space.route()),
    );
    Some(history)
}

fn percents(steps: &[u32]) -> String {
    steps.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn promotion(screen: &Screen, space: &Space, history: &History, load: &Load) {
    screen.chapter(&format!("A new version, under {RATE} requests a second"));
    screen.command("kubectl -n shop set env deployment/podinfo PODINFO_UI_MESSAGE=two");
    let mark = history.mark();
    space.kubectl(&["set", "env", "deployment/podinfo", "PODINFO_UI_MESSAGE=two"]).ok();
    let began = Instant::now();
    screen.check("noticed by watch, its pods are started", || {
        history.first(mark, wait::NOTICED, "the run to begin", |seen| seen.phase() == "Progressing");
    });
    screen.say("  planned    observed    requests    lost");
    for step in STEPS {
        let planned = i64::from(step);
        let Some(seen) = arrived(screen, history, mark, planned) else { return };
        if step == STEPS[1] {
            kill(screen);
        }
        let left = history.first(mark, wait::STEP, "the step to end", |next| {
            next.at > seen.at && (next.weight() != planned || next.phase() != "Progressing")
        });
        share(screen, load, planned, seen.at, left.at);
    }
    screen.check("promoted: podinfo-primary runs the new version", || {
        history.ends(mark, "Succeeded");
        assert_eq!(space.version("podinfo-primary"), "two");
    });
    let raised: Vec<i64> =
        history.weights(mark).into_iter().filter(|weight| ![0, 100].contains(weight)).collect();
    let expected: Vec<i64> = STEPS.iter().map(|step| i64::from(*step)).collect();
    screen.claim("no step was repeated, none was left out", raised == expected, format!("{raised:?}"));
    screen.check("podinfo rests at zero again", || space.rests());
    lost(screen, load, began);
}

/// Waits for a step.
fn arrived(screen: &Screen, history: &History, mark: usize, planned: i64) -> Option<Seen> {
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        history.first(mark, wait::STEP, &format!("the step at {planned} %"), |seen| {
            seen.weight() == planned && seen.is_due()
        })
    }));
    match waited {
        Ok(seen) => Some(seen),
        Err(panic) => {
            screen.check::<()>(&format!("the canary gets {planned} %"), || std::panic::resume_unwind(panic));
            None
        }
    }
}

fn kill(screen: &Screen) {
    std::thread::sleep(Duration::from_secs(4));
    let leader = controller::leader();
    let how = controller::kill(&leader);
    screen.say(&format!("           ... in the middle of this step: {how} of the replica that writes ..."));
}

fn share(screen: &Screen, load: &Load, planned: i64, from: Instant, until: Instant) {
    let counts = load.between(from + LAG, until);
    let observed = counts.share("two");
    let expected = f64::from(i32::try_from(planned).unwrap_or_default());
    let near = (observed - expected).abs() <= tolerance(expected, counts.requests);
    let row =
        format!("{planned:>4} %    {observed:>6.1} %    {:>8}    {:>4}", counts.requests, counts.lost());
    screen.claim(&row, near && counts.requests > 0, "the share is not what chance explains");
}

fn lost(screen: &Screen, load: &Load, began: Instant) {
    let counts = load.between(began, Instant::now());
    let claim = format!("{} of {} requests failed", counts.lost(), counts.requests);
    screen.claim(&claim, counts.lost() == 0 && counts.requests > 0, format!("{counts:?}"));
}

fn reapply(screen: &Screen, space: &Space) {
    screen.chapter("GitOps applies the manifest again: replicas: 2, while podinfo rests");
    screen.command("kubectl apply --server-side --force-conflicts --field-manager=gitops -f podinfo.yaml");
    // The manifest in the repository is at the new version by now.
    let manifest: Value = replicas(&podinfo("two"), 2);
    let words = ["apply", "--server-side", "--force-conflicts", "--field-manager=gitops"];
    let outcome = kubectl::write(&space.namespace, &words, &[&manifest]);
    screen.quote(&outcome.text());
    screen.claim("the write goes through", outcome.success, outcome.text());
    screen.check("no pod starts, within 3 s", || {
        wait::stays(Duration::from_secs(3), "the target without pods", || match space.pods(APP).len() {
            0 => Ok(()),
            pods => Err(format!("{pods} pods")),
        });
    });
    screen.check("the wish for 2 is kept for the next promotion", || {
        assert_eq!(space.deployment(APP)["metadata"]["annotations"]["sluice.dev/replicas"], "2");
    });
}

fn rollback(screen: &Screen, space: &Space, history: &History, load: &Load) {
    screen.chapter("A bad version: it answers 600 to 800 ms late");
    screen.command("kubectl apply -f slow.yaml");
    let mark = history.mark();
    let began = Instant::now();
    space.apply(&[&replicas(&slow(&podinfo("three")), 2)]);
    screen.check("analysed with 10 % of the requests, and no more", || {
        history.ends(mark, "Failed");
        let most = history.weights(mark).into_iter().max();
        assert_eq!(most, Some(10), "{:?}", history.weights(mark));
    });
    let failed = history.since(mark).into_iter().find(|seen| seen.number("failedChecks") > 0);
    let checks = failed.map(|seen| seen.canary["status"]["checks"].clone()).unwrap_or_default();
    for check in checks.as_array().into_iter().flatten().filter(|check| check["passed"] == false) {
        screen.quote(check["message"].as_str().unwrap_or_default());
    }
    screen.claim("its duration told", checks.to_string().contains("request-duration"), &checks);
    screen.check("taken back: all traffic is with the old version", || {
        space.rests();
        assert_eq!(space.route(), (100, 0));
        assert_eq!(space.version("podinfo-primary"), "two");
    });
    lost(screen, load, began);
}
