//! What can go wrong with certificates. No variant ever carries key material.

use std::path::PathBuf;

/// A failure of the certificate room; the variant says what we were doing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Signing or key generation failed.
    #[error("could not issue the {what}")]
    Issue {
        /// Which certificate or key.
        what: &'static str,
        /// The reason given by the issuing library.
        #[source]
        source: rcgen::Error,
    },
    /// A certificate could not be read. The text is left out on purpose: it may stand beside a key.
    #[error("{what} is not a readable PEM certificate or key")]
    Unreadable {
        /// The key of the Secret, or the file.
        what: &'static str,
    },
    /// A Secret of ours lacks something.
    #[error("the Secret has no `{0}`")]
    Missing(&'static str),
    /// A point in time is outside what a certificate can express.
    #[error("the time is outside of what a certificate can hold; check the clock of this node")]
    Time,
    /// TLS refuses the pair, or the chain does not hold.
    #[error("the certificate is not usable: {what}")]
    Tls {
        /// What was checked.
        what: &'static str,
        /// The reason given by the TLS library.
        #[source]
        source: rustls::Error,
    },
    /// A call to the Kubernetes API failed.
    #[error("could not {doing}")]
    Api {
        /// Verb, kind and name.
        doing: String,
        /// What the client or the API server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// Other writers kept changing the object while we tried to write.
    #[error("could not {doing}: it kept changing under us; the next event or check tries again")]
    Contended {
        /// Verb, kind and name.
        doing: String,
    },
    /// A certificate file could not be read.
    #[error("could not read {path}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(super) fn api(doing: impl Into<String>, source: kube::Error) -> Self {
        Self::Api { doing: doing.into(), source: Box::new(source) }
    }
}
