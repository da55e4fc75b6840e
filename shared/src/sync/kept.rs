//! What is kept of one answer's rows until the comparison.
//!
//! Sienge promises no order: the rows of one bill may be anywhere in an answer. The facts of the rows to compare are kept, bill by
//! bill, in as little memory as possible; if there is no room for all, the last bills are left to another read of the same answer.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{ObservedRow, Report};
use crate::calendar::Date;
use crate::ids::{BillId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{Coverage, Observation, ObservedBill, ObservedInstallment, Oddity, Receipt};
use crate::sienge::{OddRow, Shown, group};

/// Most bytes that the kept rows of one answer take. The rest is left to another read of the same answer.
pub(super) const MAX_KEPT: usize = 80_000_000;
/// Bytes of a bill besides its rows, including its texts.
const BILL_WEIGHT: usize = size_of::<KeptBill>() + 64;

/// What only the extract contains.
#[derive(Default)]
pub struct Extract {
    /// Whether a boleto was generated.
    pub boletos: HashMap<BillId, BTreeMap<InstallmentId, bool>>,
    /// Bills of rescinded contracts, with the date.
    pub revoked: HashMap<BillId, Date>,
}

impl Extract {
    /// Whether an installment has a boleto, if known.
    pub fn boleto(&self, bill: BillId, installment: InstallmentId) -> Option<bool> {
        self.boletos.get(&bill)?.get(&installment).copied()
    }
}

/// The rows of one answer that must be compared.
#[derive(Default)]
pub struct KeptRows {
    pub(super) bills: BTreeMap<BillId, KeptBill>,
    /// Their size in bytes.
    weight: usize,
    /// Bills up to this one are done.
    after: Option<BillId>,
    /// There was no room for the bills from this one on.
    pub(super) beyond: Option<BillId>,
    /// Texts that occur in many rows, each stored once.
    texts: HashSet<Arc<str>>,
    /// Counts of the answer's rows, reported once, when all of it is done.
    pub counts: Report,
    /// Installments whose row could not be read: they exist.
    pub unread: BTreeSet<(BillId, InstallmentId)>,
    /// Bills with a row without an installment id: any of their installments may exist.
    pub in_part: BTreeSet<BillId>,
}

#[derive(Default)]
pub(super) struct KeptBill {
    header: Option<ObservedBill>,
    /// Why one of its rows has no usable header.
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

/// An unreadable row: that it exists, and why no more is known about it.
struct KeptOdd {
    /// `None` when it has no installment id.
    id: Option<InstallmentId>,
    settled: bool,
    why: Oddity,
}

impl KeptRows {
    /// Empty, for the bills after this one.
    pub(super) fn after(after: Option<BillId>) -> Self {
        Self {
            after,
            ..Self::default()
        }
    }

    fn takes(&self, bill: BillId) -> bool {
        self.after.is_none_or(|after| bill > after)
            && self.beyond.is_none_or(|beyond| bill < beyond)
    }

    /// Adds bills to compare without a row.
    #[must_use]
    pub fn and(mut self, bills: impl IntoIterator<Item = BillId>) -> Self {
        for bill in bills {
            if self.takes(bill) {
                self.bill(bill);
            }
        }
        self
    }

    /// Removes some bills, which are read whole instead.
    #[must_use]
    pub fn without(mut self, bills: &BTreeSet<BillId>) -> Self {
        self.bills.retain(|bill, _| !bills.contains(bill));
        self
    }

    pub(super) fn keep(&mut self, (bill, header, row): ObservedRow, most: usize) {
        if !self.takes(bill) {
            return;
        }
        let row = self.compact(row);
        let kept = self.bill(bill);
        ObservedBill::gather(&mut kept.header, header);
        self.add(bill, row, most);
    }

    /// Keeps what is known of an unreadable row.
    pub(super) fn keep_odd(&mut self, bill: BillId, row: OddRow, most: usize) {
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

    /// Makes room: if there is too much, the last bills go.
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
    /// Its rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.len() + self.odd.len()
    }

    /// Its size in bytes.
    fn weight(&self) -> usize {
        let rows: usize = self.rows.iter().map(KeptRow::weight).sum();
        BILL_WEIGHT + rows + self.odd.len() * size_of::<KeptOdd>()
    }

    pub(super) fn observation(
        self,
        bill: BillId,
        extract: &Extract,
        coverage: Coverage,
    ) -> Observation {
        let (mut read, mut odd) = (Vec::new(), Vec::new());
        // With neither, there are no rows.
        if let Some(header) = self.header.map(Ok).or(self.header_gap.map(Err)) {
            let of_bill = |shown, why| OddRow {
                bill: Some(bill),
                header: header.clone(),
                shown,
                why,
            };
            for row in self.rows {
                match &header {
                    Ok(header) => read.push((bill, header.clone(), row.observed())),
                    Err(why) => odd.push(of_bill(Shown::Read(row.observed()), *why)),
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
    /// Its size in bytes.
    fn weight(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.receipts)
    }

    fn observed(self) -> ObservedInstallment {
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::ids::{CreditorId, CustomerId, DocumentType};

    fn row(bill: i64, id: i64) -> ObservedRow {
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

    /// The room for a number of bills with a number of rows in total.
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
