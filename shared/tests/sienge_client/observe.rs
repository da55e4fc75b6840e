//! Both sources tell the same facts.

use std::time::Duration;

use ponte::ids::{BillId, CreditorId, CustomerId, EnterpriseId, InstallmentId};
use ponte::money::Cents;
use ponte::portfolio::{Coverage, Observation, Oddity};
use ponte::sienge::{
    BillAnswer, BillRead, IncomeRow, Remaining, Remedy, SiengeError, Source, group, income_facts,
};

use super::server::{Reply, Request, Stage, refusal};

const INCOME: &str = r#"{"data":[
 {"companyId":1,"clientId":3,"clientName":"Fulana","billId":10,"installmentId":1,"documentIdentificationId":"CT","documentNumber":"UND102B","originId":"CO","originalAmount":1000.00,
  "balanceAmount":0,"dueDate":"2026-01-10","issueDate":"2025-01-01","mainUnit":"AP 303","installmentNumber":"1/2","paymentTerm":{"id":"PM","descrition":"Mensal"},
  "receiptsCategories":[{"costCenterId":42}],"receipts":[
   {"operationTypeId":1,"operationTypeName":"Recebimento","grossAmount":600.0,"netAmount":605.1,"paymentDate":"2026-01-09","sequencialNumber":1},
   {"operationTypeId":1,"operationTypeName":"Recebimento","grossAmount":400.0,"netAmount":400,"paymentDate":"2026-01-12","sequencialNumber":2}]},
 {"companyId":1,"clientId":3,"billId":10,"installmentId":2,"documentIdentificationId":"CT","documentNumber":"UND102B","originId":"CO","originalAmount":1000,
  "balanceAmount":1000.0,"dueDate":"2026-02-10","issueDate":"2025-01-01","mainUnit":"AP 303","installmentNumber":"2/2","paymentTerm":{"id":"PM"},
  "receiptsCategories":[{"costCenterId":42}],"receipts":[]}]}"#;

const HEADER: &str = r#"{"customerId":3,"receivableBillId":10,"documentId":"CT","documentNumber":"UND102B","issueDate":"2025-01-01","receivableBillValue":2000,"companyId":1,"normal":true}"#;

const LIST: &str = r#"{"resultSetMetadata":{"count":2},"results":[
 {"receivableBillId":10,"installmentId":1,"conditionTypeId":"PM","dueDate":"2026-01-10","balanceDue":0,"generatedTicket":false},
 {"receivableBillId":10,"installmentId":2,"conditionType":"PM","dueDate":"2026-02-10","balanceDue":1000,"generatedTicket":true}]}"#;

const STATEMENT: &str = r#"{"results":[{"billsReceivable":[{"billReceivableId":10,"documentCode":"CT","installments":[
 {"installmentId":1,"dueDate":"2026-01-10","conditionType":"PM","originalValue":1000,"currentBalance":0,"installmentNumber":"1/2","receipts":[
   {"receiptDate":"2026-01-12","receiptValue":400,"netReceiptValue":400.00,"receiptType":"Recebimento"},
   {"receiptDate":"2026-01-09","receiptValue":600,"netReceiptValue":605.10,"receiptType":"RECEBIMENTO"}]},
 {"installmentId":2,"dueDate":"2026-02-10","conditionType":"PM","originalValue":1000,"currentBalance":1017.55,"installmentNumber":"2/2","receipts":[]}]},
 {"billReceivableId":99,"installments":[{"installmentId":1}]}]}]}"#;

fn look(bill: i64, customer: Option<i64>) -> BillRead {
    BillRead {
        bill: BillId(bill),
        customer: customer.map(CustomerId),
        boleto: false,
        answered_by: None,
    }
}

/// A second look at a bill that a source told before.
fn again(bill: i64, answered_by: Source) -> BillRead {
    BillRead {
        answered_by: Some(answered_by),
        ..look(bill, Some(3))
    }
}

/// The observations, unless one of them failed.
fn observations(
    answers: Result<Vec<BillAnswer>, SiengeError>,
) -> Result<Vec<Observation>, SiengeError> {
    answers?.into_iter().map(|answer| answer.seen).collect()
}

/// Knows bill 10 from both sources.
fn world(request: &Request) -> Reply {
    match request.path() {
        "/bulk-data/v1/income/by-bills" => Reply::json(INCOME),
        "/v1/accounts-receivable/receivable-bills/10" => Reply::json(HEADER),
        "/v1/accounts-receivable/receivable-bills/10/installments" => Reply::json(LIST),
        "/v1/customer-financial-statements" => Reply::json(STATEMENT),
        _ => refusal(404),
    }
}

fn paths(stage: &Stage) -> Vec<String> {
    stage
        .server
        .requests()
        .iter()
        .map(|request| request.path().to_owned())
        .collect()
}

fn prints(observation: &Observation) -> Vec<(InstallmentId, String)> {
    observation
        .installments
        .iter()
        .map(|i| (i.id, i.fingerprint().to_hex()))
        .collect()
}

