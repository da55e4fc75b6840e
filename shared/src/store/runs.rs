//! Task runs and critiques, and listings of the journal by day and by bill.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attributes::{
    Item, from_item, get_instant, get_text, key_item, number, opt_text, text, to_item,
};
use super::batch::{Freshness, Query};
use super::journal::{KEPT_DAYS, bounded, expiry};
use super::keys::{self, ItemKey, attribute, index};
use super::{Store, StoreError, packing};
use crate::calendar::{Date, Timestamp, brazilian_time, business_date};
use crate::ids::{BillId, CreditorId, TenantId};
use crate::portfolio::Critique;

/// Kind of journal item: a run.
const RUN: &str = "run";
/// Kind of journal item: a critique.
pub const CRITIQUE: &str = "critique";

/// A run about to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// Whose.
    pub tenant: TenantId,
    /// The task (`import`, `payments`, `reconcile`).
    pub task: String,
    /// The creditor, if the run is for one.
    pub creditor: Option<CreditorId>,
    /// The run's id ([`new_run_id`]), the same in every continuation.
    pub id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// Whether it is a dry run.
    pub dry_run: bool,
}

/// A new run's id: its start, so that runs sort by time, and a random suffix.
#[must_use]
pub fn new_run_id(now: Timestamp) -> String {
    format!(
        "{}-{:08x}",
        now.strftime("%Y%m%dT%H%M%SZ"),
        fastrand::u32(..)
    )
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Started, not finished: in progress, to be continued, or killed.
    Running,
    /// Complete.
    Done,
    /// Stopped itself and waits for a confirmation.
    Stopped,
    /// Failed.
    Failed,
}

impl RunState {
    const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// A run's record in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// The run's id.
    pub id: String,
    /// The task.
    pub task: String,
    /// The creditor, if the run is for one.
    pub creditor: Option<CreditorId>,
    /// When it started.
    pub started_at: Timestamp,
    /// Whether it is a dry run.
    pub dry_run: bool,
    /// Its state.
    pub state: RunState,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// Its expected end, as of its last step; see [`RunRecord::text`].
    #[serde(default)]
    pub expected_end: Option<Timestamp>,
    /// Counts by name.
    #[serde(default)]
    pub counts: BTreeMap<String, i64>,
    /// The summary for operators, in Portuguese.
    #[serde(default)]
    pub summary: String,
}

impl RunRecord {
    /// Its state, for operators. The expected end is shown only while it lies ahead: a run may wait long
    /// within a step, for Sienge's quota or for whoever resumes it.
    #[must_use]
    pub fn text(&self, now: Timestamp) -> String {
        let summary = &self.summary;
        match self
            .expected_end
            .filter(|_| self.state == RunState::Running)
        {
            None => summary.clone(),
            Some(end) if end > now => {
                format!("{summary} Término previsto: {}.", brazilian_time(end))
            }
            Some(_) => {
                format!(
                    "{summary} Demora mais que o previsto: espera a cota do Sienge ou foi interrompida, e a varredura a retoma."
                )
            }
        }
    }
}

/// A critique to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CritiqueNote {
    /// The bill it concerns.
    pub bill: Option<BillId>,
    /// The Portuguese text for operators; no personal data.
    pub text: String,
}

impl From<&Critique> for CritiqueNote {
    fn from(critique: &Critique) -> Self {
        Self {
            bill: Some(critique.bill()),
            text: critique.text(),
        }
    }
}

