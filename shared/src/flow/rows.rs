//! Bulk rows on their way to the comparison.
//!
//! Sienge promises no order: rows of one bill may lie anywhere in an answer. So an answer is read to its end; of the rows that must be
//! compared the facts are kept, bill by bill; then the bills are compared and committed in the order of their ids, as far as the time goes.
//! Where it ends, another invocation reads the answer again and goes on after the last bill that is done.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;

use super::breaker::InQuestion;
use super::windows::Window;
use super::{FlowError, ReadRequest, Reading, Report, Session};
use crate::calendar::Date;
use crate::ids::{BillId, CreditorId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{
    Coverage, Observation, ObservedBill, ObservedInstallment, Oddity, Receipt, Scope,
};
use crate::sienge::{
    ExtractHistoryWindow, IncomeSelection, IncomeWindow, OddRow, Shown, group, income_facts,
};

/// Bytes that the rows kept of one answer take. What is beyond is left to another read of the same answer.
const MAX_KEPT: usize = 80_000_000;
/// What a bill takes beside its rows, its texts included.
const BILL_WEIGHT: usize = size_of::<KeptBill>() + 64;
/// Rows compared in one go, and bills: what may need a whole read fits into one or two bulk calls.
const ROWS_AT_ONCE: usize = 2_000;
const BILLS_AT_ONCE: usize = 100;
/// Bills are compared only with this much time left.
const BATCH_TIME: Duration = Duration::from_secs(5);
/// The same while bills wait for a whole read, which is to be made in what is left.
const LOOK_TIME: Duration = Duration::from_secs(15);

/// What the extract says and the income rows do not.
#[derive(Default)]
pub(super) struct Extract {
    /// Whether a boleto was generated.
    pub boletos: HashMap<BillId, BTreeMap<InstallmentId, bool>>,
    /// Bills of rescinded contracts, with the date.
    pub revoked: HashMap<BillId, Date>,
}

impl Extract {
    /// Whether an installment has a boleto, when told.
    pub fn boleto(&self, bill: BillId, installment: InstallmentId) -> Option<bool> {
        self.boletos.get(&bill)?.get(&installment).copied()
    }
}

/// One income row, mapped.
pub(super) type Row = (BillId, ObservedBill, ObservedInstallment);

/// The rows of one answer that must be compared.
#[derive(Default)]
pub(super) struct KeptRows {
    bills: BTreeMap<BillId, KeptBill>,
    /// Bytes that they take.
    weight: usize,
    /// Bills up to this one are done.
    after: Option<BillId>,
    /// Bills from this one on found no room.
    beyond: Option<BillId>,
    /// Texts that are the same in many rows, once.
    texts: HashSet<Arc<str>>,
    /// What the answer had, counted: to be told once, when all of it is done.
    pub told: Report,
    /// Installments whose row could not be read: they are there.
    pub unread: BTreeSet<(BillId, InstallmentId)>,
    /// Bills with a row that names no installment: any of theirs may be there.
    pub in_part: BTreeSet<BillId>,
}

/// How far settling the rows of an answer came.
pub(super) struct Passed {
    /// Bills up to this one are done.
    pub after: Option<BillId>,
    /// What a reconciliation would take away of bills, by their rows: nothing was taken yet.
    pub in_question: BTreeMap<BillId, InQuestion>,
    /// The same of bills that were read whole.
    pub of_whole: BTreeMap<BillId, InQuestion>,
}

impl Passed {
    /// Nothing done yet of the bills after this one.
    pub const fn after(after: Option<BillId>) -> Self {
        Self {
            after,
            in_question: BTreeMap::new(),
            of_whole: BTreeMap::new(),
        }
    }
}

#[derive(Default)]
struct KeptBill {
    header: Option<ObservedBill>,
    /// Why one of its rows does not tell the header.
    header_gap: Option<Oddity>,
    rows: Vec<KeptRow>,
    odd: Vec<KeptOdd>,
}

struct KeptRow {
    id: InstallmentId,
    label: Option<Arc<str>>,
    due_on: Date,
    condition: Arc<str>,
    original: Cents,
    balance: Cents,
    receipts: Box<[Receipt]>,
}

/// A row that could not be read: that it is there, and why no more is known of it.
struct KeptOdd {
    /// `None` when it names no installment.
    id: Option<InstallmentId>,
    settled: bool,
    why: Oddity,
}

impl KeptRows {
    /// Nothing read yet of the bills after this one.
    fn after(after: Option<BillId>) -> Self {
        Self {
            after,
            ..Self::default()
        }
    }

    fn takes(&self, bill: BillId) -> bool {
        self.after.is_none_or(|after| bill > after)
            && self.beyond.is_none_or(|beyond| bill < beyond)
    }

    /// Bills to compare though no row tells of them.
    pub fn and(mut self, bills: impl IntoIterator<Item = BillId>) -> Self {
        for bill in bills {
            if self.takes(bill) {
                self.bill(bill);
            }
        }
        self
    }

    /// Nothing of some bills: they are read whole.
    pub fn without(mut self, bills: &BTreeSet<BillId>) -> Self {
        self.bills.retain(|bill, _| !bills.contains(bill));
        self
    }

    fn keep(&mut self, (bill, header, row): Row, most: usize) {
        if !self.takes(bill) {
            return;
        }
        let row = self.compact(row);
        let kept = self.bill(bill);
        ObservedBill::gather(&mut kept.header, header);
        self.add(bill, row, most);
    }

    /// Keeps what is known of a row that could not be read in full.
    fn keep_odd(&mut self, bill: BillId, row: OddRow, most: usize) {
        if !self.takes(bill) {
            return;
        }
        let OddRow {
            header, shown, why, ..
        } = row;
        let kept = self.bill(bill);
        match header {
            Ok(header) => ObservedBill::gather(&mut kept.header, header),
            Err(why) => kept.header_gap = Some(why),
        }
        let (id, settled) = match shown {
            Shown::Read(row) => {
                let row = self.compact(row);
                return self.add(bill, row, most);
            }
            Shown::Unread(id, settled) => (Some(id), settled),
            Shown::Unnamed => (None, false),
        };
        kept.odd.push(KeptOdd { id, settled, why });
        self.weight += size_of::<KeptOdd>();
        self.make_room(most);
    }

    fn compact(&mut self, row: ObservedInstallment) -> KeptRow {
        KeptRow {
            id: row.id,
            label: row.label.map(|label| self.text(&label)),
            due_on: row.due_on,
            condition: self.text(&row.condition),
            original: row.original,
            balance: row.balance,
            receipts: row.receipts.into(),
        }
    }

    fn bill(&mut self, bill: BillId) -> &mut KeptBill {
        let weight = &mut self.weight;
        self.bills.entry(bill).or_insert_with(|| {
            *weight += BILL_WEIGHT;
            KeptBill::default()
        })
    }

    fn add(&mut self, bill: BillId, row: KeptRow, most: usize) {
        self.weight += row.weight();
        self.bill(bill).rows.push(row);
        self.make_room(most);
    }

    /// More is kept: where there is no room for it, the last bills go.
    fn make_room(&mut self, most: usize) {
        while self.weight > most && self.bills.len() > 1 {
            let Some((bill, dropped)) = self.bills.pop_last() else {
                return;
            };
            self.weight -= dropped.weight();
            self.beyond = Some(bill);
        }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }
}

impl KeptBill {
    /// Bytes that it takes.
    fn weight(&self) -> usize {
        let rows: usize = self.rows.iter().map(KeptRow::weight).sum();
        BILL_WEIGHT + rows + self.odd.len() * size_of::<KeptOdd>()
    }

    fn observation(self, bill: BillId, extract: &Extract, coverage: Coverage) -> Observation {
        let (mut read, mut odd) = (Vec::new(), Vec::new());
        // Where there is neither, there are no rows.
        if let Some(header) = self.header.map(Ok).or(self.header_gap.map(Err)) {
            let of_bill = |shown, why| OddRow {
                bill: Some(bill),
                header: header.clone(),
                shown,
                why,
            };
            for row in self.rows {
                match &header {
                    Ok(header) => read.push((bill, header.clone(), row.told())),
                    Err(why) => odd.push(of_bill(Shown::Read(row.told()), *why)),
                }
            }
            odd.extend(
                self.odd
                    .into_iter()
                    .map(|row| of_bill(row.shown(), row.why)),
            );
        }
        let mut seen = group(read, odd, coverage)
            .pop()
            .unwrap_or_else(|| Observation::empty(bill, coverage));
        seen.boletos = extract.boletos.get(&bill).cloned().unwrap_or_default();
        if let (Some(header), Some(on)) = (&mut seen.header, extract.revoked.get(&bill)) {
            header.cancelled_on = Some(*on);
        }
        seen
    }
}

impl KeptRow {
    /// Bytes that it takes.
    fn weight(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.receipts)
    }

    fn told(self) -> ObservedInstallment {
        ObservedInstallment {
            id: self.id,
            label: self.label.map(|label| (*label).to_owned()),
            due_on: self.due_on,
            condition: (*self.condition).to_owned(),
            original: self.original,
            balance: self.balance,
            receipts: self.receipts.into_vec(),
        }
    }
}

