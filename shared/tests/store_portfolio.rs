//! The portfolio table: commits, crashes in the middle, indexes, catalogue.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use futures::TryStreamExt;
use harness::database::{Database, Fault, at, tenant};
use jiff::civil::date;
use ponte::calendar::Date;
use ponte::ids::{
    BillId, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, SalesContractId,
    UnitId,
};
use ponte::money::Cents;
use ponte::portfolio::{
    Action, Address, Change, Contract, ContractKey, ContractState, Coverage, Customer, Document,
    Enterprise, EventKind, HeldBill, Installment, InstallmentState, Observation, ObservedBill,
    ObservedInstallment, Outcome, Phone, Receipt, ReturnReason, SalesContract, Scope,
    SettlementClass, SettlementKind, TimelineEvent, Unit, compare,
};
use ponte::settings::{CreditorSettings, TenantSettings};
use ponte::store::{Recovery, Stamp, Store, StoreError};
use rust_decimal_macros::dec;

const CREDITOR: CreditorId = CreditorId(1);
const NOW: &str = "2026-11-22T08:00:00Z";
const READ: &str = "2026-11-20T14:59:00Z";

fn key(bill: i64) -> ContractKey {
    ContractKey {
        bill: BillId(bill),
        document_type: DocumentType::from("CT"),
        customer: CustomerId(41),
    }
}

fn contract(bill: i64) -> Contract {
    Contract {
        key: key(bill),
        creditor: CREDITOR,
        number: format!("UND{bill}"),
        enterprise: Some(EnterpriseId(110)),
        unit: None,
        sales_contract: None,
        issued_on: Some(date(2021, 6, 1)),
        negotiation: 1,
        state: ContractState::Open,
        opened: None,
        successor: None,
        revision: 1,
    }
}

fn installment(bill: i64, id: i64) -> Installment {
    let due_on = date(2026, 1, 30)
        .checked_add(jiff::Span::new().days(id))
        .unwrap();
    Installment {
        contract: key(bill),
        creditor: CreditorId(1),
        id: InstallmentId(id),
        negotiation: 1,
        label: Some(format!("{id}/420")),
        due_on,
        condition: "PM".to_owned(),
        original: Cents::new(100_010),
        balance: Cents::new(100_010),
        boleto: id % 2 == 0,
        receipts: Vec::new(),
        state: InstallmentState::Open,
        revision: 1,
    }
}

fn included(bill: i64, ids: impl IntoIterator<Item = i64>) -> Vec<Change> {
    ids.into_iter()
        .map(|id| Change::Installment(Action::Included, installment(bill, id)))
        .collect()
}

fn synchronised(bill: i64, ids: &[InstallmentId]) -> TimelineEvent {
    TimelineEvent {
        id: format!("sync-{}-{}-{}", bill, ids.first().unwrap(), ids.len()),
        contract: key(bill),
        on: date(2026, 11, 22),
        kind: EventKind::Synchronised,
        installments: ids.to_vec(),
        revisions: vec![1; ids.len()],
        contract_revision: 0,
    }
}

fn payment(bill: i64, id: i64, paid: Cents) -> TimelineEvent {
    TimelineEvent {
        id: format!("pay-{bill}-{id}"),
        contract: key(bill),
        on: date(2026, 11, 22),
        kind: EventKind::DirectPayment {
            settlement: SettlementKind::Receipt,
            class: Some(SettlementClass::Pays),
            paid_on: date(2026, 11, 20),
            original: Cents::new(100_010),
            paid,
            amortised: paid,
            balance: Cents::ZERO,
            total: true,
            by_sync: false,
        },
        installments: vec![InstallmentId(id)],
        revisions: vec![2],
        contract_revision: 0,
    }
}

