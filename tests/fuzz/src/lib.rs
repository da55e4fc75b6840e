//! What must hold for any bytes that come from outside: nothing panics, nothing unbounded is taken, no text of the input is quoted.
//!
//! Each target panics when that does not hold. `tests/short_run.rs` runs them over the corpus and seeded mutations of it;
//! `libfuzzer/` runs them under cargo-fuzz for as long as one likes.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a panic is what a fuzzer looks for"
)]

use ponte::intake::{
    EventHeader, Receiver, SiengeEvent, Unreadable, authorized, credential, event_id, read,
};
use ponte::portfolio::Coverage;
use ponte::sienge::{
    BillInstallment, Company, CostCenter, Customer, DefaulterRow, Enterprise, ExtractHistoryRow,
    Hook, IncomeRow, Indexer, PaymentConditionType, ReceivableBill, RemadeInstallments,
    RowSplitter, SalesContract, SplitError, StatementBill, Unit, group, income_facts, rest_facts,
};
use serde::de::DeserializeOwned;

/// A target: bytes in, a panic when something does not hold.
pub type Target = fn(&[u8]);

/// Every target with the name of its corpus.
pub const TARGETS: [(&str, Target); 3] = [
    ("webhook", webhook),
    ("bulk_answer", bulk_answer),
    ("rest_answer", rest_answer),
];

/// A delivery: a line with the receiver, one with the event, one with the id, then the body.
pub fn webhook(data: &[u8]) {
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (receiver, event, id, body) = (line(), line(), line(), line());
    let text = |bytes| std::str::from_utf8(bytes).ok();
    if let Some(header) = text(id) {
        let _ = credential(header)
            .map(|credential| authorized(credential, &["token".to_owned(), String::new()]));
    }
    let receiver = text(receiver)
        .and_then(Receiver::find)
        .unwrap_or(Receiver::Sienge);
    let event = EventHeader::read(text(event));
    let key = event_id(receiver, &event, text(id), body).text;
    assert!(
        (1..=128).contains(&key.len()) && !key.contains('#'),
        "{key}"
    );
    if let Some(name) = receiver.unknown_event(&event) {
        let is_name = name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        assert!(is_name && name.len() <= 60, "{name}");
    }
    match read(receiver, &event, body) {
        Ok((event, hints)) => {
            assert!(hints.bills.len() <= 1_000);
            let ids = hints
                .bills
                .iter()
                .map(|id| id.0)
                .chain(hints.customers.iter().map(|id| id.0));
            let ids = ids
                .chain(hints.sales_contracts.iter().map(|id| id.0))
                .chain(hints.units.iter().map(|id| id.0));
            let ids = ids
                .chain(hints.installment.map(|id| id.0))
                .chain(hints.gone.map(|id| id.0));
            assert!(
                ids.into_iter().all(|id| (1..=2_147_483_647).contains(&id)),
                "{hints:?}"
            );
            assert!(event != SiengeEvent::ReceiptProcessed || !hints.bills.is_empty());
        }
        Err(error) => {
            // Fixed texts: nothing of the body is in them.
            let field = |field| Unreadable::Field { field };
            let fields = [
                "billId",
                "receivableBillId",
                "salesContractId",
                "customerId",
                "unitId",
            ]
            .map(field);
            let known = [
                Unreadable::NotJson,
                Unreadable::NotAnObject,
                Unreadable::NoEvent,
            ]
            .into_iter()
            .chain(fields);
            let shown = error.to_string();
            assert!(
                known
                    .map(|error| error.to_string())
                    .any(|text| text == shown),
                "{shown}"
            );
        }
    }
}

/// A bulk answer: its rows do not depend on how the bytes were cut, and each is a fact or an odd row of its bill.
pub fn bulk_answer(data: &[u8]) {
    let (cut, answer) = data.split_first().unwrap_or((&1, &[]));
    let whole = rows(&[answer]);
    let pieces: Vec<&[u8]> = answer.chunks(usize::from(*cut).max(1)).collect();
    assert_eq!(whole, rows(&pieces), "the rows depend on the cut");
    for row in whole.0 {
        match serde_json::from_slice::<IncomeRow>(&row).map(income_facts) {
            Ok(Ok(facts)) => {
                let seen = group([facts], [], Coverage::WholeOnce);
                assert_eq!((seen.len(), seen[0].installments.len()), (1, 1));
            }
            Ok(Err(odd)) => {
                let named = odd.bill.is_some();
                assert_eq!(
                    group([], [odd], Coverage::WholeOnce).len(),
                    usize::from(named)
                );
            }
            Err(_) => {}
        }
        let _ = serde_json::from_slice::<ExtractHistoryRow>(&row).map(|row| row.boletos());
        let _ = serde_json::from_slice::<DefaulterRow>(&row);
    }
}

fn rows(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), SplitError>) {
    let mut splitter = RowSplitter::default();
    let mut rows = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            match splitter.next_row(&mut input) {
                Ok(Some(row)) => rows.push(row.to_vec()),
                Ok(None) => break,
                Err(error) => return (rows, Err(error)),
            }
        }
    }
    let end = splitter.finish();
    (rows, end)
}

/// A REST answer: read as every resource, and as the three answers that together say what a bill is.
pub fn rest_answer(data: &[u8]) {
    fn read<T: DeserializeOwned>(data: &[u8]) {
        // Errors name a place and a kind, and are not shown as they are: only that nothing panics matters.
        let _ = serde_json::from_slice::<T>(data);
        let _ = serde_json::from_slice::<Vec<T>>(data);
    }
    read::<Company>(data);
    read::<CostCenter>(data);
    read::<Customer>(data);
    read::<Enterprise>(data);
    read::<Hook>(data);
    read::<Indexer>(data);
    read::<PaymentConditionType>(data);
    read::<RemadeInstallments>(data);
    read::<SalesContract>(data);
    read::<Unit>(data);

    let mut answers = data.splitn(3, |byte| *byte == b'\n');
    let mut answer = || answers.next().unwrap_or_default();
    let (header, list, statement) = (answer(), answer(), answer());
    let Ok(header) = serde_json::from_slice::<ReceivableBill>(header) else {
        return;
    };
    let list: Vec<BillInstallment> = serde_json::from_slice(list).unwrap_or_default();
    let statement: Vec<StatementBill> = serde_json::from_slice(statement).unwrap_or_default();
    let bill = ponte::ids::BillId(295);
    if let Ok(seen) = rest_facts(bill, header, list, statement) {
        assert_eq!(seen.bill, bill);
        let ids: std::collections::BTreeSet<_> = seen
            .installments
            .iter()
            .map(|installment| installment.id)
            .collect();
        assert_eq!(
            ids.len(),
            seen.installments.len(),
            "one installment told twice"
        );
    }
}
