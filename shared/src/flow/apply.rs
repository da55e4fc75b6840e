//! `apply`: stored webhooks take effect, grouped so that each bill is read once however many webhooks name it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use tokio::time::Instant;

use super::{Adapters, FlowError, ReadRequest, Report, Session, SyncOutcome};
use crate::aws::InboxMessage;
use crate::ids::{BillId, CustomerId, SalesContractId, TenantId, UnitId};
use crate::intake::{self, Hints, Receiver};
use crate::portfolio::Scope;
use crate::store::{Finish, InboundWebhook, JournalKey, StoredWebhook, WebhookState};
use crate::telemetry::{self, Metric};

/// The queue moves a message to the dead-letter queue after this many deliveries; the last one is noted in the journal.
pub const MAX_DELIVERIES: u32 = 5;

/// A message as the queue delivered it.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The queue's id, named again when the message failed.
    pub message_id: String,
    /// What it points at.
    pub message: InboxMessage,
    /// How often it was delivered, this time included.
    pub deliveries: u32,
}

/// Applies a batch and returns the ids of the messages that failed. One tenant's or one bill's trouble fails only its own messages.
pub async fn apply_webhooks(
    adapters: &Adapters,
    batch: Vec<Delivered>,
    deadline: Instant,
) -> Vec<String> {
    let mut by_tenant: BTreeMap<TenantId, Vec<Delivered>> = BTreeMap::new();
    for delivered in batch {
        by_tenant
            .entry(delivered.message.tenant.clone())
            .or_default()
            .push(delivered);
    }
    // Side by side, so that one tenant's slow Sienge does not use up the others' time.
    let all = by_tenant
        .into_iter()
        .map(|(tenant, messages)| apply_for(adapters, tenant, messages, deadline));
    join_all(all).await.into_iter().flatten().collect()
}

async fn apply_for(
    adapters: &Adapters,
    tenant: TenantId,
    messages: Vec<Delivered>,
    deadline: Instant,
) -> Vec<String> {
    match apply_tenant(adapters, &tenant, &messages, deadline).await {
        Ok(failed) => failed,
        Err(error) => {
            tracing::error!(%tenant, %error, messages = messages.len(), "webhooks not applied; they are tried again");
            if error.is_lasting() {
                let messages = messages.iter().map(|delivered| (delivered, None));
                give_up(adapters, &tenant, messages, &error.to_string()).await;
            }
            messages
                .into_iter()
                .map(|delivered| delivered.message_id)
                .collect()
        }
    }
}

async fn apply_tenant(
    adapters: &Adapters,
    tenant: &TenantId,
    messages: &[Delivered],
    deadline: Instant,
) -> Result<Vec<String>, FlowError> {
    let (waiting, damaged) = load(adapters, messages).await?;
    for (delivered, why) in &damaged {
        tracing::error!(%tenant, key = delivered.message.key, why, "stored webhook unreadable; it fails alone");
        give_up(adapters, tenant, std::iter::once((*delivered, None)), why).await;
    }
    let mut failed: Vec<String> = damaged
        .into_iter()
        .map(|(delivered, _)| delivered.message_id.clone())
        .collect();
    if waiting.is_empty() {
        return Ok(failed);
    }
    let session = Session::open(adapters, tenant, false, deadline).await?;
    let mut report = Report::default();
    let processed = session.process(&waiting, false, &mut report).await;
    session.close().await;
    let processed = processed?;
    finish(adapters, &processed).await?;
    let arrivals: BTreeMap<&JournalKey, &str> = waiting
        .iter()
        .filter_map(|stored| Some((&stored.key, stored.arrival.as_deref()?)))
        .collect();
    let why_failed =
        |delivered: &Delivered| match processed.get(&JournalKey(delivered.message.key.clone())) {
            Some(Processed {
                synced: SyncOutcome::Failed { why, lasting },
                ..
            }) => Some((why, *lasting)),
            _ => None,
        };
    let applied = processed
        .values()
        .filter(|each| !matches!(each.synced, SyncOutcome::Failed { .. }))
        .count();
    telemetry::count(
        Metric::WebhookApplied,
        applied as u64,
        Some(tenant),
        session.now(),
    );
    telemetry::count(
        Metric::InstallmentsChanged,
        report.installments_changed(),
        Some(tenant),
        session.now(),
    );
    tracing::info!(%tenant, webhooks = waiting.len(), bills = report.bills_compared, known = report.bills_known, "webhooks applied: {}", report.text());

    for delivered in messages {
        let Some((why, lasting)) = why_failed(delivered) else {
            continue;
        };
        if lasting {
            let arrival = arrivals
                .get(&JournalKey(delivered.message.key.clone()))
                .copied();
            give_up(adapters, tenant, std::iter::once((delivered, arrival)), why).await;
        }
        failed.push(delivered.message_id.clone());
    }
    Ok(failed)
}

