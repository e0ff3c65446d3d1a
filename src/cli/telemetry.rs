//! Logs: one line an event on standard error, as JSON or as text.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people; coloured on a terminal.
    #[value(alias = "console")]
    Text,
}

/// Starts logging; a second call changes nothing.
pub(super) fn start(level: &str, format: LogFormat) {
    // The peer's names that tracing does not know.
    let level = match level {
        "warning" => "warn",
        "fatal" | "panic" => "error",
        level => level,
    };
    // The libraries below tell at `info` what nobody needs.
    let filter = EnvFilter::builder()
        .parse_lossy(format!("{level},kube=warn,hyper=warn,h2=warn,rustls=warn,tower=warn"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
