//! Gates: closed until somebody opens them. Kept in memory, and in a file where there is one, so that they outlive the process.

use std::{collections::BTreeSet, io, path::PathBuf};

use tokio::sync::RwLock;

use super::{metrics::Metrics, task::Subject};

/// Open gates that are kept; opening is free of charge to whoever may do it.
const MOST: usize = 10_000;

/// What a gate is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whether a run may go on.
    Gate,
    /// Whether a run is to be taken back.
    Rollback,
}

impl Kind {
    /// The word in the paths.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Gate => "gate",
            Kind::Rollback => "rollback",
        }
    }

    fn key(self, subject: &Subject) -> String {
        format!("{}/{subject}", self.word())
    }
}

/// A failure to keep gates.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The file cannot be read.
    #[error("could not read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file has something else in it.
    #[error("{path} is no list of gates; delete it, then all gates are closed")]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The file cannot be written.
    #[error("could not write {path}; the gate stays as it was")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Too many are open.
    #[error("{MOST} gates are open, which is the most; close those of Canaries that are gone")]
    Full,
}

/// The gates that are open.
#[derive(Debug)]
pub(super) struct Gates {
    open: RwLock<BTreeSet<String>>,
    file: Option<PathBuf>,
    metrics: Metrics,
}

impl Gates {
    /// Those that the file has; none if it is not there yet.
    pub(super) async fn open(file: Option<PathBuf>, metrics: Metrics) -> Result<Self, GateError> {
        let open = match &file {
            Some(path) => match tokio::fs::read(path).await {
                Ok(text) => serde_json::from_slice(&text)
                    .map_err(|source| GateError::Form { path: path.clone(), source })?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
                Err(source) => return Err(GateError::Read { path: path.clone(), source }),
            },
            None => BTreeSet::new(),
        };
        metrics.open(open.len());
        Ok(Gates { open: RwLock::new(open), file, metrics })
    }

    /// Whether one is open.
    pub(super) async fn is_open(&self, kind: Kind, subject: &Subject) -> bool {
        self.open.read().await.contains(&kind.key(subject))
    }

    /// Opens or closes one; it is so once this returns, and stays so where there is a file.
    pub(super) async fn set(&self, kind: Kind, subject: &Subject, open: bool) -> Result<(), GateError> {
        let key = kind.key(subject);
        let mut gates = self.open.write().await;
        if gates.contains(&key) == open {
            return Ok(());
        }
        if open && gates.len() >= MOST {
            return Err(GateError::Full);
        }
        let mut wanted = gates.clone();
        let _ = if open { wanted.insert(key) } else { wanted.remove(&key) };
        self.keep(&wanted).await?;
        self.metrics.open(wanted.len());
        *gates = wanted;
        tracing::info!(gate = kind.word(), canary = %subject, open, "a gate was turned");
        Ok(())
    }

    /// Writes beside the file and renames, so that it is never half there.
    async fn keep(&self, gates: &BTreeSet<String>) -> Result<(), GateError> {
        let Some(path) = &self.file else { return Ok(()) };
        let fault = |source| GateError::Write { path: path.clone(), source };
        let text = serde_json::to_vec(gates).map_err(|error| fault(error.into()))?;
        let beside = path.with_extension("new");
        tokio::fs::write(&beside, text).await.map_err(fault)?;
        tokio::fs::rename(&beside, path).await.map_err(fault)
    }
}
