//! More tenants beside that of all tests: each with its own settings, secret and creditor, and a Sienge that may be another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ponte::ids::{CreditorId, TenantId};
use ponte::settings::{CreditorSettings, Package, TenantSettings};
use serde_json::{from_value, json};
use tokio::net::TcpListener;
use webhook::{Answer, Delivery};

use crate::Rig;
use crate::rig::{TOKEN, Told, secret};

/// A Sienge that takes every connection and never answers; its address.
pub async fn silent_sienge() -> String {
    counting_silent_sienge().await.0
}

/// The same, and how many connections it took.
pub async fn counting_silent_sienge() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            held.push(connection);
        }
    });
    (format!("http://{address}/vizinha/public/api"), taken)
}

impl Rig {
    /// Registers a tenant of the subdomain `vizinha`, with company 1 as its creditor; or registers it anew, with another Sienge or package.
    pub async fn add_tenant(&self, tenant: &TenantId, sienge: &str, package: Package) {
        self.add_tenant_of("vizinha", tenant, sienge, package).await;
    }

    /// The same of another subdomain.
    pub async fn add_tenant_of(
        &self,
        subdomain: &str,
        tenant: &TenantId,
        sienge: &str,
        package: Package,
    ) {
        let plain = json!({"siengeBaseUrl": sienge, "subdomain": subdomain, "package": package});
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