/// The webhooks that wait to be processed, and the messages whose webhook can't be read back, with the reason.
/// A webhook that is not there any more (it expired) is done with.
async fn load<'a>(
    adapters: &Adapters,
    messages: &'a [Delivered],
) -> Result<(Vec<StoredWebhook>, Vec<(&'a Delivered, String)>), FlowError> {
    let keys: Vec<JournalKey> = messages
        .iter()
        .map(|delivered| JournalKey(delivered.message.key.clone()))
        .collect();
    let loaded = adapters.store.load_webhooks(&keys).await?;
    let some_damaged = loaded.iter().any(Result::is_err);
    let readable: Vec<StoredWebhook> = loaded.into_iter().filter_map(Result::ok).collect();
    let mut damaged = Vec::new();
    if some_damaged {
        let known: BTreeSet<&JournalKey> = readable.iter().map(|stored| &stored.key).collect();
        for (delivered, key) in messages
            .iter()
            .zip(&keys)
            .filter(|(_, key)| !known.contains(key))
        {
            if let Some(Err(error)) = adapters
                .store
                .load_webhooks(std::slice::from_ref(key))
                .await?
                .pop()
            {
                damaged.push((delivered, error.to_string()));
            }
        }
    }
    // A failed one comes again only when an operator moved it out of the dead-letter queue.
    let waits = |stored: &StoredWebhook| {
        !matches!(stored.state, WebhookState::Done | WebhookState::Rejected)
    };
    Ok((readable.into_iter().filter(waits).collect(), damaged))
}

/// Writes the outcomes into the journal; a webhook that failed stays pending. One that could not be noted is only done once more.
pub(super) async fn finish(
    adapters: &Adapters,
    processed: &BTreeMap<JournalKey, Processed>,
) -> Result<(), FlowError> {
    let finishes: Vec<Finish> = processed
        .iter()
        .filter_map(|(key, processed)| finished(key, processed))
        .collect();
    match adapters
        .store
        .finish_all(&finishes, (adapters.clock)())
        .await
        .into_iter()
        .next()
    {
        Some((_, error)) => Err(error.into()),
        None => Ok(()),
    }
}

fn finished(key: &JournalKey, processed: &Processed) -> Option<Finish> {
    let (state, note) = match processed.synced {
        SyncOutcome::InSync => (WebhookState::Done, "aplicado"),
        SyncOutcome::Withheld => (
            WebhookState::Done,
            "há parcelas a retirar além do limite do credor: nada foi retirado; aguardam a confirmação no batimento",
        ),
        SyncOutcome::Unmatched => (
            WebhookState::Unmatched,
            "contrato não encontrado na carteira nem entre os credores cadastrados",
        ),
        SyncOutcome::Failed { .. } => return None,
    };
    let note = match processed.unusable {
        0 => note.to_owned(),
        some => {
            format!("{note}; {some} código(s) do corpo não podem ser do Sienge e foram ignorados")
        }
    };
    Some(Finish {
        key: key.clone(),
        arrival: processed.arrival.clone(),
        state,
        note: Some(note),
        bill: processed.bill,
    })
}

/// What will not get better by itself is noted on its last delivery, so that the sweep leaves the webhook to the dead-letter queue and the
/// operator. With each message the arrival that failed, where it is known.
async fn give_up<'a>(
    adapters: &Adapters,
    tenant: &TenantId,
    messages: impl Iterator<Item = (&'a Delivered, Option<&'a str>)>,
    why: &str,
) {
    let last = messages.filter(|(delivered, _)| delivered.deliveries >= MAX_DELIVERIES);
    let finishes: Vec<Finish> = last
        .map(|(delivered, arrival)| Finish {
            key: JournalKey(delivered.message.key.clone()),
            arrival: arrival.map(str::to_owned),
            state: WebhookState::Failed,
            note: Some(why.to_owned()),
            bill: None,
        })
        .collect();
    if finishes.is_empty() {
        return;
    }
    let now = (adapters.clock)();
    telemetry::count(
        Metric::WebhookFailed,
        finishes.len() as u64,
        Some(tenant),
        now,
    );
    for (key, error) in adapters.store.finish_all(&finishes, now).await {
        tracing::error!(%tenant, key = key.0, %error, "failed webhook not noted in the journal; the sweep will queue it again");
    }
}

