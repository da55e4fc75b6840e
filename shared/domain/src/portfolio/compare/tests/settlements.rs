//! What settlement types mean: payments, write-offs, bookkeeping, and names nobody knows.

use jiff::civil::date;

use super::support::*;
use crate::money::Cents;
use crate::portfolio::*;

fn cents(reais: i64) -> Cents {
    Cents::new(reais * 100)
}

/// The types and the actions of what the bus hears, without the contract's own.
fn published(outcome: &Outcome) -> Vec<String> {
    let told = outcome
        .events
        .iter()
        .filter_map(TimelineEvent::domain_event);
    let told = told.filter(|(name, _)| !name.starts_with("contract."));
    told.map(|(name, detail)| {
        format!("{name} {}", detail["action"].as_str().unwrap_or_default())
            .trim()
            .to_owned()
    })
    .collect()
}

/// A bill of two, the first of them settled by one receipt of a type.
fn settled_by(kind: &str) -> (Sienge, Ours, Outcome) {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, kind, cents(1000), Cents::ZERO);
    let outcome = ours.take(&sienge.shows(&[1]), Scope::Webhook);
    (sienge, ours, outcome)
}

#[test]
fn every_type_is_told_with_its_name_and_only_what_brings_value_is_published_as_a_payment() {
    let pays = [
        "Abatimento de Adiantamento",
        "Adiantamento",
        "Outros",
        "Outros com Resíduo",
        "Por Bens",
        "Recebimento",
    ];
    let writes_off = [
        "Bonificação",
        "Cancelamento",
        "Promoção",
        "Sorteio",
        "Substituição",
    ];
    let cases = pays.map(|kind| (kind, ReturnReason::Receipt, "payment.applied"));
    let others = writes_off.map(|kind| {
        (
            kind,
            ReturnReason::WrittenOff,
            "installment.changed writtenOff",
        )
    });
    let unknown = [(
        "Dação em pagamento",
        ReturnReason::Receipt,
        "installment.changed settlementNotClassified",
    )];
    for (kind, reason, told) in cases.into_iter().chain(others).chain(unknown) {
        let (_, ours, outcome) = settled_by(kind);
        assert_eq!(
            payments(&outcome),
            [(kind.to_owned(), cents(1000), cents(1000), Cents::ZERO, true)]
        );
        assert_eq!(ours.installment(1).state, closed(reason), "{kind}");
        assert_eq!(published(&outcome), [told], "{kind}");
        let detail = outcome.events[0].domain_event().unwrap().1;
        assert_eq!(detail["settlement"], kind);
        assert_eq!(
            detail.get("paid").is_some(),
            reason == ReturnReason::Receipt && told == "payment.applied",
            "{kind}"
        );
    }
}

#[test]
fn bookkeeping_is_no_payment_and_closes_with_its_own_motive() {
    for (kind, reason) in [
        ("Repactuação", ReturnReason::Renegotiation),
        (
            "REPACTUAC\u{327}A\u{303}O - Título 12",
            ReturnReason::Renegotiation,
        ),
        ("Reparcelamento - Título 12/3", ReturnReason::Renegotiation),
        ("Distrato contratual", ReturnReason::CreditorRequest),
    ] {
        let mut sienge = Sienge::with(1);
        let mut ours = Ours::of(&sienge);
        sienge.receive(1, "Recebimento", cents(100), cents(900));
        ours.sync(&sienge);
        sienge.receive(1, kind, cents(900), Cents::ZERO);
        let outcome = ours.sync(&sienge);
        assert_eq!(payments(&outcome), [], "{kind}");
        assert_eq!(ours.installment(1).state, closed(reason), "{kind}");
        assert_eq!(published(&outcome), ["installment.returned"], "{kind}");
    }
}

#[test]
fn a_repactuation_in_part_is_a_change_and_amortises_nothing_of_a_payment() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Repactuação", cents(90), cents(910));
    let outcome = ours.take(&sienge.shows(&[1]), Scope::Webhook);
    assert_eq!(
        (actions(&outcome), payments(&outcome)),
        (vec!["1 Updated".to_owned()], vec![])
    );
    let mut ours = Ours::of(&Sienge::with(1));
    sienge.receive(1, "Recebimento", cents(200), cents(710));
    let outcome = ours.sync(&sienge);
    assert_eq!(
        payments(&outcome),
        [(
            "Recebimento".into(),
            cents(200),
            cents(200),
            cents(710),
            false
        )]
    );
    sienge.receive(1, "Recebimento", cents(710), Cents::ZERO);
    ours.sync(&sienge);
    assert_eq!(ours.installment(1).state, closed(ReturnReason::Receipt));
}

#[test]
fn what_closed_an_installment_is_the_same_seen_at_once_or_one_after_the_other() {
    let receipts = [
        ("Recebimento", 300, date(2021, 11, 10)),
        ("Bonificação", 600, date(2021, 11, 12)),
        ("Repactuação", 100, date(2021, 11, 11)),
    ];
    let mut at_once = Sienge::with(1);
    let mut step_by_step = Sienge::with(1);
    let (mut once, mut often) = (Ours::of(&at_once), Ours::of(&step_by_step));
    let mut left = 1000;
    for (kind, amount, on) in receipts {
        left -= amount;
        at_once.receive_on(1, kind, cents(amount), cents(left), on);
        step_by_step.receive_on(1, kind, cents(amount), cents(left), on);
        often.sync(&step_by_step);
    }
    once.sync(&at_once);
    assert_eq!(once.installment(1).state, closed(ReturnReason::WrittenOff));
    // The last look of three showed nothing but a Repactuação.
    assert_eq!(often.installment(1).receipts, once.installment(1).receipts);
    assert_eq!(often.installment(1).state, once.installment(1).state);
}