/// One line of a listing of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Partition of the item.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
    /// `webhook`, `call`, `run` or `critique`.
    pub kind: String,
    /// Its state, in the kind's own terms.
    pub state: String,
    /// One line for operators.
    pub summary: String,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Records that a run started. Repeating it (a continuation, a retry) changes nothing.
    pub async fn start_run(&self, start: &RunStart) -> Result<(), StoreError> {
        let tenant = &start.tenant;
        let key = keys::run(tenant, &start.task, &start.id);
        let record = RunRecord {
            id: start.id.clone(),
            task: start.task.clone(),
            creditor: start.creditor,
            started_at: start.started_at,
            dry_run: start.dry_run,
            state: RunState::Running,
            finished_at: None,
            expected_end: None,
            counts: BTreeMap::new(),
            summary: String::new(),
        };
        let mut item = to_item(&key, &record)?;
        let day = business_date(start.started_at);
        let whose = start
            .creditor
            .map_or_else(String::new, |creditor| format!(" credor {creditor}"));
        item.extend([
            ("kind".to_owned(), text(RUN)),
            ("summary".to_owned(), text(format!("{}{whose}", start.task))),
            (
                attribute::AT.to_owned(),
                text(keys::instant(start.started_at)),
            ),
            (
                attribute::DAY_KEY.to_owned(),
                text(keys::day_index(tenant, day, RUN)),
            ),
            (
                attribute::EXPIRES_AT.to_owned(),
                number(expiry(start.started_at, KEPT_DAYS)),
            ),
        ]);
        self.put_once(item).await?;
        Ok(())
    }

    /// Records the state or the end of a run. The last write counts: a stopped run may be confirmed and finish later.
    pub async fn note_run(
        &self,
        run: &RunStart,
        state: RunState,
        counts: &BTreeMap<String, i64>,
        summary: &str,
        expected_end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let instant = |at: Option<Timestamp>| {
            at.map_or(AttributeValue::Null(true), |at| text(keys::instant(at)))
        };
        let counts = counts
            .iter()
            .map(|(name, count)| (name.clone(), number(count)))
            .collect();
        self.client
            .update_item()
            .table_name(&self.tables.journal)
            .set_key(Some(key_item(&keys::run(&run.tenant, &run.task, &run.id))))
            .update_expression("SET #state = :state, #counts = :counts, #summary = :summary, #finished = :finished, #expected = :expected")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#counts", "counts")
            .expression_attribute_names("#summary", "summary")
            .expression_attribute_names("#finished", "finishedAt")
            .expression_attribute_names("#expected", "expectedEnd")
            .expression_attribute_values(":state", text(state.name()))
            .expression_attribute_values(":counts", AttributeValue::M(counts))
            .expression_attribute_values(":summary", text(summary.chars().take(4000).collect::<String>()))
            .expression_attribute_values(":finished", instant(Some(now).filter(|_| state != RunState::Running)))
            .expression_attribute_values(":expected", instant(expected_end))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of("UpdateItem", &error))
    }

    /// One run.
    pub async fn run(
        &self,
        tenant: &TenantId,
        task: &str,
        id: &str,
    ) -> Result<Option<RunRecord>, StoreError> {
        let key = keys::run(tenant, task, id);
        let item = self
            .get(&self.tables.journal, &key, Freshness::Consistent)
            .await?;
        item.map(from_item).transpose()
    }

    /// The newest runs of a task, newest first.
    pub async fn runs(
        &self,
        tenant: &TenantId,
        task: &str,
        limit: usize,
    ) -> Result<Vec<RunRecord>, StoreError> {
        let query = Query {
            table: &self.tables.journal,
            index: None,
            hash: (attribute::PK, keys::runs(tenant, task)),
            range: None,
            freshness: Freshness::Consistent,
            newest_first: true,
            limit: Some(limit),
        };
        self.query_all(query)
            .await?
            .into_iter()
            .map(from_item)
            .collect()
    }

    /// Stores critiques, each content once per day and creditor; returns how many were new today.
    pub async fn record_critiques(
        &self,
        tenant: &TenantId,
        creditor: Option<CreditorId>,
        critiques: &[CritiqueNote],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let day = business_date(now);
        let whose = creditor.map_or_else(String::new, |id| id.to_string());
        let mut items = BTreeMap::new();
        for critique in critiques {
            let bill = critique
                .bill
                .map_or_else(String::new, |bill| bill.to_string());
            let hash =
                packing::digest(format!("{whose}\u{1f}{bill}\u{1f}{}", critique.text).as_bytes());
            let key = keys::critique(tenant, day, &hash);
            let mut item = key_item(&key);
            item.extend([
                ("kind".to_owned(), text(CRITIQUE)),
                ("state".to_owned(), text("aberta")),
                ("summary".to_owned(), text(bounded(&critique.text))),
                (attribute::AT.to_owned(), text(keys::instant(now))),
                (
                    attribute::DAY_KEY.to_owned(),
                    text(keys::day_index(tenant, day, CRITIQUE)),
                ),
                (
                    attribute::EXPIRES_AT.to_owned(),
                    number(expiry(now, KEPT_DAYS)),
                ),
            ]);
            if let Some(creditor) = creditor {
                item.insert("creditor".to_owned(), number(creditor));
            }
            if let Some(bill) = critique.bill {
                item.insert("bill".to_owned(), number(bill));
                item.insert(
                    attribute::BILL_KEY.to_owned(),
                    text(keys::bill_index(tenant, bill)),
                );
            }
            items.insert(key, item);
        }
        // Existing ones are read, not rewritten: a run's critiques usually repeat those of an earlier run.
        let wanted: Vec<ItemKey> = items.keys().cloned().collect();
        let attributes = [attribute::PK, attribute::SK];
        for held in self
            .batch_get(
                &self.tables.journal,
                &wanted,
                Freshness::Eventual,
                Some(&attributes),
            )
            .await?
        {
            items.remove(&super::attributes::key_of(&held)?);
        }
        let mut new = 0;
        for item in items.into_values() {
            new += usize::from(self.put_once(item).await?);
        }
        Ok(new)
    }

    /// Puts a journal item unless it exists; returns whether it was new.
    async fn put_once(&self, item: Item) -> Result<bool, StoreError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.tables.journal)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(StoreError::of("PutItem", &error)),
            },
        }
    }

    /// The newest journal items of one kind (`webhook`, `call`, `run`, `critique`) and business day, newest first.
    pub async fn journal_of_day(
        &self,
        tenant: &TenantId,
        day: Date,
        kind: &str,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let hash = (attribute::DAY_KEY, keys::day_index(tenant, day, kind));
        self.journal_entries(index::BY_DAY, hash, limit).await
    }

    /// The newest journal items of one bill, newest first.
    pub async fn journal_of_bill(
        &self,
        tenant: &TenantId,
        bill: BillId,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let hash = (attribute::BILL_KEY, keys::bill_index(tenant, bill));
        self.journal_entries(index::BY_BILL, hash, limit).await
    }

    async fn journal_entries(
        &self,
        index: &str,
        hash: (&str, String),
        limit: usize,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let query = Query {
            table: &self.tables.journal,
            index: Some(index),
            hash,
            range: None,
            freshness: Freshness::Eventual,
            newest_first: true,
            limit: Some(limit),
        };
        let items = self.query_all(query).await?;
        items
            .iter()
            .map(|item| {
                Ok(JournalEntry {
                    pk: get_text(item, attribute::PK)?.to_owned(),
                    sk: get_text(item, attribute::SK)?.to_owned(),
                    kind: get_text(item, "kind")?.to_owned(),
                    state: opt_text(item, "state").unwrap_or_default().to_owned(),
                    summary: opt_text(item, "summary").unwrap_or_default().to_owned(),
                    at: get_instant(item, attribute::AT)?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_that_was_expected_is_told_only_as_long_as_it_lies_ahead() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let mut run = RunRecord {
            id: String::new(),
            task: "import".to_owned(),
            creditor: None,
            started_at: at("2026-11-20T15:00:00Z"),
            dry_run: false,
            state: RunState::Running,
            finished_at: None,
            expected_end: Some(at("2026-11-20T15:35:00Z")),
            counts: BTreeMap::new(),
            summary: "Em execução: 2 de 7 etapas concluídas.".to_owned(),
        };
        let told = |run: &RunRecord| run.text(at("2026-11-20T15:34:00Z"));
        assert!(
            told(&run).ends_with("Término previsto: 20/11/2026 12:35."),
            "{}",
            told(&run)
        );
        let late = run.text(at("2026-11-20T15:35:00Z"));
        assert!(
            late.contains("Demora mais que o previsto") && !late.contains("12:35"),
            "{late}"
        );
        run.state = RunState::Done;
        assert_eq!(told(&run), run.summary);
    }
}