impl KeptOdd {
    fn shown(&self) -> Shown {
        self.id
            .map_or(Shown::Unnamed, |id| Shown::Unread(id, self.settled))
    }
}

impl Session {
    /// Reads the customer extract of a window, or of what changed since a day.
    pub(super) async fn read_extract(
        &self,
        creditor: CreditorId,
        window: Window,
        changed_since: Option<Date>,
    ) -> Result<Extract, FlowError> {
        let mut extract = Extract::default();
        let due = ExtractHistoryWindow {
            due_from: window.from,
            due_to: window.to,
            company: Some(creditor),
            customer: None,
            bill: None,
            changed_since,
        };
        let mut rows = self.sienge.extract_history(&due);
        while let Some(row) = rows.next().await {
            // One that names no bill says nothing of any boleto.
            let Ok(told) = row?.boletos() else { continue };
            extract
                .boletos
                .entry(told.bill)
                .or_default()
                .extend(told.boletos);
            if let Some(on) = told.revoked_on {
                extract.revoked.insert(told.bill, on);
            }
        }
        Ok(extract)
    }

    /// Reads income rows to their end and keeps those of bills `after` one that must be compared. `wanted` sees every row that could be read,
    /// with whether the settings leave it out, and says whether it must be. An answer that breaks off is an error, and had no effect.
    pub(super) async fn read_income(
        &self,
        creditor: CreditorId,
        query: &IncomeWindow,
        after: Option<BillId>,
        mut wanted: impl FnMut(&Row, bool) -> bool + Send,
    ) -> Result<KeptRows, FlowError> {
        let policy = self.policy(Some(creditor));
        let mut kept = KeptRows::after(after);
        let mut astray = None;
        let mut rows = self.sienge.income(query);
        while let Some(row) = rows.next().await {
            kept.told.rows_read += 1;
            match income_facts(row?) {
                Ok(row) => {
                    let left_out = policy.leaves_out(&row.1, Some(&row.2));
                    if let Some(why) = left_out {
                        kept.told.leave_out(why);
                    }
                    if wanted(&row, left_out.is_some()) && left_out.is_none() {
                        kept.keep(row, MAX_KEPT);
                    }
                }
                // One unreadable row must not keep the others waiting: what it is about is left as it is and told to the operator.
                Err(row) => {
                    let left_out = row
                        .header
                        .as_ref()
                        .ok()
                        .and_then(|header| policy.leaves_out(header, None));
                    match (row.bill, row.installment()) {
                        (Some(bill), Some(id)) => kept.unread.extend([(bill, id)]),
                        (Some(bill), None) => kept.in_part.extend([bill]),
                        (None, _) => astray = Some(row.why),
                    }
                    if let Some(why) = left_out {
                        kept.told.leave_out(why);
                    } else {
                        kept.told.miss(&row);
                        if let Some(bill) = row.bill {
                            kept.keep_odd(bill, row, MAX_KEPT);
                        }
                    }
                }
            }
        }
        if let Some(why) = astray {
            let text = format!(
                "Há linhas do Sienge que não se sabe de que título são ({why}); não entram na carteira. Confira os títulos do credor no Sienge."
            );
            self.criticise(creditor, text, &mut kept.told).await?;
        }
        Ok(kept)
    }

