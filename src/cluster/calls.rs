//! Single calls about single objects, each with a time limit and an error that names the object.

use std::{future::Future, sync::Arc, time::Duration};

use kube::{Api, Client};

use super::{
    error::ClusterError,
    raw::{Raw, resource_of},
};
use crate::api::{Object, ObjectRef};

/// How long any call may take.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// Waits for a call, but not for ever. `what` is told in the error: what we were doing, with the object.
pub(super) async fn timed<T>(
    what: &str,
    limit: Duration,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, ClusterError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(ClusterError::Call { what: what.to_owned(), source }),
        Err(_) => Err(ClusterError::TimedOut { what: what.to_owned(), after: limit }),
    }
}

/// The address of the objects of a kind in a namespace; an empty namespace is the cluster.
pub(super) fn api(client: &Client, reference: &ObjectRef) -> Api<Raw> {
    let resource = resource_of(reference);
    match reference.namespace.as_str() {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

/// Reads an object; none if there is none.
pub(super) async fn get(client: &Client, reference: &ObjectRef) -> Result<Option<Arc<Object>>, ClusterError> {
    let api = api(client, reference);
    match timed(&format!("reading {reference}"), LIMIT, api.get(&reference.name)).await {
        Ok(raw) => object(&format!("reading {reference}"), raw, reference).map(Some),
        Err(error) if error.code() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The object in an answer.
pub(super) fn object(what: &str, raw: Raw, reference: &ObjectRef) -> Result<Arc<Object>, ClusterError> {
    let resource = resource_of(reference);
    match raw.reference(&resource) {
        Some(_) => Ok(raw.into_object(&resource)),
        None => Err(ClusterError::NoObject { what: what.to_owned() }),
    }
}
