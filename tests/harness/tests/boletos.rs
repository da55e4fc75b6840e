//! Second copies of boletos: given out checked, by e-mail, with a new due date, and refused in words a person understands.

use harness::crash::{Blow, Effects, Wire};
use harness::database::tenant;
use harness::rig::{PLENTY, TOKEN, secret};
use harness::{Rig, World};
use jiff::civil::{Date, date};
use ponte::documents::Boleto;
use ponte::flow::boletos::{BoletoEmail, BoletoError, SecondCopy, email, second_copy};
use ponte::flow::{Adapters, Session};
use ponte::ids::{BillId, InstallmentId, TenantId};
use ponte::money::Cents;
use ponte::portfolio::EventKind;
use serde_json::{Value, json};
use tokio::time::Instant;

const DUE: Date = date(2026, 12, 10);
const NEW_DUE: Date = date(2026, 12, 14);
const LINK: &str = "boletos.example";

/// A contract of four installments, the first with a registered boleto over R$ 1.086,80 due on [`DUE`].
struct Scene {
    rig: Rig,
    bill: u32,
    installment: u32,
}

impl Scene {
    async fn new() -> Self {
        let rig = Rig::with(World {
            installments: 12,
            contracts: 3,
            creditors: vec![1],
            ..World::default()
        })
        .await;
        rig.creditor(1, |creditor| {
            "Construtora São João".clone_into(&mut creditor.name);
        })
        .await;
        let enterprise = rig.sienge.with_world(|world| {
            world
                .enterprises
                .values()
                .find(|each| each.company == 1)
                .unwrap()
                .id
        });
        let contract = json!({"installments": 4, "value": "1086.80", "firstDueDate": DUE.to_string(), "enterpriseId": enterprise});
        let answer = rig
            .sienge
            .operate("add", &json!({"contract": contract, "silent": true}))
            .unwrap();
        let number =
            |name: &str| u32::try_from(answer["changed"][0][name].as_u64().unwrap()).unwrap();
        let (bill, installment) = (number("billId"), number("installmentId"));
        rig.change(
            "boleto",
            json!({"billId": bill, "installmentId": installment, "silent": true}),
        );
        rig.sienge.with_world(|world| {
            let customer = world.bills[&bill].customer;
            let customer = world.customers.get_mut(&customer).unwrap();
            customer.email = Some("a@exemplo.com.br; Fulana@exemplo.com.br".to_owned());
        });
        rig.run_all("reconcile").await;
        let scene = Self {
            rig,
            bill,
            installment,
        };
        scene.forget_calls().await;
        scene
    }

    async fn session(&self, adapters: &Adapters) -> Session {
        Session::open(adapters, &tenant(), false, Instant::now() + PLENTY)
            .await
            .unwrap()
    }

    fn ids(&self) -> (BillId, InstallmentId) {
        (
            BillId(i64::from(self.bill)),
            InstallmentId(i64::from(self.installment)),
        )
    }

    async fn copy(&self, new_due_on: Option<Date>) -> Result<SecondCopy, BoletoError> {
        let (bill, installment) = self.ids();
        self.copy_of(bill, installment, new_due_on).await
    }

    async fn copy_of(
        &self,
        bill: BillId,
        installment: InstallmentId,
        new_due_on: Option<Date>,
    ) -> Result<SecondCopy, BoletoError> {
        self.rig.fresh_minute().await;
        let session = self.session(&self.rig.adapters).await;
        let copy = second_copy(&session, bill, installment, new_due_on).await;
        session.close().await;
        copy
    }

    async fn send(&self, to: &str) -> Result<(), BoletoError> {
        let session = self.session(&self.rig.adapters).await;
        let (bill, installment) = self.ids();
        let wanted = BoletoEmail {
            to: to.to_owned(),
            ..BoletoEmail::default()
        };
        let sent = email(&session, bill, installment, &wanted).await;
        session.close().await;
        sent
    }

    /// What Sienge does to the installment, which tells nobody.
    fn silently(&self, operation: &str, mut body: Value) {
        body["billId"] = json!(self.bill);
        body["installmentId"] = json!(self.installment);
        body["silent"] = json!(true);
        self.rig.change(operation, body);
    }

    async fn forget_calls(&self) {
        self.rig.control("DELETE", "calls", json!({})).await;
    }

