//! One tenant's trouble (a Sienge that does not answer, a quota used up, settings or a secret that are not there) is not the others'.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use aws_sdk_dynamodb::types::AttributeValue;
use harness::Rig;
use harness::agreements::{monthly, wanted};
use harness::database::tenant;
use harness::fakes::BusMood;
use harness::rig::{PLENTY, Told, delivery};
use harness::tenants::silent_sienge;
use ponte::agreement::{AgreementKind, StateName};
use ponte::ids::{AgreementId, BillId, CreditorId, InstallmentId, TenantId};
use ponte::settings::Package;
use ponte::sienge::{Lane, Priority, Quota, QuotaRefusal};
use ponte::store::{SharedQuota, WebhookState, keys};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

/// What is not delayed is done after so long, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(6);
/// An invocation's time; a Sienge that does not answer uses it up, but for a quarter.
const SHORT: Duration = Duration::from_secs(12);
const BACK_OFF: Duration = Duration::from_secs(9);
const LANES: [Lane; 2] = [Lane::Rest, Lane::Bulk];

/// The one in trouble. It comes before the tenant of all tests wherever one is served after the other.
pub fn neighbour() -> TenantId {
    TenantId::parse("616").unwrap()
}

async fn rig() -> Rig {
    let rig = Rig::filled().await;
    rig.bus.take();
    rig
}

/// Sienge as the simulator plays it for the neighbour, too.
pub fn good_sienge(rig: &Rig) -> String {
    rig.sienge.api("vizinha")
}

/// A payment that both tenants are told of: the neighbour first.
async fn told_both(rig: &Rig) -> (BillId, InstallmentId, Told) {
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let told = rig
        .change("receive", json!({"billId": bill, "installmentId": open[0]}))
        .remove(0);
    assert_eq!(rig.tell_tenant(&neighbour(), &told).await.status(), 200);
    assert_eq!(rig.tell(&told).await.status(), 200);
    (
        BillId(i64::from(bill)),
        InstallmentId(i64::from(open[0])),
        told,
    )
}

/// The queue delivers all it has to `apply`: answers the places of what failed. The payment must be in the portfolio while the
/// invocation still runs.
async fn apply_and_see_paid(
    rig: &Rig,
    time: Duration,
    bill: BillId,
    installment: InstallmentId,
) -> Vec<String> {
    let (adapters, batch) = (rig.adapters_of("apply"), delivery(&rig.inbox.take()));
    let is_paid = async || {
        let held = rig.adapters.store.load_bill(&tenant(), bill).await.unwrap();
        held.installments()
            .any(|row| row.id == installment && !row.is_open())
    };
    assert!(!is_paid().await);
    let answer: SqsBatchResponse = meanwhile(
        apply::handle(&adapters, batch, Instant::now() + time),
        is_paid,
    )
    .await;
    answer
        .batch_item_failures
        .into_iter()
        .map(|failure| failure.item_identifier)
        .collect()
}