#[tokio::test]
async fn both_sources_yield_the_same_fingerprints() {
    let stage = Stage::with(|_, request| world(request)).await;
    let by_rest = observations(stage.client.observe_each(&[look(10, Some(3))]).await)
        .unwrap()
        .remove(0);
    assert!(paths(&stage).iter().all(|path| path.starts_with("/v1/")));
    let in_bulk = observations(stage.client.confirm_each(&[again(10, Source::Rest)]).await)
        .unwrap()
        .remove(0);
    assert_eq!(
        paths(&stage).last().unwrap(),
        "/bulk-data/v1/income/by-bills",
        "the confirmation asks the other source"
    );
    assert_eq!(prints(&by_rest), prints(&in_bulk));
    assert_eq!(
        (by_rest.coverage, in_bulk.coverage),
        (Coverage::WholeOnce, Coverage::WholeOnce)
    );

    let header = in_bulk.header.unwrap();
    assert_eq!(
        (
            header.creditor,
            header.customer,
            header.document_type.as_str()
        ),
        (CreditorId(1), CustomerId(3), "CT")
    );
    assert_eq!(
        (header.number.as_deref(), header.unit.as_deref()),
        (Some("UND102B"), Some("AP 303"))
    );
    assert_eq!(header.enterprise, Some(Some(EnterpriseId(42))));
    assert!(in_bulk.boletos.is_empty());
    let paid = &in_bulk.installments[0];
    assert_eq!(
        (paid.balance, paid.receipts.len(), paid.receipts[0].net),
        (Cents::ZERO, 2, Cents::new(60_510))
    );

    let header = by_rest.header.unwrap();
    assert_eq!((header.enterprise, header.unit), (None, None));
    assert_eq!(
        by_rest.boletos.into_iter().collect::<Vec<_>>(),
        [(InstallmentId(1), false), (InstallmentId(2), true)]
    );
}

#[tokio::test]
async fn an_unknown_bill_is_an_observation_that_says_so() {
    let stage = Stage::with(|_, request| world(request)).await;
    let seen = observations(
        stage
            .client
            .observe_each(&[look(11, None), look(10, None)])
            .await,
    )
    .unwrap();
    assert_eq!(paths(&stage), ["/bulk-data/v1/income/by-bills"]);
    assert_eq!((seen[0].bill, seen[0].installments.len()), (BillId(10), 2));
    assert_eq!(
        (seen[1].bill, &seen[1].header, seen[1].coverage),
        (BillId(11), &None, Coverage::WholeOnce)
    );
    assert!(seen[1].installments.is_empty());
    let again = observations(stage.client.confirm_each(&[again(11, Source::Bulk)]).await).unwrap();
    assert_eq!(
        paths(&stage).last().unwrap(),
        "/v1/accounts-receivable/receivable-bills/11"
    );
    assert_eq!(again[0].header, None);
    let nobody = Stage::with(|_, _| refusal(404)).await;
    assert_eq!(
        observations(nobody.client.observe_each(&[look(1, None)]).await).unwrap()[0].header,
        None
    );
}

#[tokio::test]
async fn contradicting_reads_are_replaced_by_the_bulk_read() {
    let old = r#"{"results":[{"billsReceivable":[{"billReceivableId":10,"installments":[
        {"installmentId":1,"dueDate":"2026-01-10","conditionType":"PM","originalValue":1000,"currentBalance":1000,"receipts":[]},
        {"installmentId":2,"dueDate":"2026-02-10","conditionType":"PM","originalValue":1000,"currentBalance":1000,"receipts":[]}]}]}]}"#;
    let other_day = r#"{"results":[{"billsReceivable":[{"billReceivableId":10,"installments":[
        {"installmentId":1,"dueDate":"2026-01-11","conditionType":"PM","originalValue":1000,"currentBalance":0,"receipts":[]}]}]}]}"#;
    for statement in [old, other_day, r#"{"results":[]}"#] {
        let stage = Stage::with(move |_, request| match request.path() {
            "/v1/customer-financial-statements" => Reply::json(statement),
            _ => world(request),
        })
        .await;
        let seen = observations(stage.client.observe_each(&[look(10, Some(3))]).await).unwrap();
        assert_eq!(
            paths(&stage).last().unwrap(),
            "/bulk-data/v1/income/by-bills"
        );
        assert_eq!(seen[0].installments[0].receipts.len(), 2);
    }
}