    /// Makes the portfolio equal to the rows kept, bill after bill, as far as the time goes; one batch in any case. Answers whether that is
    /// all the answer had; `passed` says how far it came, whatever it came to. A reconciliation counts what would be taken away. Every other
    /// run takes it away in the end, as far as it goes unasked: where it is more, none of that is even begun.
    pub(super) async fn sync_rows(
        &self,
        view: &mut Reading,
        kept: KeptRows,
        extract: &Extract,
        coverage: Coverage,
        passed: &mut Passed,
        report: &mut Report,
    ) -> Result<bool, FlowError> {
        let all_had_room = kept.beyond.is_none();
        let counts = view.scope == Scope::Counting;
        let (mut read_again, mut in_question) = (BTreeSet::new(), BTreeMap::new());
        let mut bills = kept.bills.into_iter().peekable();
        while bills.peek().is_some() {
            let (mut batch, mut rows) = (Vec::new(), 0);
            while rows < ROWS_AT_ONCE
                && batch.len() < BILLS_AT_ONCE
                && let Some((bill, kept)) = bills.next()
            {
                rows += kept.rows.len() + kept.odd.len();
                batch.push(kept.observation(bill, extract, coverage));
            }
            let compared: Vec<BillId> = batch.iter().map(|seen| seen.bill).collect();
            let mut left_to_do = self.sync_seen_counting(view, batch, report).await?;
            read_again.append(&mut left_to_do.read_again);
            // What a reconciliation counts waits for nothing but its end.
            let of_rows = if counts {
                &mut passed.in_question
            } else {
                &mut in_question
            };
            of_rows.append(&mut left_to_do.in_question);
            let waits = read_again
                .first()
                .into_iter()
                .chain(in_question.keys().next())
                .min();
            passed.after = done_before(waits, &compared).or(passed.after);
            let ends = bills.peek().is_none()
                || self.time_left()
                    < if waits.is_some() {
                        LOOK_TIME
                    } else {
                        BATCH_TIME
                    };
            if ends && !counts {
                let withheld = self.withhold(&in_question, report).await?;
                let confirmed = std::mem::take(&mut in_question).into_keys();
                read_again.extend(confirmed.filter(|bill| !withheld.contains(bill)));
            }
            if ends || read_again.len() >= BILLS_AT_ONCE {
                let requests = std::mem::take(&mut read_again).into_iter();
                let requests = requests
                    .map(|bill| (bill, told_of(extract, bill)))
                    .collect();
                if counts {
                    passed
                        .of_whole
                        .append(&mut self.count_in_parts(requests, report).await?);
                } else {
                    self.sync_in_parts(view.scope, requests, report).await?;
                }
                if in_question.is_empty() {
                    passed.after = compared.last().copied();
                }
            }
            if ends {
                break;
            }
        }
        Ok(all_had_room && bills.peek().is_none())
    }

