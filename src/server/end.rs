//! The end of the process, on a signal.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `shutdown` at the first SIGTERM or SIGINT; the second ends the process at once. Fails where signals cannot be heard.
pub fn end_on_signal(shutdown: &CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        for ending in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if ending {
                tracing::error!("second signal: ending at once");
                std::process::exit(1);
            }
            tracing::info!("ending: no new work, then work in flight, then the endpoints");
            shutdown.cancel();
        }
    });
    Ok(())
}
