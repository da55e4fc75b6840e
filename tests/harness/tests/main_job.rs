//! The main job: a first batimento fills the portfolio, webhooks keep it true, the runs repair what webhooks lost.

use harness::Rig;

#[tokio::test]
async fn the_first_import_is_a_reconciliation_and_fills_the_portfolio() {
    let rig = Rig::start().await;
    let summaries = rig.run_all("import").await;
    for summary in &summaries {
        let text = summary["resumo"].as_str().unwrap();
        assert!(text.starts_with("Primeira carga do credor, executada como batimento."), "{text}");
    }
    assert!(!rig.held().await.is_empty());
    rig.assert_equal().await;
}
