//! What the settings leave out of the portfolio.

use std::collections::BTreeSet;

use harness::Rig;
use ponte::calendar::business_date;
use ponte::text::CodeList;
use serde_json::json;
use sienge_simulator::world::{Bill, Installment};

#[tokio::test]
async fn ignored_companies_conditions_and_documents_do_not_come_in() {
    let rig = Rig::start().await;
    let (condition, document) = rig.sienge.with_world(|world| {
        let others = world.bills.values().filter(|bill| bill.company != 3);
        let condition = others
            .flat_map(|bill| &bill.installments)
            .find(|row| row.open() && row.condition != "PM")
            .unwrap()
            .condition;
        let loose = world
            .bills
            .values()
            .find(|bill| bill.company != 3 && bill.contract.is_none())
            .unwrap();
        (condition, loose.document.to_string())
    });
    rig.settings(|settings| {
        settings.ignore_companies = CodeList::from("3".to_owned());
        settings.ignore_condition_types =
            CodeList::from(format!(" {};XX", condition.to_lowercase()));
        settings.ignore_document_types = CodeList::from(document.clone());
    })
    .await;
    rig.run_all("reconcile").await;
    let wanted = |bill: &Bill, row: &Installment| {
        bill.company != 3 && row.condition != condition && bill.document != document
    };
    let differences = rig.compare_wanted(wanted).await;
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(
        !rig.compare_with_sienge().await.is_empty(),
        "the lists leave something out"
    );
    // Nor through a webhook.
    let (bill, open) = rig.contracts(&[3], 1).remove(0);
    rig.happen(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "value": "1.00"}),
    )
    .await;
    rig.apply().await;
    assert!(rig.compare_wanted(wanted).await.is_empty());
}

#[tokio::test]
async fn an_enterprise_that_is_not_registered_is_a_critique_and_comes_in_once_it_is() {
    let rig = Rig::of_one_creditor().await;
    let enterprises: BTreeSet<u32> = rig.sienge.with_world(|world| {
        let ours = world
            .bills
            .values()
            .filter(|bill| bill.company == 1 && bill.installments.iter().any(Installment::open));
        ours.filter_map(Bill::enterprise).collect()
    });
    let missing = *enterprises.first().unwrap();
    let others = || {
        enterprises
            .iter()
            .filter(|id| **id != missing)
            .map(|id| ponte::ids::EnterpriseId(i64::from(*id)))
    };
    rig.creditor(1, |settings| {
        settings.import_enterprises_automatically = false;
        settings.enterprises = others().collect();
    })
    .await;
    let summary = rig.run_all("reconcile").await.remove(0);
    let critique = format!("Filial não cadastrada: empreendimento {missing}");
    let critiques = summary["contagens"]["critiques"].to_string();
    assert!(critiques.contains(&critique), "{summary}");
    assert!(
        rig.compare_wanted(|bill, _| bill.enterprise() != Some(missing))
            .await
            .is_empty()
    );
    let day = business_date(harness::rig::clock());
    let noted = rig
        .adapters
        .store
        .journal_of_day(&harness::database::tenant(), day, "critique", 100)
        .await
        .unwrap();
    assert!(
        noted.iter().any(|entry| entry.summary.contains(&critique)),
        "{noted:?}"
    );

    rig.creditor(1, |_| {}).await;
    rig.run_all("reconcile").await;
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_inactive_creditor_is_treated_as_not_registered() {
    let rig = Rig::of_one_creditor().await;
    rig.creditor(1, |settings| settings.active = false).await;
    let answer = rig.import(json!({"tenant": "617", "creditor": 1})).await;
    let why = harness::refused(answer);
    assert!(why.contains("credor 1 não cadastrado"), "{why}");
}
