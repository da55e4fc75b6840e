//! A window of a reconciliation: the rows of its answer against the open installments held in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use futures::StreamExt;

use super::FlowError;
use super::run_context::RunContext;
use crate::ids::{BillId, CustomerId, DocumentType, InstallmentId};
use crate::portfolio::{ContractKey, Fingerprint, ObservedBill, ObservedInstallment, Scope};
use crate::sienge::{IncomeSelection, IncomeWindow};
use crate::sync::{Extract, KeptRows, ObservedRow, Reading, Window, due_in};

/// The result of reading a window.
pub(super) struct WindowRead {
    pub(super) reading: Reading,
    pub(super) extract: Extract,
    /// Rows that differ from what is held.
    pub(super) rows: KeptRows,
    /// Open installments held in the window.
    pub(super) held: u64,
    /// Those that the answer lacks.
    pub(super) unseen: BTreeMap<BillId, Unseen>,
    /// Bills with an installment that occurs twice with different values.
    pub(super) contradicted: BTreeSet<BillId>,
}

/// Open installments of a bill that an answer does not show.
#[derive(Default)]
pub(super) struct Unseen {
    /// Missing, or settled without a receipt.
    pub(super) missing: u64,
    /// Shown, but left out by the settings.
    pub(super) left_out: u64,
}

pub(super) async fn read_window(
    context: &RunContext<'_>,
    window: Window,
    by_issue: bool,
) -> Result<WindowRead, FlowError> {
    let (sync, creditor) = (context.sync, context.creditor);
    let reading = Reading::begin(Scope::Counting, sync.now());
    let (mut held, extract, by) = if by_issue {
        (HashMap::new(), Extract::default(), IncomeSelection::Issue)
    } else {
        let held = held_open(context, window).await?;
        (
            held,
            sync.read_extract(creditor, window, None).await?,
            IncomeSelection::Due,
        )
    };
    // Contradictory rows are not believed: the bill is read whole, where both can be compared.
    let mut contradicted = BTreeSet::new();
    let differs = |row: &ObservedRow, left_out: bool| {
        let (bill, header, installment) = row;
        if left_out {
            if let Some(entry) = held.get_mut(&(*bill, installment.id)) {
                entry.left_out = true;
            }
            return false;
        }
        match held.get_mut(&(*bill, installment.id)) {
            Some(entry) => {
                let finding =
                    entry.take_row(header, installment, extract.boleto(*bill, installment.id));
                contradicted.extend(Some(*bill).filter(|_| finding == RowFinding::Contradicts));
                finding == RowFinding::Differs
            }
            None => !installment.balance.is_zero(),
        }
    };
    let query = IncomeWindow {
        by,
        ..due_in(creditor, window)
    };
    let rows = sync
        .read_income(creditor, &query, window.after, differs)
        .await?
        .without(&contradicted);
    // An unreadable installment exists.
    let unseen = held.iter().filter(|(key, entry)| {
        !entry.seen && !rows.unread.contains(*key) && !rows.in_part.contains(&key.0)
    });
    let mut of_bills: BTreeMap<BillId, Unseen> = BTreeMap::new();
    for ((bill, _), entry) in unseen {
        let of_bill = of_bills.entry(*bill).or_default();
        *(if entry.left_out {
            &mut of_bill.left_out
        } else {
            &mut of_bill.missing
        }) += 1;
    }
    Ok(WindowRead {
        reading,
        extract,
        rows,
        held: held.len() as u64,
        unseen: of_bills,
        contradicted,
    })
}

async fn held_open(
    context: &RunContext<'_>,
    window: Window,
) -> Result<HashMap<(BillId, InstallmentId), HeldOpen>, FlowError> {
    let mut held = HashMap::new();
    let mut entries = context
        .sync
        .portfolio()
        .open_installments(context.creditor, window);
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        let ContractKey {
            bill,
            document_type,
            customer,
        } = entry.key;
        let contract = contract_hash(&document_type, customer);
        held.insert(
            (bill, entry.id),
            HeldOpen {
                contract,
                fingerprint: entry.fingerprint,
                boleto: entry.boleto,
                seen: false,
                emptied: false,
                left_out: false,
            },
        );
    }
    Ok(held)
}

fn contract_hash(document_type: &DocumentType, customer: CustomerId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (document_type, customer).hash(&mut hasher);
    hasher.finish()
}

/// One open installment while its window is read: 33 bytes, so that a window of a million fits.
struct HeldOpen {
    /// Its held fingerprint; once a row was read, the first row's.
    contract: u64,
    fingerprint: Fingerprint,
    boleto: bool,
    /// A row shows it open, or with receipts.
    seen: bool,
    /// A row shows it with nothing open and no receipt.
    emptied: bool,
    /// A row shows it, and the settings leave it out.
    left_out: bool,
}

/// What a row says about a held installment.
#[derive(Debug, PartialEq, Eq)]
enum RowFinding {
    /// The same as held, or as an earlier row; or nothing open and no receipt, which counts as absent until a second read confirms it.
    Nothing,
    /// Something different from what is held.
    Differs,
    /// Something different from an earlier row.
    Contradicts,
}

impl HeldOpen {
    /// Takes a row in, with its boleto from the extract. The rows of one installment may come in any order.
    fn take_row(
        &mut self,
        header: &ObservedBill,
        row: &ObservedInstallment,
        boleto: Option<bool>,
    ) -> RowFinding {
        if row.balance.is_zero() && row.receipts.is_empty() {
            self.emptied = true;
            return if self.seen {
                RowFinding::Contradicts
            } else {
                RowFinding::Nothing
            };
        }
        let (contract, fingerprint) = (
            contract_hash(&header.document_type, header.customer),
            row.fingerprint(),
        );
        let differs = self.contract != contract || self.fingerprint != fingerprint;
        let again = self.seen;
        (self.contract, self.fingerprint, self.seen) = (contract, fingerprint, true);
        if self.emptied || (again && differs) {
            RowFinding::Contradicts
        } else if differs || boleto.is_some_and(|boleto| boleto != self.boleto) {
            RowFinding::Differs
        } else {
            RowFinding::Nothing
        }
    }
}