    /// Reads bills whole, a bulk call's at once; those that fail are in the report and are found by the next run or reconciliation.
    pub(super) async fn sync_in_parts(
        &self,
        scope: Scope,
        bills: BTreeMap<BillId, ReadRequest>,
        report: &mut Report,
    ) -> Result<(), FlowError> {
        for part in parts(bills) {
            self.sync_bills(scope, &part, report).await?;
        }
        Ok(())
    }

    /// The same for a reconciliation, which takes nothing away yet: that is counted.
    pub(super) async fn count_in_parts(
        &self,
        bills: BTreeMap<BillId, ReadRequest>,
        report: &mut Report,
    ) -> Result<BTreeMap<BillId, InQuestion>, FlowError> {
        let mut counted = BTreeMap::new();
        for part in parts(bills) {
            counted.extend(self.sync_counting(&part, report).await?);
        }
        Ok(counted)
    }
}

/// The last of the bills compared, in their order, before the first one that waits for a whole read.
fn done_before(waits: Option<&BillId>, compared: &[BillId]) -> Option<BillId> {
    let mut done = compared.iter().rev();
    done.find(|bill| waits.is_none_or(|waits| *bill < waits))
        .copied()
}

fn parts(mut bills: BTreeMap<BillId, ReadRequest>) -> Vec<BTreeMap<BillId, ReadRequest>> {
    let mut parts = Vec::new();
    while !bills.is_empty() {
        let next = bills.keys().nth(BILLS_AT_ONCE).copied();
        let later = next.map(|next| bills.split_off(&next)).unwrap_or_default();
        parts.push(bills);
        bills = later;
    }
    parts
}

