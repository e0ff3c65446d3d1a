//! Looks names up and passes on only addresses that may be called.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::judge;

/// A resolver that refuses names with an address that is never called; `own` allows this machine.
pub fn resolver(own: bool) -> Arc<dyn Resolve> {
    Arc::new(Judge { own })
}

struct Judge {
    own: bool,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let own = self.own;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            for address in &found {
                judge(address.ip(), own)?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
