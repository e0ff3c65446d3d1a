//! Keys that the cluster gives to Sluice's own pods.

use std::collections::HashMap;

use wiremock::matchers::body_string_contains;

use super::*;
use crate::providers::{ambient::Ambient, sender::Sender};

fn ambient(environment: &[(&str, String)]) -> Ambient {
    let environment: HashMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Ambient::new(Box::new(move |name| environment.get(name).cloned()))
}

async fn keys(ambient: &Ambient) -> Result<Vec<String>, String> {
    let sender = Sender::new(limits(), Box::new(|_| false)).unwrap();
    let credentials = ambient.credentials(&sender, "eu-west-1").await.map_err(|error| error.to_string())?;
    assert!(!format!("{credentials:?} {ambient:?}").contains("hush"));
    let names = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    Ok(names.iter().filter_map(|name| credentials.text(name).unwrap()).map(str::to_owned).collect())
}

fn token() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "identity").unwrap();
    file
}

#[tokio::test]
async fn keys_of_the_environment_are_used_first() {
    let set = [("AWS_ACCESS_KEY_ID", "id".to_owned()), ("AWS_SECRET_ACCESS_KEY", "hush".to_owned())];
    assert_eq!(keys(&ambient(&set)).await.unwrap(), ["id", "hush"]);
}

#[tokio::test]
async fn the_token_of_the_service_account_is_exchanged_once_for_keys_of_its_role() {
    let answer = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
        <AccessKeyId>id</AccessKeyId><SecretAccessKey>hush</SecretAccessKey><SessionToken>hush-too</SessionToken>
        <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(body_string_contains("Action=AssumeRoleWithWebIdentity"))
        .and(body_string_contains("RoleArn=arn%3Aaws%3Arole"))
        .and(body_string_contains("WebIdentityToken=identity"))
        .respond_with(ResponseTemplate::new(200).set_body_string(answer))
        .expect(1)
        .mount(&server)
        .await;
    let file = token();
    let ambient = ambient(&[
        ("AWS_ROLE_ARN", "arn:aws:role".to_owned()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().display().to_string()),
        ("AWS_ENDPOINT_URL_STS", server.uri()),
    ]);
    for _ in 0..2 {
        assert_eq!(keys(&ambient).await.unwrap(), ["id", "hush", "hush-too"]);
    }
}

#[tokio::test]
async fn pod_identity_is_asked_with_its_token_and_again_when_its_keys_end() {
    let answer = json!({"AccessKeyId": "id", "SecretAccessKey": "hush", "Token": "hush-too", "Expiration": "2001-01-01T00:00:00Z"});
    let server = MockServer::start().await;
    Mock::given(header("authorization", "identity"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(2)
        .mount(&server)
        .await;
    let file = token();
    let ambient = ambient(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.uri()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.path().display().to_string()),
    ]);
    for _ in 0..2 {
        assert_eq!(keys(&ambient).await.unwrap(), ["id", "hush", "hush-too"]);
    }
}

#[tokio::test]
async fn without_any_identity_the_way_out_is_told() {
    assert_eq!(
        keys(&ambient(&[])).await.unwrap_err(),
        "Sluice has no identity to ask with (no AWS keys, no web identity and no Pod Identity in its environment); set provider.secretRef, or give its service account a role"
    );
}

#[tokio::test]
async fn an_identity_that_is_refused_is_told_without_the_token() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(403).set_body_string("identity"))
        .mount(&server)
        .await;
    let file = token();
    let ambient = ambient(&[
        ("AWS_ROLE_ARN", "arn:aws:role".to_owned()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().display().to_string()),
        ("AWS_ENDPOINT_URL_STS", server.uri()),
    ]);
    let told = keys(&ambient).await.unwrap_err();
    assert!(told.contains("refuses it with status 403"), "{told}");
}
