//! What the gate is measured against: the same listener libraries, the same reviews read as JSON, and no look at them.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use axum_server::tls_rustls::RustlsConfig;
use http::{StatusCode, header};
use serde_json::{Value, json};
use sluice::server::BODY_LIMIT;

/// Allows whatever it is asked, until it is killed.
pub(crate) async fn serve(address: SocketAddr, directory: &Path) {
    let tls =
        RustlsConfig::from_pem_file(directory.join("tls.crt"), directory.join("tls.key")).await.unwrap();
    let router = Router::new().fallback(allow).layer(DefaultBodyLimit::max(BODY_LIMIT));
    axum_server::bind_rustls(address, tls).serve(router.into_make_service()).await.unwrap();
}

async fn allow(body: Bytes) -> impl IntoResponse {
    let Ok(review) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {"uid": review["request"]["uid"], "allowed": true},
    });
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