/// Bill 295 as Sienge tells it: so many installments, all open or all paid.
fn seen(count: i64, paid: bool) -> Observation {
    let told = (1..=count).map(|id| {
        let held = installment(295, id);
        let receipt = Receipt {
            paid_on: date(2026, 11, 20),
            kind: SettlementKind::Receipt,
            net: held.original,
            gross: held.original,
        };
        ObservedInstallment {
            id: held.id,
            label: held.label,
            due_on: held.due_on,
            condition: held.condition,
            original: held.original,
            balance: if paid { Cents::ZERO } else { held.balance },
            receipts: if paid { vec![receipt] } else { Vec::new() },
        }
    });
    Observation {
        bill: BillId(295),
        header: Some(ObservedBill {
            creditor: CREDITOR,
            customer: CustomerId(41),
            document_type: DocumentType::from("CT"),
            number: Some("UND295".to_owned()),
            enterprise: Some(Some(EnterpriseId(110))),
            unit: None,
            sales_contract: None,
            issued_on: Some(date(2021, 6, 1)),
            cancelled_on: None,
        }),
        installments: told.collect(),
        unread: BTreeMap::new(),
        gap: None,
        boletos: BTreeMap::new(),
        coverage: Coverage::WholeConfirmed,
    }
}

fn compared(held: &HeldBill, seen: &Observation) -> Outcome {
    let tenant: TenantSettings = serde_json::from_str(
        r#"{"siengeBaseUrl": "https://x.invalid/public/api", "subdomain": "x"}"#,
    )
    .unwrap();
    let creditor = CreditorSettings::new(CREDITOR);
    compare(
        held,
        seen,
        Scope::Reconciliation,
        &tenant.policy(Some(&creditor)),
        date(2026, 11, 22),
    )
}

/// What is held and told of bill 295, whatever the number of transactions that it took.
async fn story(store: &Store) -> (HeldBill, BTreeSet<String>) {
    let mut held = store.load_bill(&tenant(), BillId(295)).await.unwrap();
    held.version = 0;
    let told = store
        .timeline(&tenant(), BillId(295), 10_000)
        .await
        .unwrap();
    let ids: BTreeSet<String> = told.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids.len(), told.len());
    (held, ids)
}

async fn commit(
    store: &Store,
    bill: i64,
    held: &HeldBill,
    outcome: &Outcome,
) -> Result<ponte::store::Committed, StoreError> {
    let stamp = Stamp {
        at: at(NOW),
        read_at: Some(at(READ)),
    };
    store
        .commit(&tenant(), BillId(bill), CREDITOR, held, outcome, stamp)
        .await
}

#[tokio::test]
async fn a_bill_is_read_back_as_it_was_committed() {
    let database = Database::start().await;
    let store = &database.store;
    let mut settled = installment(295, 2);
    settled.balance = Cents::ZERO;
    settled.receipts.push(Receipt {
        paid_on: date(2026, 11, 20),
        kind: SettlementKind::from("Dação em pagamento"),
        net: Cents::new(100_010),
        gross: Cents::new(102_010),
    });
    settled.state = InstallmentState::Closed {
        reason: ReturnReason::Receipt,
        on: date(2026, 11, 22),
    };
    let outcome = Outcome {
        changes: vec![
            Change::Installment(Action::Settled, settled.clone()),
            Change::Installment(Action::Included, installment(295, 1)),
            Change::Contract(contract(295)),
        ],
        events: vec![payment(295, 2, Cents::new(100_010))],
        ..Outcome::default()
    };
    assert_eq!(
        store.load_bill(&tenant(), BillId(295)).await.unwrap(),
        HeldBill::default()
    );
    let committed = commit(store, 295, &HeldBill::default(), &outcome)
        .await
        .unwrap();
    assert_eq!((committed.version, committed.events.len()), (1, 1));
    let held = store.load_bill(&tenant(), BillId(295)).await.unwrap();
    assert_eq!(held.version, 1);
    assert_eq!(held.contracts().collect::<Vec<_>>(), [&contract(295)]);
    assert_eq!(
        held.installments().collect::<Vec<_>>(),
        [&installment(295, 1), &settled],
        "exactly, scale of the money included"
    );
    assert_eq!(
        held.installment(&key(295), InstallmentId(1))
            .unwrap()
            .original
            .to_string(),
        "1000.10"
    );
    assert!(held.pending_events.is_empty());
    assert_eq!(
        store.timeline(&tenant(), BillId(295), 10).await.unwrap(),
        [payment(295, 2, Cents::new(100_010))]
    );
}