    /// Calls that reached Sienge, of one verb or all.
    async fn calls(&self, verb: &str) -> u64 {
        let report = self.rig.control("GET", "calls", json!({})).await;
        let routes = report["routes"].as_array().unwrap().iter();
        let meant = routes.filter(|row| row["route"].as_str().unwrap().starts_with(verb));
        meant.map(|row| row["calls"].as_u64().unwrap()).sum()
    }

    async fn emails(&self) -> Vec<Value> {
        self.rig
            .control("GET", "emails", json!({}))
            .await
            .as_array()
            .unwrap()
            .clone()
    }

    async fn told(&self, kind: &EventKind) -> usize {
        self.rig
            .told_of(self.bill)
            .await
            .iter()
            .filter(|told| *told == kind)
            .count()
    }
}

#[tokio::test]
async fn the_second_copy_of_an_open_installment_is_sienges_boleto_checked() {
    let scene = Scene::new().await;
    let copy = scene.copy(None).await.unwrap();
    assert_eq!(
        (copy.amount, copy.due_on, &copy.warnings[..]),
        (Cents::new(108_680), DUE, &[][..])
    );
    assert!(copy.url.as_deref().unwrap().contains(LINK), "Sienge's link");
    assert_eq!(copy.expires_in_seconds, 300);
    let boleto = Boleto::parse(&copy.digitable_line).unwrap();
    assert_eq!(
        (boleto.barcode(), boleto.bank()),
        (copy.barcode.clone(), copy.bank.clone())
    );
    assert!(
        copy.sms_text.starts_with(
            "Construtora Sao Joao: parcela 1/4, venc. 10/12/2026, R$ 1.086,80. Boleto: 001"
        ),
        "{}",
        copy.sms_text
    );
    assert_eq!(
        (
            scene.calls("").await,
            scene.told(&EventKind::BoletoIssued).await
        ),
        (1, 1)
    );
    // Neither the link nor the line is kept anywhere.
    for table in ["portfolio", "journal", "control"] {
        for item in scene.rig.database.items(table).await {
            let item = format!("{item:?}");
            assert!(
                !item.contains(LINK)
                    && !item.contains(&copy.digitable_line)
                    && !item.contains(&copy.barcode),
                "{item}"
            );
        }
    }
}

#[tokio::test]
async fn a_boleto_that_says_something_else_than_the_installment_is_given_with_a_warning() {
    let scene = Scene::new().await;
    scene.silently("change", json!({"value": "1100.00"}));
    let copy = scene.copy(None).await.unwrap();
    assert_eq!(copy.amount, Cents::new(110_000));
    assert_eq!(copy.warnings.len(), 1);
    assert!(
        copy.warnings[0].contains("R$ 1.100,00") && copy.warnings[0].contains("R$ 1.086,80"),
        "{:?}",
        copy.warnings
    );
}