#[tokio::test]
async fn an_installment_that_the_list_leaves_out_is_settled_only_when_the_statement_says_so() {
    let open_only = r#"{"results":[{"installmentId":2,"conditionTypeId":"PM","dueDate":"2026-02-10","balanceDue":1000}]}"#;
    let stage = Stage::with(move |_, request| match request.path() {
        "/v1/accounts-receivable/receivable-bills/10/installments" => Reply::json(open_only),
        _ => world(request),
    })
    .await;
    let seen = stage.client.observe_by_rest(BillId(10)).await.unwrap();
    assert_eq!(
        (seen.installments.len(), seen.installments[0].balance),
        (2, Cents::ZERO)
    );
    let settled_only = r#"{"results":[{"installmentId":1,"conditionTypeId":"PM","dueDate":"2026-01-10","balanceDue":0}]}"#;
    let stage = Stage::with(move |_, request| match request.path() {
        "/v1/accounts-receivable/receivable-bills/10/installments" => Reply::json(settled_only),
        _ => world(request),
    })
    .await;
    let error = stage.client.observe_by_rest(BillId(10)).await.unwrap_err();
    assert_eq!(error, SiengeError::Inconsistent { bill: BillId(10) });
}

#[tokio::test]
async fn a_bulk_answer_that_breaks_is_asked_for_again_from_its_start() {
    let stage = Stage::with(|number, request| match number {
        0 => Reply::json(INCOME).cut_at(INCOME.len() - 40),
        _ => world(request),
    })
    .await;
    let seen = observations(stage.client.observe_each(&[look(10, None)]).await).unwrap();
    assert_eq!(seen[0].installments.len(), 2);
    assert_eq!(stage.server.requests().len(), 2);
    let stage = Stage::with(|_, _| Reply::json(INCOME).cut_at(INCOME.len() - 40)).await;
    assert!(matches!(
        observations(stage.client.observe_each(&[look(10, None)]).await),
        Err(SiengeError::Truncated { .. })
    ));
}