impl Session {
    /// Looks wherever the webhooks point, each place once, and says what became of each webhook. A bill is not read for payments and
    /// changes when a read that began long enough after they came is in the portfolio (of a flood of them, each bill's first reads them
    /// all), unless they are wanted `anew`.
    pub(super) async fn process(
        &self,
        webhooks: &[StoredWebhook],
        anew: bool,
        report: &mut Report,
    ) -> Result<BTreeMap<JournalKey, Processed>, FlowError> {
        let mut processed = BTreeMap::new();
        let mut pointed: Vec<(&StoredWebhook, Hints)> = Vec::new();
        for webhook in webhooks {
            match hints(webhook) {
                Ok(hints) => pointed.push((webhook, hints)),
                Err(why) => {
                    tracing::error!(tenant = %self.tenant, key = webhook.key.0, why, "stored webhook can't be read any more; it fails alone");
                    processed.insert(
                        webhook.key.clone(),
                        Processed::new(webhook, SyncOutcome::failed(&why, true)),
                    );
                }
            }
        }
        let mut bills: BTreeMap<BillId, ReadRequest> = BTreeMap::new();
        let mut contracts = BTreeSet::new();
        let mut customers = BTreeSet::new();
        let mut units = BTreeSet::new();
        for (webhook, hints) in &pointed {
            let mut request = ReadRequest::of(hints, webhook.webhook.received_at);
            request.told_at = request.told_at.filter(|_| !anew);
            for bill in &hints.bills {
                bills
                    .entry(*bill)
                    .and_modify(|all| all.join(&request))
                    .or_insert_with(|| request.clone());
            }
            contracts.extend(&hints.sales_contracts);
            customers.extend(&hints.customers);
            units.extend(&hints.units);
        }
        // A record that can't be read fails the webhooks that name it, and no others beside them.
        let (linked, sales_contracts) = self.read_sales_contracts(&contracts, report).await;
        let unread = Unread {
            sales_contracts,
            customers: self.refresh_customers(&customers, report).await,
            units: self.refresh_units(&units, report).await,
        };
        for bill in linked.values().flatten() {
            bills.entry(*bill).or_default().told_at = None;
        }
        let outcomes = if bills.is_empty() {
            BTreeMap::new()
        } else {
            self.sync_bills(Scope::Webhook, &bills, report).await?
        };
        processed.extend(pointed.into_iter().map(|(webhook, hints)| {
            let bills = bills_of(&hints, &linked);
            let synced = unread
                .of(&hints)
                .unwrap_or_else(|| outcome_of(&hints, &bills, &outcomes));
            let one = Processed {
                bill: bills.first().copied(),
                unusable: hints.unusable,
                ..Processed::new(webhook, synced)
            };
            (webhook.key.clone(), one)
        }));
        Ok(processed)
    }
}

/// What came of one webhook.
pub(super) struct Processed {
    pub(super) synced: SyncOutcome,
    /// Which arrival of it was looked at.
    arrival: Option<String>,
    /// The (first) bill it was about.
    bill: Option<BillId>,
    /// What its body names and is no id.
    unusable: usize,
}

impl Processed {
    fn new(webhook: &StoredWebhook, synced: SyncOutcome) -> Self {
        Self {
            synced,
            arrival: webhook.arrival.clone(),
            bill: None,
            unusable: 0,
        }
    }
}