/// The answer of an invocation that waits for somebody, during which something must come about.
async fn meanwhile<T>(
    invocation: impl Future<Output = T>,
    came_about: impl AsyncFn() -> bool,
) -> T {
    let mut invocation = pin!(invocation);
    let seen = timeout(PATIENCE, async {
        while !came_about().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    tokio::select! {
        seen = seen => assert!(seen.is_ok(), "nothing came about in {PATIENCE:?}"),
        _ = &mut invocation => panic!("it did not wait"),
    }
    invocation.await
}

fn quota_of(rig: &Rig, subdomain: &str, package: Package) -> SharedQuota {
    SharedQuota::new(
        rig.adapters.store.clone(),
        subdomain,
        package,
        std::sync::Arc::new(rig.adapters.clock),
    )
}

#[tokio::test]
async fn a_sienge_that_does_not_answer_fails_only_its_own_tenants_messages() {
    let rig = rig().await;
    rig.add_tenant(&neighbour(), &silent_sienge().await, Package::Ultimate)
        .await;
    let (bill, installment, told) = told_both(&rig).await;
    rig.fresh_minute().await;
    let failed = apply_and_see_paid(&rig, SHORT, bill, installment).await;
    assert_eq!(failed, ["0"], "the neighbour's, and no other");
    assert_eq!(
        rig.stored(&told.id).await.unwrap().state,
        WebhookState::Done
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_back_off_keeps_only_its_own_subdomain_waiting() {
    let rig = rig().await;
    rig.add_tenant(&neighbour(), &good_sienge(&rig), Package::Ultimate)
        .await;
    let (bill, installment, _) = told_both(&rig).await;
    rig.fresh_minute().await;
    let quota = quota_of(&rig, "vizinha", Package::Ultimate);
    for lane in LANES {
        quota.back_off(lane, BACK_OFF).await;
    }
    let failed = apply_and_see_paid(&rig, PLENTY, bill, installment).await;
    assert!(failed.is_empty(), "the neighbour's waited: {failed:?}");
    let theirs = rig
        .adapters
        .store
        .load_bill(&neighbour(), bill)
        .await
        .unwrap();
    assert!(theirs.has_contracts());
}

#[tokio::test]
async fn a_day_that_is_used_up_stops_only_its_own_subdomain() {
    let rig = rig().await;
    rig.settings(|settings| settings.package = Package::Free)
        .await;
    rig.add_tenant(&neighbour(), &good_sienge(&rig), Package::Free)
        .await;
    let (_, _, told) = told_both(&rig).await;
    rig.fresh_minute().await;
    let quota = quota_of(&rig, "vizinha", Package::Free);
    for lane in LANES {
        // People have half of the day, and the others what these left.
        for priority in [Priority::Interactive, Priority::Batch] {
            let refusal = loop {
                if let Err(refusal) = quota.acquire(lane, priority).await {
                    break refusal;
                }
            };
            assert_eq!(refusal, QuotaRefusal::DayIsOver);
        }
    }
    let batch = delivery(&rig.inbox.take());
    let answer = apply::handle(&rig.adapters_of("apply"), batch, Instant::now() + PLENTY).await;
    let failed = answer
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str());
    assert_eq!(
        failed.collect::<Vec<_>>(),
        ["0"],
        "the neighbour's, and no other"
    );
    assert_eq!(
        rig.stored(&told.id).await.unwrap().state,
        WebhookState::Done
    );
    rig.assert_equal().await;
}

/// An agreement of a tenant that lapses unpaid in a month.
pub async fn agree(rig: &Rig, tenant: &TenantId) {
    let (bill, ids) = rig.to_agree_on(0, 1);
    let session = ponte::flow::Session::open(
        &rig.adapters_of("payments"),
        tenant,
        false,
        Instant::now() + PLENTY,
    )
    .await;
    let new = wanted(
        "a1",
        AgreementKind::NonIntegrated,
        &rig.owed(bill, &ids),
        monthly(1),
    );
    session.unwrap().save_agreement(new).await.unwrap();
}

pub async fn state(rig: &Rig, tenant: &TenantId) -> StateName {
    let id = AgreementId::parse("a1").unwrap();
    rig.adapters
        .store
        .agreement(tenant, &id)
        .await
        .unwrap()
        .unwrap()
        .state
        .name()
}

/// A tenant that holds what company 1 has, and an agreement.
async fn add_with_agreement(rig: &Rig, tenant: &TenantId) {
    rig.add_tenant(tenant, &good_sienge(rig), Package::Ultimate)
        .await;
    let summary = rig
        .reconcile(json!({"tenant": tenant.as_str(), "creditor": 1}))
        .await
        .unwrap();
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    agree(rig, tenant).await;
}

/// Thirty seconds: an agreement is begun only with twenty left, beside what a session reserves.
#[tokio::test]
async fn a_sienge_that_does_not_answer_keeps_no_other_tenants_agreement_from_being_seen_to() {
    let rig = rig().await;
    agree(&rig, &tenant()).await;
    add_with_agreement(&rig, &neighbour()).await;
    rig.add_tenant(&neighbour(), &silent_sienge().await, Package::Ultimate)
        .await;
    rig.pass(Duration::from_hours(24 * 36));
    rig.payments_within(json!({}), Duration::from_secs(40))
        .await
        .unwrap();
    assert_eq!(
        state(&rig, &tenant()).await,
        StateName::Broken,
        "its term passed unpaid"
    );
    assert_eq!(
        state(&rig, &neighbour()).await,
        StateName::Active,
        "Sienge could not be asked"
    );
    let due = rig
        .adapters
        .store
        .due_agreements(&neighbour(), (rig.adapters.clock)(), 10)
        .await
        .unwrap();
    assert!(due.is_empty(), "the neighbour's is put off: {due:?}");
}

/// Writes over settings what can't be read.
async fn damage(rig: &Rig, keys::ItemKey { pk, sk }: keys::ItemKey) {
    let text = AttributeValue::S;
    let put = rig.database.raw().put_item().table_name("control");
    let put = put.item("pk", text(pk)).item("sk", text(sk));
    put.item("settings", text("estragado".to_owned()))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn the_sweep_puts_right_what_is_stuck_of_one_tenant_whatever_is_wrong_with_the_others() {
    let rig = rig().await;
    let [unreadable, secretless, neighbour] =
        ["614", "615", "616"].map(|id| TenantId::parse(id).unwrap());
    for each in [&unreadable, &neighbour] {
        rig.add_tenant(each, &good_sienge(&rig), Package::Ultimate)
            .await;
    }
    add_with_agreement(&rig, &secretless).await;
    agree(&rig, &tenant()).await;
    let (unknown, open) = rig.contracts(&[3], 1).remove(0);
    let unmatched = rig
        .change(
            "receive",
            json!({"billId": unknown, "installmentId": open[0]}),
        )
        .remove(0);
    rig.tell(&unmatched).await;
    rig.apply().await;
    assert_eq!(
        rig.stored(&unmatched.id).await.unwrap().state,
        WebhookState::Unmatched
    );
    rig.pass(Duration::from_hours(24 * 36));
    // Events that the bus did not take, webhooks whose messages were lost.
    rig.bus.be(BusMood::Fails);
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.happen("receive", json!({"billId": bill, "installmentId": open[0]}))
        .await;
    rig.apply().await;
    rig.bus.be(BusMood::Takes);
    let told = rig
        .change("receive", json!({"billId": bill, "installmentId": open[1]}))
        .remove(0);
    for each in [&unreadable, &secretless, &neighbour, &tenant()] {
        assert_eq!(rig.tell_tenant(each, &told).await.status(), 200);
    }
    rig.inbox.take();
    // And what is wrong with the others.
    damage(&rig, keys::tenant_settings(&unreadable)).await;
    rig.secrets.delete(&secretless);
    damage(&rig, keys::creditor(&neighbour, CreditorId(2))).await;
    rig.pass(Duration::from_mins(5));

    rig.payments(json!({})).await.unwrap();
    let queued: BTreeSet<String> = rig
        .inbox
        .take()
        .into_iter()
        .map(|queued| tenant_in(&queued.body))
        .collect();
    assert_eq!(
        queued,
        BTreeSet::from(["614", "615", "616", "617"].map(str::to_owned))
    );
    let published = rig.bus.take();
    let of_payment = |event: &&ponte::aws::BusEvent| {
        event.detail["tenant"] == "617" && event.detail_type.starts_with("payment.")
    };
    assert!(published.iter().find(of_payment).is_some(), "{published:?}");
    assert!(
        rig.stored(&unmatched.id).await.is_none(),
        "it is past its days"
    );
    assert_eq!(
        state(&rig, &tenant()).await,
        StateName::Broken,
        "its term passed unpaid"
    );
    assert_eq!(state(&rig, &secretless).await, StateName::Active);
}

/// The tenant that an inbox message names.
pub fn tenant_in(message: &str) -> String {
    let message: Value = serde_json::from_str(message).unwrap();
    message["tenant"].as_str().unwrap().to_owned()
}
