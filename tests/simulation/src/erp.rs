//! Sienge's port: answers that fail, leave out, contradict, come in any order or break off.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use ponte::calendar::Date;
use ponte::ids::InstallmentId;
use ponte::portfolio::{Coverage, Observation, Oddity, UnreadInstallment};
use ponte::sienge::{
    BillAnswer, BillBoletos, BillRead, ExtractHistoryWindow, IncomeSelection, IncomeWindow, Lane,
    OddRow, Shown, SiengeError, Source,
};
use ponte::sync::{Erp, ObservedRow};
use sienge_simulator::world;

use super::portfolio::LIE;
use super::sienge::REFUSED;
use super::state::{Answer, Simulation, State, Trouble};

const RESOURCE: &str = "simulation";

#[async_trait]
impl Erp for Simulation {
    async fn observe(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError> {
        self.read(reads, false).await
    }

    async fn confirm(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError> {
        self.read(reads, true).await
    }

    fn income(
        &self,
        query: &IncomeWindow,
    ) -> BoxStream<'static, Result<Result<ObservedRow, OddRow>, SiengeError>> {
        let (me, query) = (self.clone(), *query);
        let rows = async move {
            me.effect().await;
            stream::iter(me.state().income(&query))
        };
        stream::once(rows).flatten().boxed()
    }

    fn extract(
        &self,
        query: &ExtractHistoryWindow,
    ) -> BoxStream<'static, Result<BillBoletos, SiengeError>> {
        let (me, query) = (self.clone(), *query);
        let rows = async move {
            me.effect().await;
            stream::iter(me.state().extract(&query))
        };
        stream::once(rows).flatten().boxed()
    }
}

impl Simulation {
    /// Whole reads, each by itself.
    async fn read(
        &self,
        reads: &[BillRead],
        confirms: bool,
    ) -> Result<Vec<BillAnswer>, SiengeError> {
        let fails = {
            let mut state = self.state();
            let likely = state.trouble.read_fails / 4;
            state.happens(likely)
        };
        if fails {
            return Err(SiengeError::Connection { resource: RESOURCE });
        }
        let mut answers = Vec::new();
        for read in reads {
            self.effect().await;
            answers.push(self.state().answer(*read, confirms)?);
        }
        Ok(answers)
    }
}

impl State {
    fn answer(&mut self, read: BillRead, confirms: bool) -> Result<BillAnswer, SiengeError> {
        if self.is_out_of_quota() {
            return Err(SiengeError::DayIsOver { lane: Lane::Rest });
        }
        let source = match read.answered_by {
            Some(Source::Bulk) => Source::Rest,
            None if read.boleto || self.rng.bool() => Source::Rest,
            Some(Source::Rest) | None => Source::Bulk,
        };
        let of_bill = |seen| BillAnswer {
            bill: read.bill,
            answered_by: source,
            seen,
        };
        if read.bill.0 == REFUSED {
            self.counts.refused += 1;
            return Ok(of_bill(Err(SiengeError::BillRefused {
                bill: read.bill,
                status: 400,
            })));
        }
        let again = self.invocation.answers.get(&read.bill);
        let again = again.is_some_and(|answers| answers.iter().any(|answer| answer.confirms));
        self.counts.overtaken += u64::from(again && !confirms);
        let likely = self.trouble.read_fails;
        if self.happens(likely) {
            return Ok(of_bill(Err(SiengeError::Timeout { resource: RESOURCE })));
        }
        let mut seen = self.sienge.says(read.bill, source);
        let (odd, missing) = (self.trouble.rows_odd, self.trouble.rows_missing);
        if self.happens(odd) {
            self.make_odd(&mut seen);
        }
        if self.happens(missing) {
            self.leave_out(&mut seen, source);
        }
        self.remember(&seen, confirms);
        Ok(of_bill(Ok(seen)))
    }

    /// An answer lacks some rows.
    fn leave_out(&mut self, seen: &mut Observation, source: Source) {
        let keep = self.rng.usize(0..=seen.installments.len());
        self.rng.shuffle(&mut seen.installments);
        seen.installments.truncate(keep);
        seen.installments.sort_by_key(|row| row.id);
        let kept: BTreeSet<InstallmentId> = seen.installments.iter().map(|row| row.id).collect();
        seen.boletos.retain(|id, _| kept.contains(id));
        // A bulk answer names a bill by its rows only.
        if source == Source::Bulk && kept.is_empty() && seen.unread.is_empty() {
            seen.header = None;
        }
    }

    /// Some rows cannot be read, some not even be told apart, or nobody knows whose the bill is.
    fn make_odd(&mut self, seen: &mut Observation) {
        let why = Oddity::Field("paymentTerm.id");
        let gap = Oddity::Field("installmentId");
        for row in std::mem::take(&mut seen.installments) {
            match self.rng.u8(0..12) {
                0 => {
                    seen.gap = Some(gap);
                    seen.boletos.remove(&row.id);
                }
                1..4 => {
                    let settled = row.balance.is_zero() && self.rng.bool();
                    seen.unread
                        .insert(row.id, UnreadInstallment { why, settled });
                }
                _ => seen.installments.push(row),
            }
        }
        if self.rng.u8(0..8) == 0 {
            seen.header = None;
            seen.gap = Some(gap);
        }
        if seen.gap.is_some() {
            seen.coverage = Coverage::AllNew;
        }
    }

