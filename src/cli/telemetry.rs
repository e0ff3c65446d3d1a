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

/// Least level that is logged; the aliases are the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogLevel {
    #[value(aliases = ["fatal", "panic"])]
    Error,
    #[value(alias = "warning")]
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// Starts logging; a second call changes nothing.
pub(super) fn start(level: LogLevel, format: LogFormat) {
    let level = level.as_str();
    // The libraries below tell at `info` what nobody needs.
    let filter = EnvFilter::builder()
        .parse_lossy(format!("{level},kube=warn,hyper=warn,h2=warn,rustls=warn,tower=warn"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn w_ops_9_the_peers_words_for_levels_are_understood_and_no_level_is_an_error_instead_of_silence() {
        let level = |word| LogLevel::from_str(word, true).ok();
        assert_eq!(level("warning"), Some(LogLevel::Warn));
        assert_eq!((level("fatal"), level("panic")), (Some(LogLevel::Error), Some(LogLevel::Error)));
        assert_eq!(level("DEBUG"), Some(LogLevel::Debug));
        assert_eq!(level("loud"), None);
    }
}
