//! More tenants beside that of all tests: each with its own settings, secret and creditor, and a Sienge that may be another.

use ponte::ids::{CreditorId, TenantId};
use ponte::settings::{CreditorSettings, Package, TenantSettings};
use serde_json::{from_value, json};
use tokio::net::TcpListener;
use webhook::{Answer, Delivery};

use crate::Rig;
use crate::rig::{TOKEN, Told, secret};

/// A Sienge that takes every connection and never answers; its address.
pub async fn silent_sienge() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    format!("http://{address}/vizinha/public/api")
}

impl Rig {
    /// Registers a tenant of the subdomain `vizinha`, with company 1 as its creditor; or registers it anew, with another Sienge or package.
    pub async fn add_tenant(&self, tenant: &TenantId, sienge: &str, package: Package) {
        let plain = json!({"siengeBaseUrl": sienge, "subdomain": "vizinha", "package": package});
        let settings: TenantSettings = from_value(plain).unwrap();
        self.adapters
            .store
            .put_tenant(tenant, &settings)
            .await
            .unwrap();
        self.adapters
            .store
            .put_creditor(tenant, &CreditorSettings::new(CreditorId(1)))
            .await
            .unwrap();
        self.secrets.store(tenant, secret(&[TOKEN]));
    }

    /// As [`Rig::tell`], to another tenant.
    pub async fn tell_tenant(&self, tenant: &TenantId, told: &Told) -> Answer {
        let body = told.body.to_string();
        self.deliver(|delivery| Delivery {
            tenant: Some(tenant.as_str()),
            event: Some(&told.event),
            id: Some(&told.id),
            body: body.as_bytes(),
            ..delivery
        })
        .await
    }
}