#[tokio::test]
async fn a_line_that_cannot_be_right_is_not_passed_on() {
    let scene = Scene::new().await;
    let line = "00190.00009 01234.567004 00001.234178 1 87890000108681";
    let body =
        json!({"results": [{"urlReport": "https://boletos.example/1", "digitableNumber": line}]})
            .to_string();
    scene
        .rig
        .faults(json!([{"kind": "status", "status": 200, "body": body, "route": "v1/payment-slip-notification"}]))
        .await;
    let error = scene.copy(None).await.unwrap_err();
    assert!(
        matches!(error, BoletoError::InvalidBoleto { .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.contains("não foi repassado") && !text.contains("0019") && !text.contains(LINK),
        "{text}"
    );
    assert_eq!(scene.told(&EventKind::BoletoIssued).await, 0);
}

#[tokio::test]
async fn without_a_registered_charge_there_is_nothing_to_copy_or_send() {
    let scene = Scene::new().await;
    scene.silently("boleto", json!({"status": "REMOVED"}));
    for error in [
        scene.copy(None).await.unwrap_err(),
        scene.send("a@exemplo.com.br").await.unwrap_err(),
    ] {
        assert!(
            matches!(error, BoletoError::NoRegisteredCharge { .. }),
            "{error:?}"
        );
        assert!(
            error
                .to_string()
                .contains("não tem cobrança registrada no Sienge: gere o boleto"),
            "{error}"
        );
    }
    assert!(scene.emails().await.is_empty());
}

#[tokio::test]
async fn what_is_settled_has_no_boleto_and_is_not_asked_for() {
    let scene = Scene::new().await;
    let paid = json!({"billId": scene.bill, "installmentId": scene.installment});
    scene.rig.happen("receive", paid).await;
    scene.rig.apply().await;
    scene.forget_calls().await;
    for error in [
        scene.copy(Some(NEW_DUE)).await.unwrap_err(),
        scene.send("a@exemplo.com.br").await.unwrap_err(),
    ] {
        assert!(matches!(error, BoletoError::NotOpen { .. }), "{error:?}");
        assert!(
            error
                .to_string()
                .contains("não está em aberto (Recebimento em 20/11/2026)"),
            "{error}"
        );
    }
    assert_eq!(scene.calls("").await, 0);
}

#[tokio::test]
async fn what_the_tenant_does_not_hold_is_not_found_and_not_asked_for() {
    let scene = Scene::new().await;
    let (bill, installment) = scene.ids();
    for (bill, installment, word) in [
        (BillId(1), installment, "não está na carteira"),
        (bill, InstallmentId(9_999), "não tem a parcela 9999"),
        (
            BillId(i64::MIN),
            InstallmentId(i64::MAX),
            "não está na carteira",
        ),
    ] {
        let error = scene.copy_of(bill, installment, None).await.unwrap_err();
        assert!(
            matches!(
                error,
                BoletoError::UnknownBill(_) | BoletoError::UnknownInstallment { .. }
            ) && error.to_string().contains(word),
            "{error:?}"
        );
    }
    // Another tenant of the same Sienge, and this tenant's bill.
    let other = TenantId::parse("618").unwrap();
    let settings = json!({"siengeBaseUrl": scene.rig.sienge.api("obra"), "subdomain": "obra", "package": "ultimate"});
    let store = &scene.rig.adapters.store;
    store
        .put_tenant(&other, &serde_json::from_value(settings).unwrap())
        .await
        .unwrap();
    scene.rig.secrets.store(&other, secret(&[TOKEN]));
    let session = Session::open(&scene.rig.adapters, &other, false, Instant::now() + PLENTY)
        .await
        .unwrap();
    let copied = second_copy(&session, bill, installment, None)
        .await
        .unwrap_err();
    let wanted = BoletoEmail {
        to: "a@exemplo.com.br".to_owned(),
        ..BoletoEmail::default()
    };
    let sent = email(&session, bill, installment, &wanted)
        .await
        .unwrap_err();
    for error in [copied, sent] {
        assert!(matches!(error, BoletoError::UnknownBill(_)), "{error:?}");
    }
    assert_eq!(scene.calls("").await, 0);
}

#[tokio::test]
async fn an_email_is_sent_by_sienge_once_and_a_wrong_address_never() {
    let scene = Scene::new().await;
    scene.send("fulana@exemplo.com.br").await.unwrap();
    let emails = scene.emails().await;
    assert_eq!(emails.len(), 1);
    assert_eq!(
        (&emails[0]["to"], &emails[0]["billId"]),
        (&json!("fulana@exemplo.com.br"), &json!(scene.bill))
    );
    assert_eq!(
        emails[0]["title"],
        "Segunda via do boleto - Construtora São João"
    );
    assert!(
        emails[0]["body"]
            .as_str()
            .unwrap()
            .contains("parcela 1/4 do contrato"),
        "{}",
        emails[0]
    );
    assert_eq!(scene.told(&EventKind::BoletoEmailed).await, 1);
    for item in scene.rig.database.items("journal").await {
        assert!(!format!("{item:?}").contains("fulana"), "{item:?}");
    }
    scene.forget_calls().await;
    let error = scene.send("fulana@exemplo").await.unwrap_err();
    assert!(matches!(error, BoletoError::NotAnAddress), "{error:?}");
    assert_eq!(scene.calls("").await, 0);
}

#[tokio::test]
async fn an_email_of_which_sienge_says_nothing_is_not_sent_again_by_itself() {
    let scene = Scene::new().await;
    scene
        .rig
        .faults(json!([{"kind": "status", "status": 500, "route": "v1/payment-slip-notification"}]))
        .await;
    let error = scene.send("a@exemplo.com.br").await.unwrap_err();
    assert!(matches!(error, BoletoError::EmailUnclear(_)), "{error:?}");
    assert!(
        error.to_string().contains("pode ter sido enviado"),
        "{error}"
    );
    assert_eq!(scene.calls("POST").await, 1);
}

#[tokio::test]
async fn a_blocking_creditor_keeps_the_due_date_of_the_boleto() {
    let scene = Scene::new().await;
    let error = scene.copy(Some(NEW_DUE)).await.unwrap_err();
    assert!(
        matches!(error, BoletoError::NewDueDateBlocked { .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.contains("Bloquear novo vencimento") && text.contains("10/12/2026"),
        "{text}"
    );
    assert_eq!(scene.calls("").await, 0);
    // The date that it has is no new one.
    assert_eq!(scene.copy(Some(DUE)).await.unwrap().due_on, DUE);
    assert_eq!(scene.calls("PATCH").await, 0);
    // Unless Sienge has another one since.
    scene.silently("change", json!({"dueDate": "2026-12-21"}));
    let error = scene.copy(Some(DUE)).await.unwrap_err();
    assert!(
        matches!(error, BoletoError::NewDueDateBlocked { .. })
            && error.to_string().contains("21/12/2026"),
        "{error:?}"
    );
    assert_eq!(scene.calls("PATCH").await, 0);
}

#[tokio::test]
async fn a_new_due_date_comes_with_the_boleto_once_it_is_registered() {
    let scene = Scene::new().await;
    scene
        .rig
        .creditor(1, |creditor| creditor.block_new_due_date = false)
        .await;
    let error = scene.copy(Some(NEW_DUE)).await.unwrap_err();
    assert!(
        matches!(error, BoletoError::NoRegisteredCharge { .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("já vence em 14/12/2026 no Sienge"),
        "{error}"
    );
    scene.rig.assert_equal().await;
    scene.silently("boleto", json!({}));
    let copy = scene.copy(Some(NEW_DUE)).await.unwrap();
    assert_eq!((copy.due_on, &copy.warnings[..]), (NEW_DUE, &[][..]));
    assert_eq!(scene.calls("PATCH").await, 1);
}

#[tokio::test]
async fn the_date_in_sienge_counts_where_the_creditor_keeps_ours() {
    let scene = Scene::new().await;
    let free = |creditor: &mut ponte::settings::CreditorSettings| {
        creditor.block_new_due_date = false;
        creditor.update_installments = false;
    };
    scene.rig.creditor(1, free).await;
    assert!(scene.copy(Some(NEW_DUE)).await.is_err());
    scene.silently("boleto", json!({}));
    let copy = scene.copy(Some(NEW_DUE)).await.unwrap();
    assert_eq!((copy.due_on, &copy.warnings[..]), (NEW_DUE, &[][..]));
    assert_eq!(scene.calls("PATCH").await, 1);
}

#[tokio::test]
async fn no_boleto_is_handed_to_the_former_customer_while_an_assignment_waits() {
    let scene = Scene::new().await;
    scene
        .rig
        .creditor(1, |creditor| creditor.block_new_due_date = false)
        .await;
    scene.copy(None).await.unwrap();
    // Nobody was told of it: the read before a new due date finds it, and asks for nothing.
    scene
        .rig
        .change("assign", json!({"billId": scene.bill, "silent": true}));
    let calls = scene.calls("PATCH").await;
    let refused = scene.copy(Some(NEW_DUE)).await.unwrap_err();
    assert!(
        refused.to_string().contains("Cessão de direitos"),
        "{refused}"
    );
    let before = scene.calls("").await;
    for refused in [
        scene.copy(None).await.unwrap_err(),
        scene.copy(Some(NEW_DUE)).await.unwrap_err(),
        scene.send("fulana@exemplo.com.br").await.unwrap_err(),
    ] {
        assert!(
            matches!(refused, BoletoError::AssignmentWaits(_)),
            "{refused:?}"
        );
        let told = refused.to_string();
        assert!(
            told.contains("Cessão de direitos")
                && told.contains("próximo batimento (domingo, 07:30"),
            "{told}"
        );
    }
    assert_eq!(
        (scene.calls("").await, scene.calls("PATCH").await),
        (before, calls),
        "Sienge is not asked"
    );
    assert_eq!(scene.emails().await.len(), 0);
    scene.rig.run_all("reconcile").await;
    scene.copy(None).await.unwrap();
}

#[tokio::test]
async fn a_new_due_date_is_a_business_day_from_today_on() {
    let scene = Scene::new().await;
    scene
        .rig
        .creditor(1, |creditor| creditor.block_new_due_date = false)
        .await;
    for (wrong, word) in [
        (
            date(2026, 11, 19),
            "não pode ser anterior a hoje, 20/11/2026",
        ),
        (
            date(2026, 12, 12),
            "12/12/2026 não é dia útil; o próximo é 14/12/2026",
        ),
        (date(2026, 12, 25), "o próximo é 28/12/2026"),
    ] {
        let error = scene.copy(Some(wrong)).await.unwrap_err();
        let refused = matches!(
            error,
            BoletoError::DueDatePassed { .. } | BoletoError::NotABusinessDay { .. }
        );
        assert!(refused && error.to_string().contains(word), "{error:?}");
    }
    assert_eq!(scene.calls("").await, 0);
    // Sienge has its own reasons: receipts that we have not heard of.
    scene.silently("receive", json!({"value": "0.01"}));
    let error = scene.copy(Some(NEW_DUE)).await.unwrap_err();
    assert!(
        matches!(error, BoletoError::DueDateRefused { .. })
            && error.to_string().contains("O Sienge recusou"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_sienge_that_is_down_is_said() {
    let scene = Scene::new().await;
    scene
        .rig
        .faults(json!([{"kind": "status", "status": 503}]))
        .await;
    let error = scene.copy(None).await.unwrap_err();
    assert!(matches!(error, BoletoError::Sienge(_)), "{error:?}");
    assert!(
        error
            .to_string()
            .starts_with("O Sienge não atendeu ao pedido do boleto. O Sienge falhou em payment-slip-notification (503)"),
        "{error}"
    );
    scene
        .rig
        .creditor(1, |creditor| creditor.block_new_due_date = false)
        .await;
    scene
        .rig
        .faults(json!([{"kind": "status", "status": 503, "method": "PATCH"}]))
        .await;
    let error = scene.copy(Some(NEW_DUE)).await.unwrap_err();
    assert!(matches!(error, BoletoError::DueDateUnclear(_)), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("pode ter sido gravado: repita o pedido"),
        "{error}"
    );
    let only_the_boleto =
        json!([{"kind": "status", "status": 503, "route": "v1/payment-slip-notification"}]);
    scene.rig.faults(only_the_boleto).await;
    let error = scene.copy(Some(NEW_DUE)).await.unwrap_err();
    assert!(
        matches!(error, BoletoError::ChangedAndUnread { .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("já vence em 14/12/2026 no Sienge, mas o boleto não pôde ser lido"),
        "{error}"
    );
}

#[tokio::test]
async fn killed_anywhere_and_asked_again_the_due_date_is_changed_once() {
    let scene = Scene::new().await;
    let wire = Wire::before(&scene.rig.sienge.base_url).await;
    let address = format!("{}/obra/public/api", wire.base_url);
    scene
        .rig
        .settings(|settings| settings.sienge_base_url = address)
        .await;
    scene
        .rig
        .creditor(1, |creditor| creditor.block_new_due_date = false)
        .await;
    scene.rig.fresh_minute().await;
    let saved = scene.rig.save();
    let (bill, installment) = scene.ids();
    let mut named = Vec::new();
    for blow in [Blow::DiesAfter, Blow::FailsAfter] {
        for at in 1.. {
            scene.rig.restore(&saved);
            scene.forget_calls().await;
            let effects = Effects::struck(at, blow);
            let adapters = scene.rig.watched_adapters("apply", &effects).await;
            wire.watch(Some(effects.clone()));
            let invocation = async {
                let session = Session::open(&adapters, &tenant(), false, Instant::now() + PLENTY)
                    .await
                    .ok()?;
                let copy = second_copy(&session, bill, installment, Some(NEW_DUE)).await;
                session.close().await;
                copy.ok()
            };
            effects.run(Box::pin(invocation)).await;
            wire.watch(None);
            let again = scene.copy(Some(NEW_DUE)).await.unwrap_err();
            assert!(
                matches!(again, BoletoError::NoRegisteredCharge { .. }),
                "{at} {blow:?}: {again:?}"
            );
            scene.silently("boleto", json!({}));
            let copy = scene.copy(Some(NEW_DUE)).await.unwrap();
            assert_eq!(
                (copy.due_on, &copy.warnings[..]),
                (NEW_DUE, &[][..]),
                "{at} {blow:?}"
            );
            assert_eq!(scene.calls("PATCH").await, 1, "{at} {blow:?}");
            scene.rig.assert_equal().await;
            if !effects.fell() {
                named = effects.names();
                break;
            }
        }
    }
    let patch = named
        .iter()
        .position(|name| name.starts_with("PATCH"))
        .unwrap();
    assert!(
        named[patch..].iter().any(|name| name.starts_with("GET")),
        "{named:?}"
    );
}
