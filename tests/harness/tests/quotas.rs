//! With Sienge's quotas in force: none is overrun, and a 429 is waited out.

use harness::{Rig, World};
use serde_json::json;

async fn rig() -> Rig {
    Rig::with(World {
        installments: 120,
        contracts: 8,
        creditors: vec![1],
        quotas: true,
    })
    .await
}

#[tokio::test]
async fn the_main_job_stays_within_sienges_quotas() {
    let rig = rig().await;
    rig.run_all("reconcile").await;
    for (bill, open) in rig.contracts(&[1], 1) {
        rig.happen("receive", json!({"billId": bill, "installmentId": open[0], "value": "2.00"}))
            .await;
    }
    rig.apply().await;
    rig.assert_equal().await;
    let calls = rig.control("GET", "calls", json!({})).await;
    for lane in calls["subdomains"].as_array().unwrap() {
        let most = if lane["kind"] == "bulk" { 20 } else { 200 };
        assert_eq!(lane["refused"], 0, "{lane}");
        assert!(lane["maxPerMinute"].as_u64().unwrap() <= most, "{lane}");
    }
}

#[tokio::test]
async fn a_refused_call_is_waited_out_and_the_run_finishes() {
    let rig = rig().await;
    // Another program uses the same subdomain: less is left than we think.
    rig.control("PUT", "quota", json!({"bulk": 1, "windowMilliseconds": 1500, "retryAfter": 1}))
        .await;
    rig.run_all("reconcile").await;
    rig.assert_equal().await;
    let calls = rig.control("GET", "calls", json!({})).await;
    let refused = |lane: &serde_json::Value| lane["refused"].as_u64().unwrap();
    assert!(
        calls["subdomains"].as_array().unwrap().iter().any(|lane| refused(lane) > 0),
        "{calls}"
    );
}
