//! The calculation campaigns of a creditor: one list, replaced as a whole under an optimistic version.

use super::attributes::{Item, binary, get_binary, get_number, get_text, key_item, number, text};
use super::batch::Freshness;
use super::{Store, StoreError, keys, packing};
use crate::calculation::Campaign;
use crate::ids::{CreditorId, TenantId};

/// Largest packed list, below the item limit of 400 KB.
const LIMIT_BYTES: usize = 350_000;

/// A creditor's campaigns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CampaignList {
    /// Grows by one with each save; zero before the first save.
    pub version: u64,
    /// The campaigns.
    pub campaigns: Vec<Campaign>,
}

impl Store {
    /// The campaigns of a creditor; none and version 0 before the first save.
    pub async fn campaigns(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
    ) -> Result<CampaignList, StoreError> {
        let key = keys::campaigns(tenant, creditor);
        let item = self
            .get(&self.tables.control, &key, Freshness::Consistent)
            .await?;
        item.map_or_else(|| Ok(CampaignList::default()), |item| read(&item))
    }

    /// Replaces the list saved as `version`; returns the new version. [`StoreError::Conflict`] when somebody else saved in between.
    ///
    /// The campaigns are checked by the caller ([`Campaign::check`]).
    pub async fn put_campaigns(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        version: u64,
        campaigns: &[Campaign],
    ) -> Result<u64, StoreError> {
        let json = serde_json::to_vec(campaigns)
            .map_err(|error| StoreError::unreadable("the campaigns", error))?;
        let packed = packing::pack(&json);
        if packed.bytes.len() > LIMIT_BYTES {
            return Err(StoreError::TooLarge {
                what: "the list of campaigns",
                bytes: packed.bytes.len(),
                limit: LIMIT_BYTES,
            });
        }
        let next = version.saturating_add(1);
        let mut item = key_item(&keys::campaigns(tenant, creditor));
        item.extend([
            ("version".to_owned(), number(next)),
            ("campaigns".to_owned(), binary(packed.bytes)),
            ("encoding".to_owned(), text(packed.encoding)),
        ]);
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.control)
            .set_item(Some(item));
        let put = if version == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", number(version))
        };
        put.send()
            .await
            .map_err(|error| StoreError::of("PutItem", &error))?;
        Ok(next)
    }
}

fn read(item: &Item) -> Result<CampaignList, StoreError> {
    let what = "the campaigns";
    let json = packing::unpack(
        what,
        get_binary(item, "campaigns")?,
        get_text(item, "encoding")?,
    )?;
    Ok(CampaignList {
        version: get_number(item, "version")?,
        campaigns: serde_json::from_slice(&json)
            .map_err(|error| StoreError::unreadable(what, error))?,
    })
}
