//! Secrets with the credentials of metric servers and chat rooms: read when they are spoken to, and never kept.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{calls, error::ClusterError, read::Cluster};
use crate::{analysis::Credentials, api::ObjectRef};

impl Cluster {
    /// What a Secret holds now, by one GET. So a new token counts from the next question on, and a look at our memory
    /// shows none.
    pub async fn credentials(&self, secret: &ObjectRef) -> Result<Credentials, ClusterError> {
        if !self.credentials {
            return Err(ClusterError::SecretsOff { secret: secret.clone() });
        }
        let found = calls::get(&self.client, secret).await.map_err(|error| match error.code() {
            Some(403) => ClusterError::SecretForbidden { secret: secret.clone() },
            _ => error,
        })?;
        let object = found.ok_or_else(|| ClusterError::NoSecret { secret: secret.clone() })?;
        let data = object["data"].as_object().into_iter().flatten();
        let values = data.filter_map(|(key, value)| {
            // The API server sends nothing that is no base64.
            Some((key.clone(), STANDARD.decode(value.as_str()?).ok()?))
        });
        Ok(Credentials::new(secret.to_string(), values))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Reply, server};

    fn login() -> ObjectRef {
        ObjectRef::new("v1", "Secret", "shop", "login")
    }

    #[tokio::test]
    async fn a_secret_is_read_by_one_get_each_time_and_never_printed() {
        let (client, record) = server(|_| {
            Reply::ok(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "shop"},
                "data": {"token": "aHVzaA=="}}),
            )
        });
        let (cluster, _touched) = Cluster::new(client, None);
        for _ in 0..2 {
            let credentials = cluster.credentials(&login()).await.unwrap();
            assert_eq!(credentials.text("token").unwrap(), Some("hush"));
            assert!(!format!("{credentials:?}").contains("hush"));
        }
        let calls = record.single();
        assert_eq!(calls, ["GET /api/v1/namespaces/shop/secrets/login"; 2]);
        assert!(cluster.known(&login()).is_none());
    }

    #[tokio::test]
    async fn without_the_operators_leave_no_secret_is_tried_and_the_flag_is_named() {
        let (client, record) = server(|_| Reply::refused(403, "Forbidden"));
        let (cluster, _touched) = Cluster::new(client, None);
        let error = cluster.without_credentials().credentials(&login()).await.unwrap_err().to_string();
        assert!(
            error.starts_with("Secret shop/login is not read") && error.contains("--metric-secrets=false"),
            "{error}"
        );
        assert_eq!(record.single(), Vec::<String>::new());
    }

    #[rstest]
    #[case(404, "Secret shop/login does not exist; create it, or correct the secretRef that names it")]
    #[case(403, "Secret shop/login may not be read; allow Sluice's service account to get Secrets there")]
    #[case(500, "reading Secret shop/login")]
    #[tokio::test]
    async fn a_secret_that_cannot_be_read_is_told_with_the_way_out(
        #[case] code: u16,
        #[case] expected: &str,
    ) {
        let (client, _) = server(move |_| Reply::refused(code, ""));
        let (cluster, _touched) = Cluster::new(client, None);
        assert_eq!(cluster.credentials(&login()).await.unwrap_err().to_string(), expected);
    }
}
