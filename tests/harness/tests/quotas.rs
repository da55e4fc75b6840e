//! With Sienge's quotas in force: none is overrun, and a 429 is waited out.

use futures::TryStreamExt;
use futures::future::{join_all, try_join};
use harness::database::tenant;
use harness::rig::PLENTY;
use harness::{Rig, World};
use ponte::flow::{Adapters, Session};
use ponte::ids::{BillId, CreditorId};
use ponte::sienge::{SiengeError, Timeouts, http_client};
use serde_json::json;
use tokio::time::Instant;

async fn rig() -> Rig {
    Rig::with(World {
        installments: 120,
        contracts: 8,
        creditors: vec![1],
        quotas: true,
        ..World::default()
    })
    .await
}

/// What eight processes want of each lane: together more than a minute has.
const CALLERS: usize = 8;
const REST_CALLS: usize = 30;
const BULK_CALLS: usize = 3;

/// The adapters of a process of its own: nothing is shared but the table and Sienge.
async fn process(rig: &Rig) -> Adapters {
    Adapters {
        store: rig.database.store_of("import").await,
        http: http_client(Timeouts::default()).unwrap(),
        timeouts: Timeouts::default(),
        ..rig.adapters.clone()
    }
}

async fn call(adapters: Adapters) -> Result<(), SiengeError> {
    let session = Session::open(&adapters, &tenant(), false, Instant::now() + PLENTY)
        .await
        .unwrap();
    let rest = async {
        for _ in 0..REST_CALLS {
            session.sienge.company(CreditorId(1)).await?;
        }
        Ok(())
    };
    let bulk = async {
        for _ in 0..BULK_CALLS {
            session
                .sienge
                .income_by_bills(&[BillId(10_001)])
                .try_collect::<Vec<_>>()
                .await?;
        }
        Ok(())
    };
    let done = try_join(rest, bulk).await;
    session.close().await;
    done.map(drop)
}

/// Takes a little more than a minute: what the first one has no room for waits for the next.
#[tokio::test]
async fn eight_processes_together_stay_within_sienges_quotas_and_make_all_their_calls() {
    let rig = rig().await;
    let processes = join_all((0..CALLERS).map(|_| process(&rig))).await;
    for done in join_all(processes.into_iter().map(call)).await {
        done.unwrap();
    }
    // Sienge's own account.
    let account = rig.control("GET", "calls", json!({})).await;
    for (kind, made, most) in [
        ("rest", CALLERS * REST_CALLS, 200),
        ("bulk", CALLERS * BULK_CALLS, 20),
    ] {
        let lanes = account["subdomains"].as_array().unwrap();
        let lane = lanes.iter().find(|lane| lane["kind"] == kind).unwrap();
        assert_eq!(
            (&lane["refused"], &lane["calls"]),
            (&json!(0), &json!(made)),
            "{lane}"
        );
        assert!(lane["maxPerMinute"].as_u64().unwrap() <= most, "{lane}");
    }
}

#[tokio::test]
async fn a_refused_call_is_waited_out_and_the_run_finishes() {
    let rig = rig().await;
    // Another program uses the same subdomain: less is left than we think.
    rig.control(
        "PUT",
        "quota",
        json!({"bulk": 1, "windowMilliseconds": 1500, "retryAfter": 1}),
    )
    .await;
    rig.run_all("reconcile").await;
    rig.assert_equal().await;
    let calls = rig.control("GET", "calls", json!({})).await;
    let refused = |lane: &serde_json::Value| lane["refused"].as_u64().unwrap();
    assert!(
        calls["subdomains"]
            .as_array()
            .unwrap()
            .iter()
            .any(|lane| refused(lane) > 0),
        "{calls}"
    );
}
