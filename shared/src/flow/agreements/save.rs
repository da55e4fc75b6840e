//! Saving a proposal or an agreement, once per id.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;

use super::AgreementError;
use super::book::MAX_CONFLICTS;
use crate::agreement::{Agreement, AgreementKind, AgreementState, NewAgreement, Terms, draft};
use crate::flow::{Adapters, Session};
use crate::ids::{AgreementId, BillId, InstallmentId, TenantId};
use crate::portfolio::{Claims, HeldBill};
use crate::store::StoreError;

impl Session {
    /// The agreement that an earlier request saved under an id; an error when that request was a different one. This is the only rule for
    /// repetitions, as long as agreements are kept. It reads only the database: the installments of the first attempt may be paid or remade by now.
    pub async fn saved_before(
        adapters: &Adapters,
        tenant: &TenantId,
        id: &AgreementId,
        content: &str,
    ) -> Result<Option<Agreement>, AgreementError> {
        match adapters.store.agreement(tenant, id).await? {
            Some(stored) if stored.content != content => {
                Err(AgreementError::OtherRequest(stored.id))
            }
            stored => Ok(stored),
        }
    }

    /// Saves an agreement or a proposal and returns it. Saving the same id with the same content again returns the stored one; with
    /// other content it is refused.
    ///
    /// An integrated agreement is active when Sienge confirmed, cancelled (with Sienge's reason) when it refused, and awaiting the ERP
    /// when the answer was unclear: then the payments sweep finds out. It is never remade twice.
    pub async fn save_agreement(&self, mut new: NewAgreement) -> Result<Agreement, AgreementError> {
        if let Some(stored) = self.saved(&new).await? {
            return Ok(stored);
        }
        if !self.creditors.contains_key(&new.creditor) {
            return Err(AgreementError::UnknownCreditor(new.creditor));
        }
        let selected: BTreeSet<BillId> = new.keys().map(|key| key.bill).collect();
        let terms = Terms {
            settings: &self.agreements.agreement_settings(new.creditor),
            classes: &self.settings.settlement_classes,
            index_bases: &self.settings.retroactive_index_bases,
        };
        for _ in 0..MAX_CONFLICTS {
            let bills = self.agreements.bills_of(selected.iter().copied()).await?;
            if new.kind == AgreementKind::Integrated && new.indexer.is_none() && selected.len() == 1
            {
                new.indexer = Some(self.indexer_of(&new).await?);
            }
            let saved = draft(&self.tenant, &new, &bills, terms, self.today, self.now())?;
            match self
                .agreements
                .write_agreement(&saved, &claims_of(&bills))
                .await
            {
                Ok(()) => {
                    tracing::info!(tenant = %self.tenant, agreement = %new.id, state = saved.agreement.state.name().as_str(), "agreement saved");
                    return self.go_on(saved.agreement).await;
                }
                // Another one with the same id, or on one of the same bills.
                Err(StoreError::Conflict) => {
                    if let Some(stored) = self.saved(&new).await? {
                        return Ok(stored);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn saved(&self, new: &NewAgreement) -> Result<Option<Agreement>, AgreementError> {
        Self::saved_before(&self.adapters, &self.tenant, &new.id, &new.content).await
    }

    /// Requests the remake, where the stored intention says so.
    pub(super) async fn go_on(&self, agreement: Agreement) -> Result<Agreement, AgreementError> {
        if matches!(agreement.state, AgreementState::AwaitingErp { .. }) {
            self.ask_erp(agreement).await
        } else {
            Ok(agreement)
        }
    }

    /// The indexer of the selected installments in Sienge ("utilizar indexador do contrato").
    async fn indexer_of(&self, new: &NewAgreement) -> Result<i32, AgreementError> {
        let wanted: BTreeMap<BillId, BTreeSet<InstallmentId>> =
            new.keys().fold(BTreeMap::new(), |mut wanted, key| {
                wanted
                    .entry(key.bill)
                    .or_insert_with(BTreeSet::new)
                    .insert(key.installment);
                wanted
            });
        let bills: Vec<BillId> = wanted.keys().copied().collect();
        let mut indexers = BTreeSet::new();
        let mut rows = self.sienge.income_by_bills(&bills);
        while let Some(row) = rows.next().await {
            let row = row?;
            let selected =
                row.bill_id
                    .zip(row.installment_id)
                    .is_some_and(|(bill, installment)| {
                        let ids = wanted.get(&BillId(bill));
                        ids.is_some_and(|ids| ids.contains(&InstallmentId(installment)))
                    });
            if selected {
                indexers.extend(
                    row.indexer_id
                        .and_then(|indexer| i32::try_from(indexer).ok()),
                );
            }
        }
        match (indexers.pop_first(), indexers.is_empty()) {
            (Some(indexer), true) => Ok(indexer),
            (None, _) => Err(AgreementError::IndexerMissing),
            (Some(_), false) => Err(AgreementError::SeveralIndexers),
        }
    }
}

pub(super) fn claims_of(bills: &BTreeMap<BillId, HeldBill>) -> BTreeMap<BillId, Claims> {
    bills
        .iter()
        .map(|(bill, held)| (*bill, held.claims.clone()))
        .collect()
}
