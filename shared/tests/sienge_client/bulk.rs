//! Bulk answers over the wire.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use ponte::ids::BillId;
use ponte::sienge::{AsyncJob, AsyncStatus, IncomeRow, IncomeSelection, IncomeWindow, SiengeError};

use super::server::{Reply, Stage, refusal, until};

const ANSWER: &str = r#"{"data":[{"billId":1,"installmentId":1,"documentNumber":"A \"]}"},{"billId":1,"installmentId":2,"receipts":[{"netAmount":10.5}]},{"billId":2,"installmentId":1}]}"#;

fn window() -> IncomeWindow {
    IncomeWindow {
        from: jiff::civil::date(2026, 1, 1),
        to: jiff::civil::date(2026, 1, 31),
        by: IncomeSelection::Due,
        company: None,
        changed_since: None,
    }
}

async fn read(stage: &Stage) -> (usize, Option<SiengeError>) {
    let mut rows = stage.client.income(&window());
    let mut count = 0;
    while let Some(row) = rows.next().await {
        match row {
            Ok(_) => count += 1,
            Err(error) => {
                assert!(rows.next().await.is_none(), "an error is the last item");
                return (count, Some(error));
            }
        }
    }
    (count, None)
}

#[tokio::test]
async fn every_row_comes() {
    let stage = Stage::with(|_, _| Reply::json(ANSWER)).await;
    assert_eq!(read(&stage).await, (3, None));
    assert_eq!(
        stage.server.requests()[0].target,
        "/bulk-data/v1/income?startDate=2026-01-01&endDate=2026-01-31&selectionType=D"
    );
    let record = &stage.records()[0];
    assert_eq!(
        (record.method, record.response_bytes),
        ("ConsultarParcelasPeriodo", ANSWER.len() as u64)
    );
    assert!(
        record.response.starts_with("3 registro(s)"),
        "{}",
        record.response
    );
}

#[tokio::test]
async fn a_truncation_at_any_byte_is_an_error() {
    for promised in [false, true] {
        let stage = Stage::impatient(1, move |number, _| {
            let reply = Reply::json(ANSWER);
            if promised {
                reply.broken_at(number)
            } else {
                reply.cut_at(number)
            }
        })
        .await;
        for cut in 0..ANSWER.len() {
            let (rows, error) = read(&stage).await;
            let truncated = matches!(error, Some(SiengeError::Truncated { rows: told, .. }) if told == rows as u64);
            assert!(truncated, "cut at {cut}: {rows} rows, {error:?}");
        }
        assert_eq!(read(&stage).await, (3, None));
    }
}

#[tokio::test]
async fn before_the_first_row_a_failure_is_repeated() {
    let stage = Stage::with(|number, _| match number {
        0 => refusal(500),
        1 => Reply::json(ANSWER).cut_at(12),
        2 => Reply::json("<html>"),
        _ => Reply::json(ANSWER),
    })
    .await;
    assert_eq!(read(&stage).await, (3, None));
    assert_eq!(stage.granted(), 4);
    assert_eq!(stage.records().len(), 4);
}

#[tokio::test]
async fn after_the_first_row_it_is_not() {
    let stage = Stage::with(|_, _| Reply::json(ANSWER).cut_at(80)).await;
    let (rows, error) = read(&stage).await;
    assert_eq!(rows, 1);
    assert!(matches!(
        error,
        Some(SiengeError::Truncated { rows: 1, .. })
    ));
    assert_eq!(stage.server.requests().len(), 1);
}