/// A bulk answer about bills 10 and 20, the second with something changed in its first row.
fn both(change: &str, into: &str) -> String {
    let other = INCOME
        .replace(r#""billId":10"#, r#""billId":20"#)
        .replacen(change, into, 1);
    let (first, second) = (
        INCOME.strip_suffix("]}").unwrap(),
        other.strip_prefix(r#"{"data":["#).unwrap(),
    );
    format!("{first},{second}")
}

fn unread(observation: &Observation) -> Vec<(i64, String, bool)> {
    let unread = observation.unread.iter();
    unread
        .map(|(id, unread)| (id.0, unread.why.to_string(), unread.settled))
        .collect()
}

#[tokio::test]
async fn an_unreadable_installment_hides_no_other() {
    for (change, into, field, settled) in [
        (
            r#""balanceAmount":0,"#,
            r#""balanceAmount":null,"#,
            "balanceAmount",
            false,
        ),
        (
            r#""paymentTerm":{"id":"PM","descrition":"Mensal"}"#,
            r#""paymentTerm":null"#,
            "paymentTerm.id",
            true,
        ),
        (
            r#""dueDate":"2026-01-10""#,
            r#""dueDate":["2026"]"#,
            "dueDate",
            true,
        ),
        (
            r#""operationTypeName":"Recebimento","#,
            "",
            "receipts.operationTypeName",
            true,
        ),
        (
            r#""paymentDate":"2026-01-09""#,
            r#""paymentDate":"0000-00-00""#,
            "receipts.paymentDate",
            true,
        ),
        (
            r#"{"operationTypeId":1,"#,
            r#""Fulana", {"operationTypeId":1,"#,
            "receipts.operationTypeName",
            true,
        ),
    ] {
        let stage = Stage::with(move |_, _| Reply::json(both(change, into))).await;
        let seen = observations(
            stage
                .client
                .observe_each(&[look(10, None), look(20, None), look(30, None)])
                .await,
        )
        .unwrap();
        let shown: Vec<(i64, usize)> = seen
            .iter()
            .map(|seen| (seen.bill.0, seen.installments.len()))
            .collect();
        assert_eq!(shown, [(10, 2), (20, 1), (30, 0)], "{field}");
        let why = format!("campo {field} ausente ou ilegível");
        assert_eq!(unread(&seen[1]), [(1, why, settled)]);
        assert_eq!(
            (seen[1].gap, seen[1].coverage),
            (None, Coverage::WholeOnce),
            "the bill was told whole"
        );
    }
}

#[tokio::test]
async fn a_bill_with_a_row_that_cannot_be_placed_is_not_told_whole() {
    for (change, into, field) in [
        (
            r#""installmentId":1,"#,
            r#""installmentId":null,"#,
            "installmentId",
        ),
        (
            r#""clientId":3,"clientName":"Fulana","billId":20,"#,
            r#""clientId":{},"billId":20,"#,
            "",
        ),
    ] {
        let stage = Stage::with(move |_, _| Reply::json(both(change, into))).await;
        let seen = observations(
            stage
                .client
                .observe_each(&[look(10, None), look(20, None)])
                .await,
        )
        .unwrap();
        let placed = field.is_empty();
        assert_eq!(seen[1].installments.len(), 1 + usize::from(placed));
        assert_eq!(
            seen[1].coverage == Coverage::WholeOnce,
            placed,
            "another row says whose it is"
        );
        assert_eq!(
            seen[1].gap,
            (!placed).then_some(Oddity::Field("installmentId"))
        );
        assert_eq!(seen[0].coverage, Coverage::WholeOnce);
    }
    // A row that names no bill may be of any bill that was asked for.
    let stage = Stage::with(|_, _| Reply::json(both(r#""billId":20,"#, ""))).await;
    let seen = observations(
        stage
            .client
            .observe_each(&[look(10, None), look(20, None)])
            .await,
    )
    .unwrap();
    assert!(seen.iter().all(|seen| seen.coverage == Coverage::AllNew));
    assert_eq!(
        seen.iter()
            .map(|seen| seen.installments.len())
            .collect::<Vec<_>>(),
        [2, 1]
    );
    // Nobody knows whose a bill is: its installments are read, and no absence counts.
    let nobody = INCOME.replace(r#""clientId":3"#, r#""clientId":"x""#);
    let stage = Stage::with(move |_, _| Reply::json(nobody.clone())).await;
    let seen = observations(stage.client.observe_each(&[look(10, None)]).await).unwrap();
    assert_eq!(
        (&seen[0].header, seen[0].gap),
        (&None, Some(Oddity::Field("clientId")))
    );
    assert_eq!(
        (seen[0].installments.len(), seen[0].coverage),
        (2, Coverage::AllNew)
    );
}

#[tokio::test]
async fn an_id_that_sienge_cannot_hold_is_a_field_that_cannot_be_read() {
    for (change, into, field) in [
        (
            r#""installmentId":1,"#,
            r#""installmentId":2147483648,"#,
            "installmentId",
        ),
        (
            r#""installmentId":1,"#,
            r#""installmentId":-1,"#,
            "installmentId",
        ),
    ] {
        let stage = Stage::with(move |_, _| Reply::json(both(change, into))).await;
        let seen = observations(
            stage
                .client
                .observe_each(&[look(10, None), look(20, None)])
                .await,
        )
        .unwrap();
        assert_eq!(
            (seen[1].installments.len(), seen[1].gap),
            (1, Some(Oddity::Field(field))),
            "{into}"
        );
    }
    for (change, into, field) in [
        (r#""clientId":3"#, r#""clientId":-1"#, "clientId"),
        (r#""companyId":1"#, r#""companyId":4294967297"#, "companyId"),
    ] {
        let body = INCOME.replace(change, into);
        let stage = Stage::with(move |_, _| Reply::json(body.clone())).await;
        let seen = observations(stage.client.observe_each(&[look(10, None)]).await)
            .unwrap()
            .remove(0);
        assert_eq!(
            (seen.header, seen.gap),
            (None, Some(Oddity::Field(field))),
            "{into}"
        );
        assert_eq!(seen.installments.len(), 2, "{into}");
    }
    let listed = LIST.replace(r#""installmentId":2"#, r#""installmentId":2147483650"#);
    let stated = STATEMENT.replace(r#""installmentId":2"#, r#""installmentId":2147483650"#);
    let stage = Stage::with(move |_, request| match request.path() {
        "/v1/accounts-receivable/receivable-bills/10/installments" => Reply::json(listed.clone()),
        "/v1/customer-financial-statements" => Reply::json(stated.clone()),
        _ => world(request),
    })
    .await;
    let seen = stage.client.observe_by_rest(BillId(10)).await.unwrap();
    assert_eq!(
        (seen.installments.len(), seen.gap, seen.coverage),
        (1, Some(Oddity::Field("installmentId")), Coverage::AllNew)
    );
}

#[test]
fn a_bill_is_the_same_in_whatever_order_its_rows_come() {
    let facts = |change: &str, into: &str, id: i64| {
        let (bill, header, mut installment) = income_facts(row(change, into)).unwrap();
        installment.id = InstallmentId(id);
        (bill, header, installment)
    };
    let category = r#""receiptsCategories":[{"costCenterId":42}]"#;
    let rows = [
        facts(category, r#""receiptsCategories":null"#, 1),
        facts(r#""mainUnit":"AP 303","#, "", 2),
        facts(r#""documentNumber":"UND102B","#, "", 3),
    ];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let shown = order.map(|index| rows[index].clone());
        let header = group(shown, [], Coverage::Rows).remove(0).header.unwrap();
        assert_eq!(header.enterprise, Some(Some(EnterpriseId(42))), "{order:?}");
        assert_eq!(
            (header.unit.as_deref(), header.number.as_deref()),
            (Some("AP 303"), Some("UND102B")),
            "{order:?}"
        );
    }
}

#[tokio::test]
async fn what_one_source_tells_badly_the_other_completes() {
    let typeless = STATEMENT
        .replace(r#","receiptType":"Recebimento""#, "")
        .replace(
            r#""conditionType":"PM","originalValue":1000,"currentBalance":1017.55"#,
            r#""originalValue":null,"currentBalance":1017.55"#,
        );
    let stage = Stage::with(move |_, request| match request.path() {
        "/v1/customer-financial-statements" => Reply::json(typeless.clone()),
        _ => world(request),
    })
    .await;
    let by_rest = stage.client.observe_by_rest(BillId(10)).await.unwrap();
    let fields: Vec<String> = unread(&by_rest)
        .into_iter()
        .map(|(_, why, _)| why)
        .collect();
    assert_eq!(fields.len(), 2, "{fields:?}");
    assert!(
        fields[0].contains("receipts.receiptType") && fields[1].contains("originalValue"),
        "{fields:?}"
    );
    let seen = observations(stage.client.observe_each(&[look(10, Some(3))]).await)
        .unwrap()
        .remove(0);
    assert_eq!(
        paths(&stage).last().unwrap(),
        "/bulk-data/v1/income/by-bills"
    );
    assert_eq!(
        (seen.installments.len(), seen.unread.len(), seen.coverage),
        (2, 0, Coverage::WholeOnce)
    );
    assert!(!seen.boletos.is_empty(), "which only the first tells");
}

#[tokio::test]
async fn an_installment_told_twice_is_one_when_both_say_the_same() {
    let all = INCOME.strip_suffix("]}").unwrap();
    let second = &all[all.rfind("\n {\"companyId\"").unwrap()..];
    for (into, read) in [
        (r#""balanceAmount":1000.00"#, 2),
        (r#""balanceAmount":900"#, 1),
        (r#""balanceAmount":0"#, 1),
    ] {
        let body = format!(
            "{all},{}]}}",
            second.replace(r#""balanceAmount":1000.0"#, into)
        );
        let stage = Stage::with(move |_, _| Reply::json(body.clone())).await;
        let seen = observations(stage.client.observe_each(&[look(10, None)]).await)
            .unwrap()
            .remove(0);
        assert_eq!(seen.installments.len(), read, "{into}");
        if read == 1 {
            assert_eq!(
                unread(&seen),
                [(
                    2,
                    "veio duas vezes, com valores diferentes".to_owned(),
                    false
                )]
            );
        }
    }
}

#[test]
fn an_amount_is_taken_from_its_fellow_where_no_money_moved() {
    let net = |kind: &str, change: &str| {
        let row = row(
            r#""operationTypeName":"Recebimento","grossAmount":600.0,"netAmount":605.1"#,
            &format!(r#""operationTypeName":"{kind}",{change}"#),
        );
        income_facts(row)
            .map(|(_, _, installment)| installment.receipts[0].clone())
            .map_err(|odd| odd.why)
    };
    for kind in ["Bonificação", "Cancelamento", "Reparcelamento", "Distrato"] {
        let receipt = net(kind, r#""grossAmount":600,"netAmount":null"#).unwrap();
        assert_eq!(receipt.net, receipt.gross, "{kind}");
    }
    assert_eq!(
        net("Recebimento", r#""grossAmount":600"#),
        Err(Oddity::Field("receipts.netAmount"))
    );
    let receipt = net("Recebimento", r#""netAmount":605.1"#).unwrap();
    assert_eq!(receipt.gross, receipt.net, "the gross amount informs only");
}

#[tokio::test]
async fn quotas_choose_the_source() {
    let stage = Stage::with(|_, request| world(request)).await;
    *stage.quota.remaining.lock().unwrap() = Remaining {
        rest_minute: 2,
        bulk_minute: 20,
        rest_day: 1000,
        bulk_day: 1000,
    };
    observations(stage.client.observe_each(&[look(10, Some(3))]).await).unwrap();
    assert_eq!(paths(&stage), ["/bulk-data/v1/income/by-bills"]);
    assert!(
        observations(stage.client.observe_each(&[]).await)
            .unwrap()
            .is_empty()
    );
}

fn row(change: &str, into: &str) -> IncomeRow {
    let first = INCOME
        .strip_prefix(r#"{"data":["#)
        .unwrap()
        .split("\n {\"companyId\":1,\"clientId\":3,\"billId\"")
        .next()
        .unwrap();
    let json = first.trim().trim_end_matches(',').replace(change, into);
    serde_json::from_str(&json).unwrap()
}

#[test]
fn a_row_without_an_essential_field_is_odd_and_names_it() {
    for (change, into, field) in [
        (r#""billId":10,"#, "", "billId"),
        (
            r#""installmentId":1,"#,
            r#""installmentId":"","#,
            "installmentId",
        ),
        (r#""companyId":1,"#, r#""companyId":null,"#, "companyId"),
        (r#""clientId":3,"#, "", "clientId"),
        (
            r#""documentIdentificationId":"CT""#,
            r#""documentIdentificationId":" ""#,
            "documentIdentificationId",
        ),
        (
            r#""dueDate":"2026-01-10""#,
            r#""dueDate":"10 jan""#,
            "dueDate",
        ),
        (
            r#""originalAmount":1000.00"#,
            r#""originalAmount":"mil""#,
            "originalAmount",
        ),
        (
            r#""balanceAmount":0"#,
            r#""balanceAmount":{}"#,
            "balanceAmount",
        ),
        (
            r#"{"id":"PM","descrition":"Mensal"}"#,
            "{}",
            "paymentTerm.id",
        ),
        (
            r#""netAmount":605.1"#,
            r#""netAmount":null"#,
            "receipts.netAmount",
        ),
        (
            r#""paymentDate":"2026-01-09""#,
            r#""paymentDate":"""#,
            "receipts.paymentDate",
        ),
        (
            r#""operationTypeName":"Recebimento","grossAmount":600.0"#,
            r#""grossAmount":600.0"#,
            "receipts.operationTypeName",
        ),
        (
            r#""operationTypeName":"Recebimento""#,
            r#""operationTypeName":"-""#,
            "receipts.operationTypeName",
        ),
        (
            r#""operationTypeName":"Recebimento""#,
            "\"operationTypeName\":\"\u{200b}\"",
            "receipts.operationTypeName",
        ),
    ] {
        match income_facts(row(change, into)) {
            Err(odd) => assert_eq!(odd.why, Oddity::Field(field)),
            Ok(read) => panic!("{field}: {read:?}"),
        }
    }
    assert!(income_facts(row("", "")).is_ok());
}

#[test]
fn the_enterprise_is_the_cost_centre_of_a_commercial_bill() {
    let enterprise = |change, into| income_facts(row(change, into)).unwrap().1.enterprise;
    assert_eq!(enterprise("", ""), Some(Some(EnterpriseId(42))));
    assert_eq!(
        enterprise(r#""originId":"CO""#, r#""originId":"CR""#),
        Some(None)
    );
    assert_eq!(
        enterprise(r#"[{"costCenterId":42}]"#, "[]"),
        None,
        "not told by this row"
    );
    assert_eq!(enterprise(r#""originId":"CO","#, ""), None);
    let bare = || [income_facts(row(r#"[{"costCenterId":42}]"#, "[]")).unwrap()];
    for (coverage, enterprise) in [
        (Coverage::Rows, None),
        (Coverage::AllNew, None),
        (Coverage::WholeOnce, Some(None)),
    ] {
        let header = group(bare(), [], coverage).remove(0).header.unwrap();
        assert_eq!(header.enterprise, enterprise, "{coverage:?}");
    }
}

#[test]
fn rows_are_grouped_by_bill_each_installment_once() {
    let rows = [
        income_facts(row("", "")).unwrap(),
        income_facts(row(r#""billId":10"#, r#""billId":9"#)).unwrap(),
        income_facts(row("", "")).unwrap(),
        income_facts(row(r#""installmentId":1"#, r#""installmentId":2"#)).unwrap(),
    ];
    let seen = group(rows, Vec::new(), Coverage::Rows);
    assert_eq!(
        seen.iter()
            .map(|o| (o.bill.0, o.installments.len()))
            .collect::<Vec<_>>(),
        [(9, 1), (10, 2)]
    );
    assert_eq!(seen[1].coverage, Coverage::Rows);
}

/// Answers every bill but some, and refuses each call that names one of those.
fn refusing(
    bad: &'static [i64],
    status: u16,
) -> impl Fn(usize, &Request) -> Reply + Send + Sync + 'static {
    move |_, request| {
        let Some(list) = request.query("billsIds") else {
            return refusal(404);
        };
        let bills: Vec<i64> = list.split(',').map(|id| id.parse().unwrap()).collect();
        if bills.iter().any(|bill| bad.contains(bill)) {
            return refusal(status);
        }
        let rows = bills.iter().map(|bill| {
            let rows = INCOME
                .strip_prefix(r#"{"data":["#)
                .unwrap()
                .strip_suffix("]}")
                .unwrap();
            rows.replace(r#""billId":10,"#, &format!(r#""billId":{bill},"#))
        });
        Reply::json(format!(
            r#"{{"data":[{}]}}"#,
            rows.collect::<Vec<_>>().join(",")
        ))
    }
}

fn unknown(bills: std::ops::RangeInclusive<i64>) -> Vec<BillRead> {
    bills.map(|bill| look(bill, None)).collect()
}

#[tokio::test]
async fn a_bill_that_sienge_refuses_fails_alone_and_its_group_is_read_in_a_bounded_number_of_calls()
{
    for (status, most) in [(400, 15), (422, 15), (404, 15), (500, 20)] {
        for bad in [&[1_i64][..], &[37], &[100]] {
            let stage = Stage::with(refusing(bad, status)).await;
            let seen = stage.client.observe_each(&unknown(1..=100)).await.unwrap();
            assert_eq!(seen.len(), 100);
            for BillAnswer { bill, seen, .. } in seen {
                match seen {
                    Ok(seen) if bad.contains(&bill.0) => {
                        assert_eq!((status, seen.header), (404, None), "not found");
                    }
                    Ok(seen) => assert_eq!(seen.installments.len(), 2, "{status}: {bill}"),
                    Err(error) => {
                        assert_eq!(error, SiengeError::BillRefused { bill, status });
                        assert_eq!((error.remedy(), bad), (Remedy::Never, &[bill.0][..]));
                        assert!(
                            error.to_string().contains(&format!("título {bill}")),
                            "{error}"
                        );
                    }
                }
            }
            let calls = stage.server.requests().len();
            assert!(calls <= most, "{status}: {calls} calls");
        }
    }
}

#[tokio::test]
async fn several_refused_bills_are_found_and_what_is_not_told_apart_comes_again() {
    let stage = Stage::with(refusing(&[3, 4, 90], 400)).await;
    let seen = stage.client.observe_each(&unknown(1..=100)).await.unwrap();
    let refused: Vec<i64> = seen
        .iter()
        .filter(|answer| answer.seen.is_err())
        .map(|answer| answer.bill.0)
        .collect();
    assert_eq!(refused, [3, 4, 90]);
    // So many that the calls end before all are found.
    let stage = Stage::with(refusing(&[1, 11, 21, 31, 41, 51, 61, 71, 81, 91], 400)).await;
    let seen = stage.client.observe_each(&unknown(1..=100)).await.unwrap();
    assert_eq!((seen.len(), stage.server.requests().len()), (100, 41));
    let read = seen.iter().filter(|answer| answer.seen.is_ok()).count();
    assert!(read >= 20, "{read}");
    for BillAnswer { bill, seen, .. } in seen {
        match seen {
            Ok(_) => assert_ne!(bill.0 % 10, 1),
            Err(SiengeError::BillRefused { bill, .. }) => assert_eq!(bill.0 % 10, 1),
            Err(error) => assert_eq!(
                (error.remedy(), error),
                (Remedy::RetryLater, SiengeError::NotIsolated { bill })
            ),
        }
    }
}

#[tokio::test]
async fn a_pair_is_told_apart_whichever_is_refused() {
    for (bad, states) in [
        (&[1_i64][..], [false, true]),
        (&[2], [true, false]),
        (&[1, 2], [false, false]),
    ] {
        let stage = Stage::with(refusing(bad, 400)).await;
        let seen = stage.client.observe_each(&unknown(1..=2)).await.unwrap();
        assert_eq!(
            seen.iter()
                .map(|answer| answer.seen.is_ok())
                .collect::<Vec<_>>(),
            states
        );
    }
}

#[tokio::test]
async fn a_sienge_that_is_down_or_finds_nothing_is_not_asked_for_every_bill() {
    let stage = Stage::with(|_, _| refusal(500)).await;
    let error = stage
        .client
        .observe_each(&unknown(1..=100))
        .await
        .unwrap_err();
    assert!(
        matches!(error, SiengeError::Server { status: 500, .. }),
        "{error}"
    );
    let calls = stage.server.requests().len();
    assert!(calls <= 11, "{calls}");
    let stage = Stage::with(|_, _| refusal(404)).await;
    let seen = stage.client.observe_each(&unknown(1..=100)).await.unwrap();
    assert!(
        seen.iter()
            .all(|answer| answer.seen.as_ref().is_ok_and(|seen| seen.header.is_none()))
    );
    assert_eq!(stage.server.requests().len(), 3);
    // Whatever is asked for, it is refused who asks.
    for status in [401, 403, 503] {
        let stage = Stage::with(move |_, _| refusal(status)).await;
        assert!(
            stage.client.observe_each(&unknown(1..=100)).await.is_err(),
            "{status}"
        );
        assert!(stage.server.requests().len() <= 5, "{status}");
    }
}

#[tokio::test]
async fn what_was_read_apart_is_kept_when_the_quota_ends() {
    let one_refused = refusing(&[1], 400);
    let stage = Stage::with(move |number, request| match number {
        0..3 => one_refused(number, request),
        _ => refusal(401),
    })
    .await;
    let seen = stage.client.observe_each(&unknown(1..=100)).await.unwrap();
    let read = seen.iter().filter(|answer| answer.seen.is_ok()).count();
    assert_eq!(read, 50, "the half without the refused one");
    assert!(
        seen.iter()
            .all(|answer| !matches!(answer.seen, Err(SiengeError::BillRefused { .. })))
    );
}

#[tokio::test]
async fn a_bill_that_rest_refuses_is_asked_for_in_bulk_apart_from_the_others() {
    let stage = Stage::with(|number, request| match request.path() {
        "/bulk-data/v1/income/by-bills" => refusing(&[20], 400)(number, request),
        path if path.contains("/20") => refusal(400),
        _ => world(request),
    })
    .await;
    let seen = stage
        .client
        .observe_each(&[look(10, Some(3)), look(20, Some(3))])
        .await
        .unwrap();
    assert!(seen[0].seen.is_ok(), "{seen:?}");
    let refused = SiengeError::BillRefused {
        bill: BillId(20),
        status: 400,
    };
    assert_eq!(seen[1].seen, Err(refused));
    let in_bulk: Vec<_> = stage
        .server
        .requests()
        .iter()
        .filter_map(|request| request.query("billsIds"))
        .collect();
    assert_eq!(in_bulk, ["20"]);
}

/// Answers every bill, in bulk and by REST, but never about one of them.
fn hanging(bad: i64) -> impl Fn(usize, &Request) -> Reply + Send + Sync + 'static {
    let refuse = refusing(&[], 400);
    move |number, request| {
        let in_bulk = request
            .query("billsIds")
            .is_some_and(|list| list.split(',').any(|id| id == bad.to_string()));
        let by_rest = request.path().contains(&format!("/{bad}"));
        let reply = if request.path().starts_with("/bulk") {
            refuse(number, request)
        } else {
            world(request)
        };
        reply.after(if in_bulk || by_rest {
            Duration::from_secs(30)
        } else {
            Duration::ZERO
        })
    }
}

fn failed(seen: &[BillAnswer]) -> Vec<(i64, &SiengeError)> {
    let failed = seen
        .iter()
        .filter_map(|answer| Some((answer.bill.0, answer.seen.as_ref().err()?)));
    failed.collect()
}

#[tokio::test]
async fn a_bill_without_an_answer_in_time_fails_alone_whichever_source_is_asked() {
    let late = SiengeError::Timeout {
        resource: "bulk-data/income",
    };
    let stage = Stage::impatient(2, hanging(37)).await;
    let seen = stage.client.observe_each(&unknown(1..=100)).await.unwrap();
    assert_eq!((seen.len(), failed(&seen)), (100, vec![(37, &late)]));
    let calls = stage.server.requests().len();
    assert!(calls <= 15, "{calls}");
    let stage = Stage::impatient(2, hanging(20)).await;
    let seen = stage
        .client
        .observe_each(&[look(10, Some(3)), look(20, Some(3))])
        .await
        .unwrap();
    assert_eq!((seen.len(), failed(&seen)), (2, vec![(20, &late)]));
}

#[tokio::test]
async fn what_was_read_before_the_time_was_over_is_kept() {
    for reads in [vec![look(10, Some(3)), look(20, Some(3))], unknown(10..=20)] {
        let mut stage = Stage::impatient(9, hanging(20)).await;
        stage.client = stage
            .client
            .with_deadline(tokio::time::Instant::now() + Duration::from_millis(900));
        let seen = stage.client.observe_each(&reads).await.unwrap();
        assert_eq!(seen.len(), reads.len());
        let failed = failed(&seen);
        assert!(
            failed.len() < reads.len() && failed.iter().any(|(bill, _)| *bill == 20),
            "{failed:?}"
        );
        assert!(seen[0].seen.is_ok(), "{failed:?}");
    }
}

#[tokio::test]
async fn a_sienge_that_answers_nothing_in_time_is_not_asked_for_every_bill() {
    let stage =
        Stage::impatient(1, |_, _| Reply::json(INCOME).after(Duration::from_secs(30))).await;
    let error = stage
        .client
        .observe_each(&unknown(1..=100))
        .await
        .unwrap_err();
    assert!(matches!(error, SiengeError::Timeout { .. }), "{error}");
    assert!(stage.server.requests().len() <= 7);
}

#[tokio::test]
async fn a_group_whose_answer_is_too_much_to_hold_is_read_in_halves() {
    let rows_for_each = |rows: usize| {
        move |_, request: &Request| {
            let list = request.query("billsIds").unwrap();
            let rows: Vec<String> = list
                .split(',')
                .flat_map(|bill| {
                    (0..rows).map(move |id| format!(r#"{{"billId":{bill},"installmentId":{id}}}"#))
                })
                .collect();
            Reply::json(format!(r#"{{"data":[{}]}}"#, rows.join(",")))
        }
    };
    let stage = Stage::with(rows_for_each(1_100)).await;
    let seen = stage.client.observe_each(&unknown(1..=100)).await.unwrap();
    assert!(seen.len() == 100 && seen.iter().all(|answer| answer.seen.is_ok()));
    assert_eq!(stage.server.requests().len(), 3);
    // However few are asked for: it is Sienge that is not well.
    let too_many = SiengeError::TooMany {
        resource: "bulk-data/income",
        limit: 100_000,
    };
    let rows = vec![r#"{"billId":1}"#; 100_001].join(",");
    let body = format!(r#"{{"data":[{rows}]}}"#);
    let stage = Stage::with(move |_, _| Reply::json(body.clone())).await;
    let error = stage.client.observe_each(&unknown(1..=16)).await;
    assert_eq!(error.unwrap_err(), too_many);
    assert_eq!(stage.server.requests().len(), 7);
    let one = stage.client.observe_each(&unknown(1..=1)).await.unwrap();
    assert_eq!((one.len(), &one[0].seen), (1, &Err(too_many)));
}
