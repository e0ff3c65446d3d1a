//! What was measured, beside what the peer needed on the same version of Kubernetes, and how it is told.

use std::time::Duration;

/// What was measured with one number of Canaries.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) canaries: usize,
    /// From its creation until a Canary was initialised, all created at once.
    pub(crate) initialised: Vec<Duration>,
    /// Calls of one idle minute, and what else it cost.
    pub(crate) idle_calls: f64,
    pub(crate) idle_cpu: Duration,
    /// Resident bytes at rest, before any rollout, and the most until the end.
    pub(crate) resident: u64,
    pub(crate) peak: u64,
    /// From a changed target to the phase Progressing.
    pub(crate) noticed: Vec<Duration>,
    /// Calls and events of a rollout, of one alone and the mean of those at once.
    pub(crate) alone: (usize, usize),
    /// How late the steps of the one alone were.
    pub(crate) late_alone: Vec<Duration>,
    pub(crate) together: (f64, f64),
    /// How many at once, and how late their steps were.
    pub(crate) rollouts: usize,
    pub(crate) late: Vec<Duration>,
    /// From the start of the process until every Canary was looked at, and the calls of that.
    pub(crate) restart: Duration,
    pub(crate) restart_calls: usize,
    /// CPU time of Sluice and of the API server for the rollouts at once.
    pub(crate) cpu: Duration,
    pub(crate) server_cpu: Duration,
}

/// The time below which a share of all times stays.
pub(crate) fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut all = times.to_vec();
    all.sort_unstable();
    let rank = (all.len() as f64 * share).ceil() as usize;
    all.get(rank.clamp(1, all.len().max(1)) - 1).copied().unwrap_or_default()
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// One line of the table: a name, the figures, and the peer's.
fn row(name: &str, all: &[Figures], peer: &str, cell: impl Fn(&Figures) -> String) {
    let cells: Vec<String> = all.iter().map(cell).collect();
    println!("| {name} | {} | {peer} |", cells.join(" | "));
}

/// Prints the table, and in the last line what the targets speak of.
pub(crate) fn tell(all: &[Figures]) {
    let sizes: Vec<String> = all.iter().map(|figures| figures.canaries.to_string()).collect();
    println!("| Canaries | {} | Flagger 1.44.0 |", sizes.join(" | "));
    println!("|---|{}---|", "---:|".repeat(all.len()));
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
    row(
        "calls of an idle Canary in a minute",
        all,
        "60; 15 with 500, 7.7 with 1,000, where its client's limit is reached",
        |f| format!("{:.2}", f.idle_calls / f.canaries as f64),
    );
    row("CPU of an idle minute", all, "4.5 s with 100, 6.8 to 8 s with 500, 9 s with 1,000", |f| {
        seconds(f.idle_cpu)
    });
    row("RSS at rest", all, "83 MB with 100, 107 MB with 500, 127 MB with 1,000", |f| {
        format!("{:.0} MiB", mebibytes(f.resident))
    });
    row("RSS, the most until the end", all, "", |f| format!("{:.0} MiB", mebibytes(f.peak)));
    row("created at once until initialised, median", all, "178 s with 400", |f| {
        seconds(quantile(&f.initialised, 0.5))
    });
    row("the same, the last", all, "264 s with 400", |f| seconds(quantile(&f.initialised, 1.0)));
    row("restart until every Canary was looked at", all, "71 s with 500, 151 s with 1,000", |f| {
        seconds(f.restart)
    });
    row("calls of that", all, "8,051 with 500, 18,262 with 1,000", |f| f.restart_calls.to_string());
    row("change until Progressing, median", all, "6 to 7 s with 1, 46 to 53 s with 500", |f| {
        ms(quantile(&f.noticed, 0.5))
    });
    row("the same, p99", all, "10.4 s with 1, 66 s with 500 (the most)", |f| ms(quantile(&f.noticed, 0.99)));
    row("calls of one rollout alone, and events", all, "137 and 10", |f| {
        format!("{} and {}", f.alone.0, f.alone.1)
    });
    row("how late its steps were, the most", all, "", |f| ms(quantile(&f.late_alone, 1.0)));
    row("rollouts at once", all, "50", |f| f.rollouts.to_string());
    row("calls and events of each of them", all, "", |f| {
        format!("{:.1} and {:.1}", f.together.0, f.together.1)
    });
    row("how late their steps were, median", all, "0 s; 40 s among 500", |f| ms(quantile(&f.late, 0.5)));
    row("the same, p99", all, "1.8 s (the most); 40 s among 500", |f| ms(quantile(&f.late, 0.99)));
    row("CPU of all these rollouts, Sluice / API server", all, "", |f| {
        format!("{} / {}", seconds(f.cpu), seconds(f.server_cpu))
    });
    println!();
    let worst = |of: fn(&Figures) -> f64| all.iter().map(of).fold(0.0, f64::max);
    let largest = all.iter().max_by_key(|figures| figures.canaries);
    println!(
        "loop: idle calls {:.2} per canary-minute, RSS {:.0} MiB at {} canaries, progressing p99 {:.0} ms",
        worst(|figures| figures.idle_calls / figures.canaries as f64),
        largest.map_or(0.0, |figures| mebibytes(figures.resident)),
        largest.map_or(0, |figures| figures.canaries),
        worst(|figures| quantile(&figures.noticed, 0.99).as_secs_f64() * 1e3),
    );
}