#[tokio::test]
async fn a_stream_that_stops_is_a_timeout() {
    let stage = Stage::impatient(1, |_, _| {
        Reply::json(ANSWER).pausing(Duration::from_secs(5))
    })
    .await;
    let (_, error) = read(&stage).await;
    assert!(
        matches!(error, Some(SiengeError::Timeout { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_api_error_in_the_stream_is_not_an_end() {
    let body = r#"{"data":[{"billId":1},{"billId":2}],"api-error":{"message":"Fulana de Tal"}}"#;
    let stage = Stage::with(move |_, _| Reply::json(body)).await;
    let (rows, error) = read(&stage).await;
    assert_eq!(
        (rows, error),
        (
            2,
            Some(SiengeError::BulkFailed {
                resource: "bulk-data/income",
                rows: 2
            })
        )
    );
}

#[tokio::test]
async fn nothing_found_comes_in_several_shapes() {
    for reply in [
        Reply::json(r#"{"data":[]}"#),
        Reply::json(r#"{"data":null}"#),
        Reply::status(204, ""),
        refusal(404),
    ] {
        let stage = Stage::with(move |_, _| reply.clone()).await;
        assert_eq!(read(&stage).await, (0, None));
    }
    let stage = Stage::impatient(1, |_, _| Reply::json("")).await;
    assert!(matches!(
        read(&stage).await.1,
        Some(SiengeError::Truncated { .. })
    ));
}

#[tokio::test]
async fn an_odd_row_hides_no_other() {
    let body = r#"{"data":[{"billId":1},"Fulana de Tal",[1],{"billId":4,"receipts":"Fulana"},{"billId":5,"billId":6},{"billId":7}]}"#;
    let stage = Stage::with(move |_, _| Reply::json(body)).await;
    assert_eq!(read(&stage).await, (6, None));
}

#[tokio::test]
async fn a_row_with_too_many_elements_ends_the_stream() {
    let stage = Stage::with(|_, _| {
        let receipts = vec!["{}"; 50_001].join(",");
        Reply::json(format!(
            r#"{{"data":[{{"billId":1}},{{"billId":2,"receipts":[{receipts}]}},{{"billId":3}}]}}"#
        ))
    })
    .await;
    let too_many = SiengeError::TooMany {
        resource: "bulk-data/income",
        limit: 50_000,
    };
    assert_eq!(read(&stage).await, (1, Some(too_many)));
    assert_eq!(stage.server.requests().len(), 1);
}

#[tokio::test]
async fn many_bills_are_asked_for_in_several_calls() {
    let stage = Stage::with(|_, request| {
        let ids = request.query("billsIds").unwrap();
        let rows: Vec<String> = ids
            .split(',')
            .map(|id| format!(r#"{{"billId":{id}}}"#))
            .collect();
        Reply::json(format!(r#"{{"data":[{}]}}"#, rows.join(",")))
    })
    .await;
    let bills: Vec<BillId> = (1..=250).map(BillId).collect();
    let rows: Vec<IncomeRow> = stage
        .client
        .income_by_bills(&bills)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        rows.iter()
            .map(|row| row.bill_id.unwrap())
            .collect::<Vec<_>>(),
        (1..=250).collect::<Vec<_>>()
    );
    let requests = stage.server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.target.len() < 2_000));
}

#[tokio::test]
async fn a_failing_call_ends_the_stream_of_several() {
    let stage = Stage::impatient(1, |number, _| {
        if number == 1 {
            refusal(500)
        } else {
            Reply::json(r#"{"data":[{"billId":1}]}"#)
        }
    })
    .await;
    let bills: Vec<BillId> = (1..=300).map(BillId).collect();
    let rows: Vec<_> = stage.client.income_by_bills(&bills).collect().await;
    assert_eq!(
        rows.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(stage.server.requests().len(), 2);
}

#[tokio::test]
async fn a_stream_that_is_left_is_written_down() {
    let stage = Stage::with(|_, _| Reply::json(ANSWER)).await;
    let mut rows = stage.client.income(&window());
    rows.next().await.unwrap().unwrap();
    drop(rows);
    until(|| !stage.records().is_empty()).await;
    assert!(
        stage.records()[0]
            .error
            .as_deref()
            .unwrap()
            .contains("abandonada")
    );
}

#[tokio::test]
async fn an_asynchronous_job_is_started_followed_and_fetched() {
    let stage = Stage::with(|_, request| match request.path() {
        "/bulk-data/v1/income" => {
            assert_eq!(request.query("_async").as_deref(), Some("true"));
            Reply::json(r#"{"identifier":"oq21"}"#)
        }
        "/bulk-data/v1/async/oq21" => Reply::json(r#"{"status":"Finished","chunks":2}"#),
        "/bulk-data/v1/async/oq21/result/1" => Reply::json(ANSWER),
        "/bulk-data/v1/async/wait" => Reply::json(r#"{"status":"Processing"}"#),
        "/bulk-data/v1/async/bad" => Reply::json(r#"{"status":"Failed","error":"x"}"#),
        _ => refusal(404),
    })
    .await;
    let job = stage.client.start_income(&window(), 1024).await.unwrap();
    assert_eq!(job.identifier, "oq21");
    assert_eq!(
        stage.client.async_status(&job).await,
        Ok(AsyncStatus::Finished { chunks: 2 })
    );
    assert_eq!(
        stage
            .client
            .async_income_chunk(&job, 1)
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
            .len(),
        3
    );
    for (identifier, status) in [
        ("wait", AsyncStatus::Working),
        ("bad", AsyncStatus::Failed),
        ("gone", AsyncStatus::Failed),
    ] {
        let job = AsyncJob {
            identifier: identifier.to_owned(),
        };
        assert_eq!(stage.client.async_status(&job).await, Ok(status));
    }
    // A chunk that is gone is not an empty chunk.
    let gone = stage
        .client
        .async_income_chunk(&job, 7)
        .try_collect::<Vec<_>>()
        .await;
    assert!(matches!(gone, Err(SiengeError::NotFound { .. })));
}