    fn remember(&mut self, seen: &Observation, confirms: bool) {
        let unread: BTreeSet<InstallmentId> = seen.unread.keys().copied().collect();
        if let Some(held) = self.store.bills.get(&seen.bill) {
            let open = held.installments().filter(|row| row.is_open());
            let unread = open.filter(|row| unread.contains(&row.id));
            self.counts.unread += unread.count() as u64;
        }
        let answer = Answer {
            confirms,
            header: seen.header.clone(),
            read: seen.installments.iter().map(|row| row.id).collect(),
            unread,
            has_gap: seen.gap.is_some(),
        };
        self.invocation
            .answers
            .entry(seen.bill)
            .or_default()
            .push(answer);
    }

    /// The rows of a bulk answer, or why there are none.
    fn income(
        &mut self,
        query: &IncomeWindow,
    ) -> Vec<Result<Result<ObservedRow, OddRow>, SiengeError>> {
        if self.is_out_of_quota() {
            return vec![Err(SiengeError::DayIsOver { lane: Lane::Bulk })];
        }
        let creditor = query.company.unwrap();
        let mut rows = self
            .sienge
            .rows(creditor, |bill, row| selects(query, bill, row));
        let Trouble {
            too_large,
            truncated,
            rows_missing,
            rows_odd,
            ..
        } = self.trouble;
        if rows.len() > 5 && self.happens(too_large) {
            return vec![Err(SiengeError::Timeout { resource: RESOURCE })];
        }
        if query.changed_since.is_none() && query.by == IncomeSelection::Due {
            if self.happens(rows_missing) {
                let share = self.rng.f64();
                rows.retain(|_| self.rng.f64() >= share);
            }
            if self.happens(rows_odd) {
                self.contradict(&mut rows);
            }
        }
        self.tell_in_part(&mut rows);
        self.rng.shuffle(&mut rows);
        let rows_are_odd = self.happens(rows_odd);
        let mut told: Vec<_> = rows
            .into_iter()
            .map(|row| Ok(self.told(row, rows_are_odd)))
            .collect();
        if self.happens(truncated) {
            let rows = self.rng.usize(0..=told.len());
            told.truncate(rows);
            told.push(Err(SiengeError::Truncated {
                resource: RESOURCE,
                rows: rows as u64,
            }));
        }
        told
    }

    /// A row as it is told: some cannot be read.
    #[allow(clippy::result_large_err, reason = "as the client tells it")]
    fn told(
        &mut self,
        (bill, header, row): ObservedRow,
        may_be_odd: bool,
    ) -> Result<ObservedRow, OddRow> {
        let is_odd = may_be_odd && self.rng.u8(0..10) == 0;
        let mut answer = Answer {
            confirms: false,
            header: Some(header.clone()),
            read: BTreeSet::new(),
            unread: BTreeSet::new(),
            has_gap: false,
        };
        let ids = if is_odd {
            &mut answer.unread
        } else {
            &mut answer.read
        };
        ids.insert(row.id);
        self.invocation
            .answers
            .entry(bill)
            .or_default()
            .push(answer);
        if !is_odd {
            return Ok((bill, header, row));
        }
        let settled = row.balance.is_zero() && self.rng.bool();
        Err(OddRow {
            bill: Some(bill),
            header: Ok(header),
            shown: Shown::Unread(row.id, settled),
            why: Oddity::Field("paymentTerm.id"),
        })
    }

    /// Some rows leave out some of their bill's facts.
    fn tell_in_part(&mut self, rows: &mut [ObservedRow]) {
        let likely = self.trouble.told_in_part;
        for (_, header, _) in rows {
            if self.happens(likely) {
                header.enterprise = header.enterprise.filter(|_| self.rng.bool());
                header.unit = header.unit.take().filter(|_| self.rng.bool());
                header.number = header.number.take().filter(|_| self.rng.bool());
            }
        }
    }

    /// Tells some rows twice, once with a lie, in either order.
    fn contradict(&mut self, rows: &mut Vec<ObservedRow>) {
        for row in std::mem::take(rows) {
            if self.rng.u8(0..8) > 0 {
                rows.push(row);
                continue;
            }
            let mut lie = row.clone();
            lie.2.original = LIE;
            rows.extend(if self.rng.bool() {
                [row, lie]
            } else {
                [lie, row]
            });
        }
    }

    fn extract(&mut self, query: &ExtractHistoryWindow) -> Vec<Result<BillBoletos, SiengeError>> {
        if self.is_out_of_quota() {
            return vec![Err(SiengeError::DayIsOver { lane: Lane::Bulk })];
        }
        let days = query.due_from..=query.due_to;
        let wanted = |bill: &world::Bill, row: &world::Installment| {
            days.contains(&row.due) && changed(query.changed_since, bill, row)
        };
        let told = self.sienge.extract(query.company.unwrap(), wanted);
        told.into_iter().map(Ok).collect()
    }
}

/// Whether a query asks for an installment.
fn selects(query: &IncomeWindow, bill: &world::Bill, row: &world::Installment) -> bool {
    let days = query.from..=query.to;
    let is_in = match query.by {
        IncomeSelection::Due => days.contains(&row.due),
        IncomeSelection::Issue => days.contains(&bill.issued),
        IncomeSelection::Payment => row.receipts.iter().any(|paid| days.contains(&paid.date)),
        IncomeSelection::Competence => false,
    };
    is_in && changed(query.changed_since, bill, row)
}

fn changed(since: Option<Date>, bill: &world::Bill, row: &world::Installment) -> bool {
    since.is_none_or(|since| bill.modified >= since || row.modified >= since)
}