/// What could not be read besides bills, record by record.
struct Unread {
    sales_contracts: BTreeMap<SalesContractId, SyncOutcome>,
    customers: BTreeMap<CustomerId, SyncOutcome>,
    units: BTreeMap<UnitId, SyncOutcome>,
}

impl Unread {
    /// The trouble of a webhook that names one of them.
    fn of(&self, hints: &Hints) -> Option<SyncOutcome> {
        let contract = hints
            .sales_contracts
            .iter()
            .find_map(|id| self.sales_contracts.get(id));
        let customer = || hints.customers.iter().find_map(|id| self.customers.get(id));
        let unit = || hints.units.iter().find_map(|id| self.units.get(id));
        contract.or_else(customer).or_else(unit).cloned()
    }
}

/// Where a stored webhook points. It was readable when it came; the Portuguese text says why it is not any more.
fn hints(webhook: &StoredWebhook) -> Result<Hints, String> {
    let InboundWebhook {
        receiver,
        event,
        body,
        ..
    } = &webhook.webhook;
    let found = Receiver::find(receiver).ok_or_else(|| {
        format!("webhook guardado de um endereço que não existe mais: {receiver}")
    })?;
    let (_, hints) = intake::read(found, Some(event), body)
        .map_err(|why| format!("webhook guardado ilegível: {why}"))?;
    Ok(hints)
}

/// The bills a webhook points at, by themselves or through their sales contracts.
fn bills_of(hints: &Hints, linked: &BTreeMap<SalesContractId, Option<BillId>>) -> BTreeSet<BillId> {
    let through_contracts = hints
        .sales_contracts
        .iter()
        .filter_map(|contract| linked.get(contract).copied().flatten());
    hints
        .bills
        .iter()
        .copied()
        .chain(through_contracts)
        .collect()
}

/// The worst of the bills a webhook points at; a failure is worst, and it is unmatched only if none of its bills is known.
fn outcome_of(
    hints: &Hints,
    bills: &BTreeSet<BillId>,
    outcomes: &BTreeMap<BillId, SyncOutcome>,
) -> SyncOutcome {
    let of_bills: Vec<&SyncOutcome> = bills.iter().filter_map(|bill| outcomes.get(bill)).collect();
    if let Some(failed) = of_bills
        .iter()
        .find(|synced| matches!(synced, SyncOutcome::Failed { .. }))
    {
        return (*failed).clone();
    }
    if of_bills.contains(&&SyncOutcome::Withheld) {
        return SyncOutcome::Withheld;
    }
    let points_at_bills = !hints.bills.is_empty() || !hints.sales_contracts.is_empty();
    if points_at_bills
        && of_bills
            .iter()
            .all(|synced| **synced == SyncOutcome::Unmatched)
    {
        SyncOutcome::Unmatched
    } else {
        SyncOutcome::InSync
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointing_at(bills: &[i64]) -> Hints {
        Hints {
            bills: bills.iter().copied().map(BillId).collect(),
            ..Hints::default()
        }
    }

    #[test]
    fn one_failed_bill_fails_the_webhook_and_no_known_bill_leaves_it_unmatched() {
        let outcomes = BTreeMap::from([
            (BillId(1), SyncOutcome::InSync),
            (BillId(2), SyncOutcome::Unmatched),
            (BillId(3), SyncOutcome::failed(&"x", false)),
        ]);
        let synced = |bills: &[i64]| {
            let hints = pointing_at(bills);
            outcome_of(&hints, &bills_of(&hints, &BTreeMap::new()), &outcomes)
        };
        assert_eq!(synced(&[1, 2]), SyncOutcome::InSync);
        assert_eq!(synced(&[2]), SyncOutcome::Unmatched);
        assert_eq!(synced(&[1, 3]), SyncOutcome::failed(&"x", false));
        assert_eq!(synced(&[]), SyncOutcome::InSync);
    }

    #[test]
    fn a_sales_contract_without_a_bill_is_unmatched() {
        let hints = Hints {
            sales_contracts: BTreeSet::from([SalesContractId(9)]),
            ..Hints::default()
        };
        let bills = bills_of(&hints, &BTreeMap::from([(SalesContractId(9), None)]));
        assert_eq!(
            outcome_of(&hints, &bills, &BTreeMap::new()),
            SyncOutcome::Unmatched
        );
    }
}
