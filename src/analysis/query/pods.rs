//! Which pods are the canary's, for series that carry the name of a pod.

use crate::api::TargetKind;

/// What Kubernetes makes the generated parts of a pod's name from: no vowels and nothing that looks like one, so
/// hardly a word fits.
const GENERATED: &str = "[bcdfghjklmnpqrstvwxz2456789]";

/// Selects the target's own pods and not the primary's. A Deployment's pods are named `<target>-<template hash>-<5>`,
/// a DaemonSet's `<target>-<5>`.
/// Kubernetes cuts what stands before the last five characters at 58, so with a long target the second dash is gone.
pub(super) fn selector(target: TargetKind) -> String {
    let name = match target {
        TargetKind::DaemonSet => format!("-{GENERATED}{{5}}"),
        TargetKind::Deployment | TargetKind::Service => format!("-{GENERATED}{{5,10}}-?{GENERATED}{{5}}"),
    };
    format!(
        "kubernetes_namespace=\"{{{{ namespace }}}}\",kubernetes_pod_name=~\"{{{{ target | literal }}}}{name}\""
    )
}