#[test]
fn a_write_off_taken_back_opens_the_installment_and_is_no_reversed_payment() {
    let (mut sienge, mut ours, _) = settled_by("Bonificação");
    ours.settings.creditor.reopen_returned_installments = false;
    sienge.receive(1, "Estorno de Bonificação", cents(-1000), cents(1000));
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["1 Reopened"]);
    assert_eq!(
        reversals(&outcome),
        [("Bonificação".into(), cents(1000), cents(1000))]
    );
    assert!(published(&outcome).contains(&"installment.changed writeOffReversed".to_owned()));
    assert!(
        !published(&outcome)
            .iter()
            .any(|told| told.starts_with("payment."))
    );
}

#[test]
fn an_estorno_takes_back_what_it_names_and_nothing_else() {
    for (reversal, other, taken) in [
        ("Estorno de Repactuação", "Repactuação", false),
        (
            "Estorno de Reparcelamento - Título 7",
            "Reparcelamento",
            false,
        ),
        ("ESTORNO DE BONIFICAÇÃO", "Bonificação", false),
        ("Estorno de Recebimento", "Bonificação", true),
    ] {
        let mut sienge = Sienge::with(1);
        let mut ours = Ours::of(&sienge);
        // All of one amount, the payment first.
        sienge.receive_on(1, "Recebimento", cents(400), cents(600), date(2021, 11, 10));
        ours.sync(&sienge);
        sienge.receive_on(1, other, cents(400), cents(200), date(2021, 11, 11));
        ours.sync(&sienge);
        sienge.receive_on(1, reversal, cents(400), cents(600), date(2021, 11, 12));
        let outcome = ours.sync(&sienge);
        let payment_back = reversals(&outcome)
            .iter()
            .any(|(kind, ..)| kind == "Recebimento");
        assert_eq!(payment_back, taken, "{reversal}");
    }
}

#[test]
fn a_remark_behind_an_estorno_leaves_the_payment_of_the_same_amount_alone() {
    for reversal in [
        "Estorno de Bonificação - Título 7",
        "ESTORNO DE BONIFICAÇÃO (parcela 1/2)",
    ] {
        let mut sienge = Sienge::with(1);
        let mut ours = Ours::of(&sienge);
        // The payment comes last: it is what an Estorno that names nothing takes back.
        sienge.receive_on(1, "Bonificação", cents(400), cents(600), date(2021, 11, 10));
        sienge.receive_on(1, "Recebimento", cents(400), cents(200), date(2021, 11, 11));
        ours.sync(&sienge);
        sienge.receive_on(1, reversal, cents(-400), cents(600), date(2021, 11, 12));
        let outcome = ours.sync(&sienge);
        assert_eq!(
            reversals(&outcome),
            [("Bonificação".into(), cents(400), cents(600))],
            "{reversal}"
        );
    }
}

#[test]
fn a_payment_after_a_write_off_was_taken_back_unseen_shows_as_paid() {
    let (mut sienge, mut ours, _) = settled_by("Cancelamento");
    sienge.row(1).receipts.clear();
    sienge.receive(1, "Recebimento", cents(1000), Cents::ZERO);
    let outcome = ours.sync(&sienge);
    assert_eq!(ours.installment(1).state, closed(ReturnReason::Receipt));
    assert_eq!(payments(&outcome).len(), 1);
}

#[test]
fn an_unknown_type_is_criticised_until_the_settings_say_what_it_means() {
    let (sienge, mut ours, outcome) = settled_by("Dação em pagamento");
    let [critique] = &outcome.critiques[..] else {
        panic!("{:?}", outcome.critiques)
    };
    let text = critique.text();
    assert!(
        text.contains("\"Dação em pagamento\"") && text.contains("settlementClasses"),
        "{text}"
    );
    assert_eq!(
        ours.sync(&sienge).critiques.len(),
        1,
        "and again, until somebody sees to it"
    );
    for (class, reason) in [
        ("pays", ReturnReason::Receipt),
        ("writesOff", ReturnReason::WrittenOff),
    ] {
        let classes = format!(r#"{{"DACAO EM PAGAMENTO": "{class}"}}"#);
        ours.settings.tenant.settlement_classes = serde_json::from_str(&classes).unwrap();
        let outcome = ours.sync(&sienge);
        assert_eq!((outcome.critiques, outcome.events), (vec![], vec![]));
        assert_eq!(ours.installment(1).state, closed(reason));
    }
}

#[test]
fn a_critique_of_a_type_keeps_no_read_from_being_known() {
    let (sienge, ours, _) = settled_by("Dação em pagamento");
    let seen = sienge.says(Coverage::WholeOnce);
    assert!(
        ours.compare(&seen, Scope::Webhook)
            .says_all(&ours.held, &seen)
    );
}

#[test]
fn other_spellings_of_a_receipt_are_no_other_receipt() {
    let (mut sienge, mut ours, _) = settled_by("Dação em pagamento");
    let before = ours.installment(1).fingerprint();
    sienge.row(1).receipts[0].kind = "DAC\u{327}A\u{303}O  EM\u{a0}PAGAMENTO".into();
    let outcome = ours.sync(&sienge);
    assert_eq!((outcome.changes, outcome.events), (vec![], vec![]));
    assert_eq!(sienge.row(1).fingerprint(), before);
}
