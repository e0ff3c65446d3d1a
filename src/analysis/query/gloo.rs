//! Gloo: the Envoy in front of all, whose clusters are named `<upstream>_<namespace of the upstream>`.

use super::{Builtin, Source, envoy};
use crate::api::{Provider, TargetKind};

/// Series of the Upstream that stands for the canary's Service.
pub(super) struct Gloo;

/// The namespace at the end tells service `b-c` of namespace `a` from service `c` of namespace `a-b`.
const CANARY: &str = "envoy_cluster_name=~\"{{ namespace | literal }}-{{ service | literal }}-canaryupstream-[0-9]+_{{ namespace | literal }}\"";

impl Source for Gloo {
    fn serves(&self, provider: Provider) -> bool {
        provider == Provider::Gloo
    }

    fn success_rate(&self, _: TargetKind) -> Builtin {
        envoy::success_rate(CANARY)
    }

    fn duration(&self, _: TargetKind) -> Builtin {
        envoy::duration(CANARY)
    }
}
