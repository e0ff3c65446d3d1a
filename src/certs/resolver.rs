//! The certificate that TLS serves right now, swapped without a restart. A pair that does not fit is refused and
//! the last good one stays.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::facts::{Facts, certified, provider};
use super::material::CERTIFICATE;
use super::{Error, Pair};

#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    facts: Facts,
}

/// Holds what is served. Empty until the first pair was loaded; handshakes fail until then.
#[derive(Debug, Default)]
pub struct Resolver {
    current: ArcSwapOption<Loaded>,
}

impl Resolver {
    /// Serves `pair` from the next handshake on. On an error what was served before stays. True if it changed.
    pub fn load(&self, pair: &Pair) -> Result<bool, Error> {
        let key = certified(pair)?;
        let facts = Facts::read(&key.cert[0], CERTIFICATE)?;
        if self.current.load().as_ref().is_some_and(|loaded| loaded.key.cert == key.cert) {
            return Ok(false);
        }
        self.current.store(Some(Arc::new(Loaded { key: Arc::new(key), facts })));
        Ok(true)
    }

    /// Whether there was ever something to serve.
    pub fn ready(&self) -> bool {
        self.current.load().is_some()
    }

    /// What the served certificate says.
    pub fn facts(&self) -> Option<Facts> {
        self.current.load().as_ref().map(|loaded| loaded.facts.clone())
    }

    /// When the served certificate expires.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.facts().map(|facts| facts.not_after)
    }
}

impl ResolvesServerCert for Resolver {
    // Whatever name the client asks for: it knows us by one certificate only, and clients that go through a
    // proxy or an address send none.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load().as_ref().map(|loaded| loaded.key.clone())
    }
}

/// What a server that serves from `resolver` needs: TLS 1.2 and 1.3, h2 and http/1.1. No resumption: every connection shows the certificate of the day.
pub fn server_config(resolver: Arc<Resolver>) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::Tls { what: "protocol versions", source })?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
