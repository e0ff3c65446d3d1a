//! ConfigMaps and Secrets: a metadata watch tells of a new version, one GET reads it, its checksum is kept and its content is
//! dropped. What stands in a status with its version is not read again, not even by a process that has just started.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use super::{error::ClusterError, named::Known, read::AT_ONCE, read::Cluster};
use crate::{
    api::{ObjectRef, SeenConfig},
    rollout::Lost,
    workload::configs::{Config, ConfigRef, Configs},
};

impl Cluster {
    /// What is known of configs in a namespace; `seen` is what is known of versions that were read before. One that cannot be read
    /// counts as it was last seen, never as missing; one that was never seen is left out. Why it cannot be read is told beside.
    pub async fn configs(
        &self,
        namespace: &str,
        wanted: BTreeSet<ConfigRef>,
        seen: &BTreeMap<String, SeenConfig>,
    ) -> (Configs, Option<(Lost, ClusterError)>) {
        let read = stream::iter(wanted).map(|config| async move {
            let known = self.config(&config.object(namespace), seen.get(&config.key())).await;
            (config, known)
        });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).collect().await;
        let (mut configs, mut lost) = (Configs::new(), None);
        for (config, known) in read {
            match (known, seen.get(&config.key())) {
                (Ok(known), _) => drop(configs.insert(config, known)),
                (Err(error), Some(seen)) => {
                    configs.insert(config, Config::from(seen));
                    lost.get_or_insert((Lost::Little, error));
                }
                (Err(error), None) => lost = Some((Lost::Revision, error)),
            }
        }
        (configs, lost)
    }

    async fn config(&self, reference: &ObjectRef, seen: Option<&SeenConfig>) -> Result<Config, ClusterError> {
        match self.view.lock().known(reference) {
            Known::Absent => return Ok(Config::Absent),
            Known::Present(sight) => {
                let (uid, version) = (sight.uid.into_string(), sight.version.into_string());
                if sight.opted_out {
                    return Ok(Config::Present { uid, version, checksum: None });
                }
                if let Some(seen) = seen.filter(|seen| seen.uid == uid && seen.version == version) {
                    return Ok(Config::Present { uid, version, checksum: seen.checksum.clone() });
                }
            }
            Known::Nothing => {}
        }
        Ok(Config::of(self.get(reference).await?.as_deref()))
    }
}
