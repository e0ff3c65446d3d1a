//! What is remembered of configs: as in production, a content is read and hashed once, not at each look.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    api::{Live, Object},
    workload::configs::{Config, ConfigRef, Configs},
};

/// The contents that were read last, each with what is known of it.
#[derive(Default)]
pub(super) struct Contents(BTreeMap<ConfigRef, (Arc<Object>, Config)>);

impl Contents {
    /// What is known of these configs of a namespace.
    pub(super) fn known(&mut self, wanted: BTreeSet<ConfigRef>, objects: &Live, namespace: &str) -> Configs {
        let known = wanted.into_iter().map(|config| {
            let Some(object) = objects.get_shared(&config.object(namespace)) else {
                return (config, Config::Absent);
            };
            let read = self.0.get(&config).filter(|(of, _)| Arc::ptr_eq(of, object));
            let known = read.map_or_else(|| Config::of(Some(object)), |(_, known)| known.clone());
            self.0.insert(config.clone(), (object.clone(), known.clone()));
            (config, known)
        });
        known.collect()
    }
}
