//! What tests of this room act on: all that a term shares, around a client of an API server that the test plays.

use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};

use super::metrics::Metrics;
use crate::{
    cluster::{Announcer, Cluster, ClusterWorld, Told},
    execute::lease::Leadership,
};

/// One replica that leads for ever.
pub(super) struct Stage {
    pub(super) cluster: Cluster,
    pub(super) announcer: Announcer,
    pub(super) metrics: Metrics,
    pub(super) world: ClusterWorld,
    pub(super) told: mpsc::UnboundedReceiver<Told>,
}

impl Stage {
    pub(super) fn on(client: kube::Client) -> Stage {
        let (cluster, _) = Cluster::new(client.clone(), None);
        let (announcer, poster) = Announcer::new(client, "test");
        tokio::spawn(poster.run());
        let metrics =
            Metrics::new(&mut Registry::default(), "kubernetes", &announcer.lost(), cluster.failures());
        let (tell, told) = mpsc::unbounded_channel();
        let (_, leadership) = watch::channel(Leadership::forever());
        let (ask, _) = mpsc::unbounded_channel();
        let world = ClusterWorld::new(cluster.clone(), announcer.clone(), ask, tell, leadership);
        Stage { cluster, announcer, metrics, world, told }
    }
}