#[tokio::test]
async fn an_outcome_without_changes_makes_no_call() {
    let database = Database::start().await;
    let committed = commit(
        &database.store,
        1,
        &HeldBill::default(),
        &Outcome::default(),
    )
    .await
    .unwrap();
    assert_eq!(committed.version, 0);
    assert_eq!(database.calls(), BTreeMap::new());
}

#[tokio::test]
async fn a_change_of_one_installment_is_one_transaction() {
    let database = Database::start().await;
    let outcome = Outcome {
        changes: included(1, [1]),
        events: vec![synchronised(1, &[InstallmentId(1)])],
        ..Outcome::default()
    };
    commit(&database.store, 1, &HeldBill::default(), &outcome)
        .await
        .unwrap();
    assert_eq!(
        database.calls(),
        BTreeMap::from([("TransactWriteItems".to_owned(), 1)])
    );
}

#[tokio::test]
async fn the_second_of_two_writers_must_compare_again() {
    let database = Database::start().await;
    let store = &database.store;
    let empty = HeldBill::default();
    let first = Outcome {
        changes: included(7, [1]),
        ..Outcome::default()
    };
    let second = Outcome {
        changes: included(7, [2]),
        ..Outcome::default()
    };
    commit(store, 7, &empty, &first).await.unwrap();
    let error = commit(store, 7, &empty, &second).await.unwrap_err();
    assert_eq!(
        (&error, error.recovery()),
        (&StoreError::Conflict, Recovery::Reload)
    );
    let held = store.load_bill(&tenant(), BillId(7)).await.unwrap();
    assert_eq!(
        held.installments().count(),
        1,
        "nothing of the loser was written"
    );
    assert_eq!(commit(store, 7, &held, &second).await.unwrap().version, 2);
    assert!(
        commit(store, 7, &held, &second).await.is_err(),
        "the version it saw is gone"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_lose_nothing() {
    let database = Database::start().await;
    let writers = (1..=8).map(|id| {
        let store = database.store.clone();
        tokio::spawn(async move {
            loop {
                let held = store.load_bill(&tenant(), BillId(9)).await.unwrap();
                let outcome = Outcome {
                    changes: included(9, [id]),
                    events: vec![synchronised(9, &[InstallmentId(id)])],
                    ..Outcome::default()
                };
                match commit(&store, 9, &held, &outcome).await {
                    Ok(committed) => return committed.version,
                    Err(error) => assert_eq!(error.recovery(), Recovery::Reload, "{error}"),
                }
            }
        })
    });
    let mut versions: Vec<u64> = Vec::new();
    for writer in writers {
        versions.push(writer.await.unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=8).collect::<Vec<_>>());
    let held = database
        .store
        .load_bill(&tenant(), BillId(9))
        .await
        .unwrap();
    assert_eq!(held.installments().count(), 8);
    assert_eq!(
        database
            .store
            .timeline(&tenant(), BillId(9), 100)
            .await
            .unwrap()
            .len(),
        8
    );
}

/// Brings a bill to each of the observations; the last commit crashes at its `broken`-th transaction, then everything is loaded and
/// compared again until nothing is left. Answers how many transactions the crashed commit had made, and the story in the end.
async fn with_a_crash(
    stages: &[Observation],
    broken: usize,
    fault: Fault,
) -> (u64, (HeldBill, BTreeSet<String>)) {
    let database = Database::start().await;
    let (last, before) = stages.split_last().unwrap();
    for stage in before {
        let held = database
            .store
            .load_bill(&tenant(), BillId(295))
            .await
            .unwrap();
        let stamp = Stamp {
            at: at(NOW),
            read_at: None,
        };
        let outcome = compared(&held, stage);
        let (tenant, store) = (tenant(), &database.store);
        store
            .commit(&tenant, BillId(295), CREDITOR, &held, &outcome, stamp)
            .await
            .unwrap();
    }
    let held = database
        .store
        .load_bill(&tenant(), BillId(295))
        .await
        .unwrap();
    database.faults(move |operation, count| match operation {
        "TransactWriteItems" if count >= broken => fault,
        _ => Fault::Pass,
    });
    let result = commit(
        &database.fragile_store(),
        295,
        &held,
        &compared(&held, last),
    )
    .await;
    database.no_faults();
    if let Err(error) = &result {
        assert_eq!(error.recovery(), Recovery::Retry, "{error}");
    }
    let version = held.version;
    let held = database
        .store
        .load_bill(&tenant(), BillId(295))
        .await
        .unwrap();
    let is_whole = compared(&held, last) == Outcome::default();
    assert_eq!(
        held.read_at,
        is_whole.then(|| at(READ)),
        "a part of what was read is not what was read"
    );
    commit(&database.store, 295, &held, &compared(&held, last))
        .await
        .unwrap();
    let end = database
        .store
        .load_bill(&tenant(), BillId(295))
        .await
        .unwrap();
    assert!(end.pending_events.is_empty());
    assert_eq!(
        compared(&end, last),
        Outcome::default(),
        "nothing is left to change"
    );
    (held.version - version, story(&database.store).await)
}

#[tokio::test]
async fn a_crash_after_any_slice_of_420_installments_is_completed_by_comparing_again() {
    // 1 contract, 420 installments and 1 event in slices of 99: five transactions.
    let stages = [seen(420, false)];
    let (slices, whole) = with_a_crash(&stages, 6, Fault::Lose).await;
    assert_eq!(
        (slices, whole.0.installments().count(), whole.1.len()),
        (5, 420, 1)
    );
    for broken in 1..=5 {
        let (slices, story) = with_a_crash(&stages, broken, Fault::Lose).await;
        assert_eq!(slices, broken as u64 - 1);
        assert_eq!(story, whole, "the same held and told, whatever broke");
    }
    for broken in [1, 4, 5] {
        let (slices, story) = with_a_crash(&stages, broken, Fault::LoseAnswer).await;
        assert_eq!(
            slices, broken as u64,
            "the transaction counts though its answer was lost"
        );
        assert_eq!(story, whole);
    }
}

#[tokio::test]
async fn a_crash_among_more_events_than_a_transaction_takes_tells_each_once() {
    // 150 payments are 151 changes and 151 events: four transactions, the last two with events alone.
    let stages = [seen(150, false), seen(150, true)];
    let (slices, whole) = with_a_crash(&stages, 9, Fault::Lose).await;
    assert_eq!(slices, 4);
    assert!(whole.1.len() > 150);
    for broken in 1..=4 {
        let (slices, story) = with_a_crash(&stages, broken, Fault::Lose).await;
        assert_eq!(slices, broken as u64 - 1);
        assert_eq!(story, whole);
    }
}

#[tokio::test]
async fn an_event_told_before_is_neither_doubled_nor_published_again() {
    let database = Database::start().await;
    let store = &database.store;
    let event = payment(5, 1, Cents::new(1_000));
    let first = Outcome {
        changes: included(5, [1]),
        events: vec![event.clone()],
        ..Outcome::default()
    };
    let committed = commit(store, 5, &HeldBill::default(), &first)
        .await
        .unwrap();
    store
        .mark_published(&tenant(), &committed.events)
        .await
        .unwrap();
    store
        .mark_published(&tenant(), &committed.events)
        .await
        .unwrap();
    let held = store.load_bill(&tenant(), BillId(5)).await.unwrap();
    let again = Outcome {
        changes: included(5, [2]),
        events: vec![event.clone()],
        ..Outcome::default()
    };
    let committed = commit(store, 5, &held, &again).await.unwrap();
    assert_eq!(committed.events, [], "nothing new to publish");
    let held = store.load_bill(&tenant(), BillId(5)).await.unwrap();
    assert_eq!(
        (held.version, held.installments().count()),
        (2, 2),
        "the change was committed all the same"
    );
    assert_eq!(
        store.timeline(&tenant(), BillId(5), 10).await.unwrap(),
        [event]
    );
    assert_eq!(
        store
            .unpublished(&tenant(), at("2030-01-01T00:00:00Z"), 10)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn committed_events_wait_in_the_outbox_until_they_are_published() {
    let database = Database::start().await;
    let store = &database.store;
    for bill in 1..=20 {
        let outcome = Outcome {
            changes: included(bill, [1]),
            events: vec![synchronised(bill, &[InstallmentId(1)])],
            ..Outcome::default()
        };
        commit(store, bill, &HeldBill::default(), &outcome)
            .await
            .unwrap();
    }
    assert_eq!(
        store
            .unpublished(&tenant(), at("2026-11-22T07:59:59Z"), 100)
            .await
            .unwrap(),
        [],
        "too young"
    );
    let waiting = store
        .unpublished(&tenant(), at("2026-11-22T08:10:00Z"), 100)
        .await
        .unwrap();
    assert_eq!(waiting.len(), 20);
    store
        .mark_published(&tenant(), &waiting[..15])
        .await
        .unwrap();
    assert_eq!(
        store
            .unpublished(&tenant(), at("2026-11-22T08:10:00Z"), 100)
            .await
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn one_damaged_bill_does_not_take_the_others_with_it() {
    let database = Database::start().await;
    for bill in 1..=3 {
        let outcome = Outcome {
            changes: included(bill, [1]),
            ..Outcome::default()
        };
        commit(&database.store, bill, &HeldBill::default(), &outcome)
            .await
            .unwrap();
    }
    let text = |text: &str| AttributeValue::S(text.to_owned());
    database
        .raw()
        .put_item()
        .table_name("portfolio")
        .item("pk", text("tenant#617#bill#2"))
        .item("sk", text("installment#CT#41#000009"))
        .item("dueOn", text("amanhã"))
        .send()
        .await
        .unwrap();
    let bills: Vec<BillId> = (1..=4).map(BillId).collect();
    let mut loaded = database.store.load_bills(&tenant(), &bills).await;
    loaded.sort_by_key(|(bill, _)| *bill);
    let readable: Vec<bool> = loaded.iter().map(|(_, held)| held.is_ok()).collect();
    assert_eq!(readable, [true, false, true, true]);
    let error = loaded[1].1.as_ref().unwrap_err();
    assert_eq!(error.recovery(), Recovery::Never);
    assert!(error.to_string().contains("installment"), "{error}");
}

async fn open_ids(store: &Store, from: Option<Date>, to: Option<Date>) -> BTreeSet<(i64, i64)> {
    let entries = store.open_installments(&tenant(), CREDITOR, from, to);
    let entries: Vec<_> = entries.try_collect().await.unwrap();
    for entry in &entries {
        let held = installment(entry.bill.0, entry.id.0);
        assert_eq!(entry.key, held.contract);
        assert_eq!((entry.due_on, entry.boleto), (held.due_on, held.boleto));
        assert_eq!(entry.fingerprint, held.fingerprint());
    }
    entries
        .into_iter()
        .map(|entry| (entry.bill.0, entry.id.0))
        .collect()
}

#[tokio::test]
async fn the_open_index_holds_the_open_installments_and_no_other() {
    let database = Database::start().await;
    let store = &database.store;
    for bill in 1..=30 {
        let outcome = Outcome {
            changes: included(bill, 1..=60),
            ..Outcome::default()
        };
        commit(store, bill, &HeldBill::default(), &outcome)
            .await
            .unwrap();
    }
    assert_eq!(store.count_open(&tenant(), CREDITOR).await.unwrap(), 1800);
    assert_eq!(
        store.count_open(&tenant(), CreditorId(11)).await.unwrap(),
        0
    );
    assert_eq!(open_ids(store, None, None).await.len(), 1800);
    // Installment 1 is due on 2026-01-31, the next ones a day later each.
    let window = open_ids(store, Some(date(2026, 2, 1)), Some(date(2026, 2, 2))).await;
    let expected: BTreeSet<(i64, i64)> = (1..=30).flat_map(|bill| [(bill, 2), (bill, 3)]).collect();
    assert_eq!(window, expected);

    let mut closed = installment(4, 2);
    closed.state = InstallmentState::Closed {
        reason: ReturnReason::Reconciliation,
        on: date(2026, 11, 22),
    };
    let held = store.load_bill(&tenant(), BillId(4)).await.unwrap();
    let outcome = Outcome {
        changes: vec![Change::Installment(Action::Returned, closed)],
        ..Outcome::default()
    };
    commit(store, 4, &held, &outcome).await.unwrap();
    let window = open_ids(store, Some(date(2026, 2, 1)), Some(date(2026, 2, 2))).await;
    assert!(!window.contains(&(4, 2)) && window.contains(&(4, 3)));
    assert_eq!(store.count_open(&tenant(), CREDITOR).await.unwrap(), 1799);
}

#[tokio::test]
async fn an_open_installment_is_in_the_index_of_its_own_creditor_and_leaves_it_when_that_changes() {
    let database = Database::start().await;
    let store = &database.store;
    let outcome = Outcome {
        changes: included(5, 1..=2),
        ..Outcome::default()
    };
    commit(store, 5, &HeldBill::default(), &outcome)
        .await
        .unwrap();
    let held = store.load_bill(&tenant(), BillId(5)).await.unwrap();
    let moved = Installment {
        creditor: CreditorId(2),
        ..installment(5, 1)
    };
    let outcome = Outcome {
        changes: vec![Change::Installment(Action::Updated, moved)],
        ..Outcome::default()
    };
    // Whatever creditor the commit is for.
    commit(store, 5, &held, &outcome).await.unwrap();
    assert_eq!(store.count_open(&tenant(), CREDITOR).await.unwrap(), 1);
    assert_eq!(store.count_open(&tenant(), CreditorId(2)).await.unwrap(), 1);
    let held = store.load_bill(&tenant(), BillId(5)).await.unwrap();
    let creditors: Vec<i64> = held.installments().map(|row| row.creditor.0).collect();
    assert_eq!(creditors, [2, 1]);
}

#[tokio::test]
async fn an_open_portfolio_larger_than_a_page_is_read_whole() {
    let database = Database::start().await;
    // One bill lies in one shard: 1,200 entries are two pages.
    let outcome = Outcome {
        changes: included(1, 1..=1200),
        ..Outcome::default()
    };
    commit(&database.store, 1, &HeldBill::default(), &outcome)
        .await
        .unwrap();
    assert_eq!(open_ids(&database.store, None, None).await.len(), 1200);
    assert_eq!(database.calls()["Query"], 8 + 1);
}

fn customer(id: i64) -> Customer {
    Customer {
        id: CustomerId(id),
        document: Some(Document::from("12.ABC.345/01DE-35")),
        name: format!("Cliente Inventado {id}"),
        email: None,
        phones: vec![Phone {
            number: "048912345678".to_owned(),
            kind: Some("CE".to_owned()),
            main: true,
            note: None,
            idd: None,
        }],
        addresses: vec![Address::default()],
        spouse: None,
        erased_on: None,
    }
}

fn writes(calls: &BTreeMap<String, usize>) -> usize {
    calls
        .iter()
        .filter(|(operation, _)| {
            !matches!(operation.as_str(), "BatchGetItem" | "GetItem" | "Query")
        })
        .map(|(_, count)| count)
        .sum()
}

#[tokio::test]
async fn an_unchanged_catalogue_is_not_written() {
    let database = Database::start().await;
    let store = &database.store;
    let tenant = tenant();
    let customers: Vec<Customer> = (1..=230).map(customer).collect();
    let enterprise = Enterprise {
        id: EnterpriseId(110),
        name: "Residencial Inventado".to_owned(),
        company: Some(CREDITOR),
    };
    let unit = Unit {
        id: UnitId(9),
        enterprise: EnterpriseId(110),
        name: "AP 303".to_owned(),
        stock: Some("V".to_owned()),
        property_type: Some("Apartamento".to_owned()),
        registration: None,
        private_area: Some(dec!(72.50)),
    };
    let sales = SalesContract {
        bill: BillId(295),
        id: SalesContractId(77),
        number: Some("CV-77".to_owned()),
        enterprise: Some(EnterpriseId(110)),
        unit: Some(UnitId(9)),
        unit_name: Some("AP 303".to_owned()),
        customer: Some(CustomerId(41)),
        situation: Some("Emitido".to_owned()),
        cancelled_on: None,
        participation: Some(dec!(100)),
    };
    for round in 0..2 {
        database.calls();
        let mut written = store.put_if_changed(&tenant, &customers).await.unwrap();
        written += store
            .put_if_changed(&tenant, std::slice::from_ref(&enterprise))
            .await
            .unwrap();
        written += store
            .put_if_changed(&tenant, std::slice::from_ref(&unit))
            .await
            .unwrap();
        written += store
            .put_if_changed(&tenant, std::slice::from_ref(&sales))
            .await
            .unwrap();
        let expected = if round == 0 { 233 } else { 0 };
        assert_eq!((written, writes(&database.calls())), (expected, expected));
    }
    let mut moved = customer(5);
    moved.addresses[0].street = Some("Rua Nova".to_owned());
    assert_eq!(
        store
            .put_if_changed(&tenant, std::slice::from_ref(&moved))
            .await
            .unwrap(),
        1
    );
    let ids: Vec<CustomerId> = [5, 6, 5, 999].map(CustomerId).to_vec();
    let read = store.customers(&tenant, &ids).await.unwrap();
    assert_eq!(
        (read.len(), &read[&CustomerId(5)], &read[&CustomerId(6)]),
        (2, &moved, &customer(6))
    );
    assert_eq!(store.enterprises(&tenant).await.unwrap(), [enterprise]);
    assert_eq!(
        store.units(&tenant, EnterpriseId(110)).await.unwrap(),
        [unit]
    );
    let links = store
        .sales_contracts(&tenant, &[BillId(295), BillId(1)])
        .await
        .unwrap();
    assert_eq!(links, [(BillId(295), sales)].into());
    assert_eq!(
        store.load_bill(&tenant, BillId(295)).await.unwrap(),
        HeldBill::default()
    );
    let found = store
        .customers_by_document(&tenant, &Document::from("12abc34501de35"))
        .await
        .unwrap();
    assert_eq!(found.len(), 230);
}

#[tokio::test]
async fn an_unread_customer_is_found_until_it_is_read_and_never_overwrites_one_that_was() {
    let database = Database::start().await;
    let store = &database.store;
    let tenant = tenant();
    store.put_if_changed(&tenant, &[customer(1)]).await.unwrap();
    store
        .note_unread_customers(&tenant, &[1, 2, 3].map(CustomerId))
        .await
        .unwrap();
    let mut unread = store.unread_customers(&tenant).await.unwrap();
    unread.sort_unstable();
    assert_eq!(unread, [2, 3].map(CustomerId));
    store.put_if_changed(&tenant, &[customer(2)]).await.unwrap();
    store
        .note_unread_customers(&tenant, &[2, 3].map(CustomerId))
        .await
        .unwrap();
    assert_eq!(
        store.unread_customers(&tenant).await.unwrap(),
        [CustomerId(3)]
    );
    let read = store
        .customers(&tenant, &[1, 2].map(CustomerId))
        .await
        .unwrap();
    assert_eq!(
        (&read[&CustomerId(1)], &read[&CustomerId(2)]),
        (&customer(1), &customer(2))
    );
}

#[tokio::test]
async fn keys_left_unprocessed_are_read_again() {
    let database = Database::start().await;
    let customers: Vec<Customer> = (1..=120).map(customer).collect();
    database
        .store
        .put_if_changed(&tenant(), &customers)
        .await
        .unwrap();
    database.faults(|operation, count| match (operation, count) {
        ("BatchGetItem", 1) => Fault::Process(30),
        ("BatchGetItem", 2) => Fault::Process(1),
        _ => Fault::Pass,
    });
    let ids: Vec<CustomerId> = (1..=120).map(CustomerId).collect();
    let read = database.store.customers(&tenant(), &ids).await.unwrap();
    assert_eq!(read.len(), 120);
    assert_eq!(database.calls()["BatchGetItem"], 4);
}

#[tokio::test]
async fn a_customer_leads_to_the_bills_of_its_own_tenant_only() {
    let database = Database::start().await;
    let store = &database.store;
    for bill in [295, 300] {
        let outcome = Outcome {
            changes: vec![Change::Contract(contract(bill))],
            ..Outcome::default()
        };
        commit(store, bill, &HeldBill::default(), &outcome)
            .await
            .unwrap();
    }
    let bills = store
        .bills_of_customer(&tenant(), CustomerId(41))
        .await
        .unwrap();
    assert_eq!(bills, BTreeSet::from([BillId(295), BillId(300)]));
    let other = ponte::ids::TenantId::parse("6170").unwrap();
    assert!(
        store
            .bills_of_customer(&other, CustomerId(41))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.load_bill(&other, BillId(295)).await.unwrap(),
        HeldBill::default()
    );
}

#[tokio::test]
async fn the_costs_are_those_of_the_data_model() {
    let database = Database::start().await;
    let store = &database.store;
    let units = || database.units().into_values().sum::<f64>();
    let outcome = Outcome {
        changes: [vec![Change::Contract(contract(1))], included(1, 1..=10)].concat(),
        events: vec![synchronised(1, &[InstallmentId(1)])],
        ..Outcome::default()
    };
    commit(store, 1, &HeldBill::default(), &outcome)
        .await
        .unwrap();
    assert_eq!(units(), 38.0, "a new bill of 10 installments");
    let held = store.load_bill(&tenant(), BillId(1)).await.unwrap();
    assert_eq!(units(), 1.0, "loading it");
    let mut changed = installment(1, 3);
    changed.revision = 2;
    let outcome = Outcome {
        changes: vec![Change::Installment(Action::Updated, changed)],
        events: vec![payment(1, 3, Cents::new(100))],
        ..Outcome::default()
    };
    let committed = commit(store, 1, &held, &outcome).await.unwrap();
    assert_eq!(units(), 7.0, "one changed installment with its event");
    store
        .mark_published(&tenant(), &committed.events)
        .await
        .unwrap();
    assert_eq!(units(), 2.0, "one event published");
    let big = Outcome {
        changes: [vec![Change::Contract(contract(2))], included(2, 1..=420)].concat(),
        ..Outcome::default()
    };
    commit(store, 2, &HeldBill::default(), &big).await.unwrap();
    assert_eq!(units(), 1273.0, "a new bill of 420 installments");
    store.load_bill(&tenant(), BillId(2)).await.unwrap();
    assert_eq!(units(), 33.0, "loading it");
    open_ids(store, None, None).await;
    assert_eq!(units(), 11.0, "the index of 430 open installments");
    let customers: Vec<Customer> = (1..=100).map(customer).collect();
    store.put_if_changed(&tenant(), &customers).await.unwrap();
    assert_eq!(units(), 250.0, "100 new customers");
    store.put_if_changed(&tenant(), &customers).await.unwrap();
    assert_eq!(units(), 50.0, "100 unchanged customers");
}
