//! App Mesh: the Envoy beside each pod of the canary.

use super::{Builtin, Source, envoy, pods};
use crate::api::{Provider, TargetKind};

/// Series of the canary's sidecars, told apart by the name of their pod.
pub(super) struct AppMesh;

impl Source for AppMesh {
    fn serves(&self, provider: Provider) -> bool {
        matches!(provider, Provider::AppMeshV1Beta1 | Provider::AppMeshV1Beta2)
    }

    fn success_rate(&self, target: TargetKind) -> Builtin {
        envoy::success_rate(&pods::selector(target))
    }

    fn duration(&self, target: TargetKind) -> Builtin {
        envoy::duration(&pods::selector(target))
    }
}