/// A whole read of a bill, with the boletos that the extract told: a bulk read tells none.
fn told_of(extract: &Extract, bill: BillId) -> ReadRequest {
    ReadRequest {
        boletos: extract.boletos.get(&bill).cloned().unwrap_or_default(),
        ..ReadRequest::default()
    }
}

/// What is due in a window.
pub(super) fn due_in(creditor: CreditorId, window: Window) -> IncomeWindow {
    IncomeWindow {
        company: Some(creditor),
        from: window.from,
        to: window.to,
        by: IncomeSelection::Due,
        changed_since: None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::ids::{CustomerId, DocumentType};

    fn row(bill: i64, id: i64) -> Row {
        let header = ObservedBill {
            creditor: CreditorId(1),
            customer: CustomerId(2),
            document_type: DocumentType::from("CT"),
            number: None,
            enterprise: None,
            unit: None,
            sales_contract: None,
            issued_on: None,
            cancelled_on: None,
        };
        let installment = ObservedInstallment {
            id: InstallmentId(id),
            label: Some(format!("{id}/3")),
            due_on: date(2027, 1, 10),
            condition: "PM".to_owned(),
            original: Cents::new(10_000),
            balance: Cents::new(1_000),
            receipts: vec![Receipt {
                paid_on: date(2026, 11, 20),
                kind: "Recebimento".into(),
                net: Cents::new(100),
                gross: Cents::new(200),
            }],
        };
        (BillId(bill), header, installment)
    }

    fn kept(after: Option<i64>, most: usize, rows: &[(i64, i64)]) -> KeptRows {
        let mut kept = KeptRows::after(after.map(BillId));
        for (bill, id) in rows {
            kept.keep(row(*bill, *id), most);
        }
        kept
    }

    /// Room for so many bills of so many rows in all.
    fn room(bills: usize, rows: usize) -> usize {
        bills * BILL_WEIGHT + rows * (size_of::<KeptRow>() + size_of::<Receipt>())
    }

    fn odd(bill: i64, header: Result<ObservedBill, Oddity>, shown: Shown) -> OddRow {
        OddRow {
            bill: Some(BillId(bill)),
            header,
            shown,
            why: Oddity::Field("dueDate"),
        }
    }

    fn places(kept: &KeptRows) -> Vec<(i64, Vec<i64>)> {
        let bills = kept.bills.iter();
        bills
            .map(|(bill, kept)| (bill.0, kept.rows.iter().map(|row| row.id.0).collect()))
            .collect()
    }

    #[test]
    fn a_row_is_kept_as_it_was() {
        let (bill, header, installment) = row(1, 2);
        let mut kept = kept(None, MAX_KEPT, &[(1, 2)]);
        let seen = kept.bills.pop_first().unwrap().1.observation(
            bill,
            &Extract::default(),
            Coverage::Rows,
        );
        assert_eq!(
            (seen.header, seen.installments),
            (Some(header), vec![installment])
        );
    }

    #[test]
    fn rows_in_any_order_are_kept_bill_by_bill() {
        let by_due = [(3, 1), (1, 1), (2, 1), (1, 2), (3, 2), (2, 2)];
        let wanted = [(1, vec![1, 2]), (2, vec![1, 2]), (3, vec![1, 2])];
        assert_eq!(places(&kept(None, MAX_KEPT, &by_due)), wanted);
        assert_eq!(
            places(&kept(Some(1), MAX_KEPT, &by_due)),
            wanted[1..],
            "the first bill is done"
        );
        assert_eq!(
            kept(None, MAX_KEPT, &by_due).texts.len(),
            3,
            "each text once"
        );
    }

    #[test]
    fn where_there_is_no_room_for_all_rows_the_first_bills_are_kept_whole() {
        let by_due = [(3, 1), (1, 1), (2, 1), (1, 2), (3, 2), (2, 2)];
        let first = kept(None, room(2, 4), &by_due);
        assert_eq!(places(&first), [(1, vec![1, 2]), (2, vec![1, 2])]);
        assert_eq!(first.beyond, Some(BillId(3)));
        let rest = kept(Some(2), room(2, 4), &by_due);
        assert_eq!((places(&rest), rest.beyond), (vec![(3, vec![1, 2])], None));
        let one = kept(None, 1, &by_due);
        assert_eq!(
            places(&one),
            [(1, vec![1, 2])],
            "one bill has room however large it is"
        );
    }

    #[test]
    fn bills_are_done_up_to_the_first_one_that_waits() {
        let compared = [3, 5, 7].map(BillId);
        for (waits, done) in [
            (None, Some(7)),
            (Some(3), None),
            (Some(7), Some(5)),
            (Some(2), None),
        ] {
            assert_eq!(
                done_before(waits.map(BillId).as_ref(), &compared),
                done.map(BillId),
                "{waits:?} waits"
            );
        }
    }

    #[test]
    fn what_is_known_of_odd_rows_is_kept_beside_the_others_of_their_bill() {
        let (_, header, installment) = row(1, 2);
        let gap = Oddity::Field("clientId");
        let rows = || {
            [
                odd(1, Err(gap), Shown::Read(installment.clone())),
                odd(1, Err(gap), Shown::Unread(InstallmentId(3), true)),
                odd(
                    1,
                    Ok(header.clone()),
                    Shown::Unread(InstallmentId(4), false),
                ),
                odd(2, Err(gap), Shown::Read(installment.clone())),
                odd(2, Err(gap), Shown::Unnamed),
            ]
        };
        let mut kept = KeptRows::after(None);
        for row in rows() {
            kept.keep_odd(row.bill.unwrap(), row, MAX_KEPT);
        }
        let seen = std::mem::take(&mut kept.bills)
            .into_iter()
            .map(|(bill, kept)| kept.observation(bill, &Extract::default(), Coverage::WholeOnce));
        assert_eq!(
            seen.collect::<Vec<_>>(),
            group([], rows(), Coverage::WholeOnce)
        );
    }

    #[test]
    fn odd_rows_and_receipts_take_room_and_the_last_bills_go() {
        let (_, header, _) = row(1, 1);
        let mut kept = KeptRows::after(None);
        for id in 1..=100_i64 {
            kept.keep_odd(
                BillId(id % 4),
                odd(
                    id % 4,
                    Ok(header.clone()),
                    Shown::Unread(InstallmentId(id), false),
                ),
                4_000,
            );
        }
        assert!(
            kept.beyond.is_some() && kept.weight <= 4_000,
            "{}",
            kept.weight
        );
        let (bill, header, mut many) = row(9, 1);
        many.receipts = vec![many.receipts[0].clone(); 100];
        let mut kept = KeptRows::after(None);
        kept.keep(row(1, 1), 4_000);
        kept.keep((bill, header, many), 4_000);
        assert_eq!(
            (places(&kept), kept.beyond),
            (vec![(1, vec![1])], Some(bill))
        );
    }

    #[test]
    fn what_is_weighed_is_what_is_kept() {
        let mut kept = kept(None, MAX_KEPT, &[(1, 1), (2, 1), (1, 2)]);
        let (_, header, installment) = row(1, 3);
        kept.keep_odd(
            BillId(1),
            odd(1, Ok(header), Shown::Read(installment)),
            MAX_KEPT,
        );
        kept = kept.and([BillId(1), BillId(3)]);
        assert_eq!(
            kept.weight,
            kept.bills.values().map(KeptBill::weight).sum::<usize>()
        );
        assert!(
            size_of::<KeptRow>() <= 88 && size_of::<KeptOdd>() <= 40,
            "as docs/architecture.md has it"
        );
    }
}
