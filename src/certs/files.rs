//! Certificates that somebody else (cert-manager) puts into a directory. Looks every ten seconds and compares
//! bytes: a Secret volume changes by swapping a symbolic link, which file notification often misses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::material::{BUNDLE, Bundle, CERTIFICATE, KEY};
use super::{Error, Pair, Resolver};

/// How often the directory is read.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

/// A directory with `tls.crt`, `tls.key` and, if the issuer tells it, `ca.crt`.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    seen: Option<Seen>,
}

#[derive(Clone, PartialEq, Eq)]
struct Seen {
    pair: Pair,
    bundle: Option<Bundle>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen(hidden)")
    }
}

/// What a look at the directory showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The bytes of the last look.
    Same,
    /// Another pair, served from now on, with the bundle if there is one.
    Loaded(Option<Bundle>),
}

impl Files {
    /// Nothing is read yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), seen: None }
    }

    /// Reads the directory and hands a changed pair to `resolver`. On an error what was served before stays; the
    /// same bad bytes are an error only once.
    pub async fn look(&mut self, resolver: &Resolver) -> Result<Look, Error> {
        let seen = self.read().await?;
        if self.seen.as_ref() == Some(&seen) {
            return Ok(Look::Same);
        }
        let loaded = resolver.load(&seen.pair).map(|_| Look::Loaded(seen.bundle.clone()));
        self.seen = Some(seen);
        loaded
    }

    async fn read(&self) -> Result<Seen, Error> {
        // Follow the link of a Secret volume once, so that both files are of the same generation.
        let generation = self.directory.join("..data");
        let directory = tokio::fs::canonicalize(&generation).await.unwrap_or_else(|_| self.directory.clone());
        let pair = Pair {
            certificate: text(&directory.join(CERTIFICATE)).await?,
            key: text(&directory.join(KEY)).await?,
        };
        let bundle = text(&directory.join(BUNDLE)).await.ok().filter(|bundle| !bundle.trim().is_empty());
        Ok(Seen { pair, bundle: bundle.map(Bundle) })
    }
}

async fn text(path: &Path) -> Result<String, Error> {
    tokio::fs::read_to_string(path).await.map_err(|source| Error::File { path: path.to_path_buf(), source })
}
