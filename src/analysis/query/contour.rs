//! Contour: the Envoy in front of all, whose clusters are named `<namespace>_<service>_<port>`.

use super::{Builtin, Source, envoy};
use crate::api::{Provider, TargetKind};

/// Series of the cluster that stands for the canary's Service. Neither part of its name can hold an underscore.
pub(super) struct Contour;

const CANARY: &str =
    "envoy_cluster_name=~\"{{ namespace | literal }}_{{ service | literal }}-canary_[0-9]+\"";

impl Source for Contour {
    fn serves(&self, provider: Provider) -> bool {
        provider == Provider::Contour
    }

    fn success_rate(&self, _: TargetKind) -> Builtin {
        envoy::success_rate(CANARY)
    }

    fn duration(&self, _: TargetKind) -> Builtin {
        envoy::duration(CANARY)
    }
}
