//! Secrets Manager: the real adapter with the real SDK, against a loopback server that speaks its JSON as far as it is needed.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
use ponte::aws::{SecretError, Secrets, SecretsManager};
use ponte::ids::TenantId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The adapter, what is stored, and the names that were asked for.
struct Stage {
    secrets: SecretsManager,
    stored: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("sa-east-1"))
            .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "test", "test", None, None, "test",
            )))
            .build();
        let (stored, asked) = (Arc::default(), Arc::default());
        let stage = Self {
            secrets: SecretsManager::new(Client::from_conf(config), "ponte/tenant/".to_owned()),
            stored: Arc::clone(&stored),
            asked: Arc::clone(&asked),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&stored), Arc::clone(&asked)));
            }
        });
        stage
    }

    fn store(&self, tenant: &str, token: &str) {
        let secret = json!({"siengeUser": "u", "siengePassword": "p", "webhookTokens": [token]});
        let name = format!("ponte/tenant/{tenant}");
        self.stored.lock().unwrap().insert(name, secret.to_string());
    }

    /// Names asked for since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn serve(
    mut stream: TcpStream,
    stored: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut read = Vec::new();
    let body: Value = loop {
        let count = stream.read_buf(&mut read).await.ok()?;
        if count == 0 {
            return None;
        }
        // The body is small: it is whole once it is JSON.
        let head = read.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(body) = head.and_then(|end| serde_json::from_slice(&read[end + 4..]).ok()) {
            break body;
        }
    };
    let name = body["SecretId"].as_str()?.to_owned();
    let found = stored.lock().unwrap().get(&name).cloned();
    asked.lock().unwrap().push(name);
    let (status, answer) = match found {
        Some(secret) => (200, json!({ "SecretString": secret })),
        None => (400, json!({"__type": "ResourceNotFoundException"})),
    };
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all((head + &answer).as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

#[tokio::test]
async fn a_flood_of_calls_reads_a_secret_once_whether_there_is_one_or_not() {
    let stage = Stage::start().await;
    stage.store("617", "token");
    // As when a token does not fit: what is in memory, and then once more what is stored.
    for id in ["617", "999"] {
        for _ in 0..500 {
            let read = stage.secrets.get(&tenant(id)).await;
            let again = stage.secrets.refresh(&tenant(id)).await;
            assert_eq!((read.is_ok(), again.is_ok()), (id == "617", id == "617"));
            assert!(read.is_ok() || matches!(read, Err(SecretError::Missing)));
        }
        assert_eq!(stage.asked(), [format!("ponte/tenant/{id}")]);
    }
}

#[tokio::test]
async fn a_flood_of_invented_ids_makes_no_secret_be_read_again() {
    let stage = Stage::start().await;
    stage.store("617", "token");
    stage.secrets.get(&tenant("617")).await.unwrap();
    for invented in 0..1_100 {
        let read = stage.secrets.get(&tenant(&format!("i-{invented}"))).await;
        assert!(matches!(read, Err(SecretError::Missing)));
    }
    stage.asked();
    let secret = stage.secrets.get(&tenant("617")).await.unwrap();
    assert_eq!(secret.webhook_tokens, ["token"]);
    assert!(stage.asked().is_empty());
}
