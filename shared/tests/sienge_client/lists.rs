//! Pages.

use futures::TryStreamExt;
use ponte::sienge::{Company, CustomerFilter, Remedy, SiengeError};

use super::server::{Reply, Request, Stage, refusal};

fn rows(from: usize, to: usize) -> String {
    let rows: Vec<String> = (from..to).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    format!("[{}]", rows.join(","))
}

fn number(request: &Request, name: &str) -> usize {
    request.query(name).unwrap().parse().unwrap()
}

/// A server with `total` rows that gives at most `most` at once.
fn paged(total: usize, most: usize) -> impl Fn(usize, &Request) -> Reply {
    move |_, request| {
        let offset = number(request, "offset");
        let limit = number(request, "limit").min(most);
        let end = (offset + limit).min(total);
        Reply::json(format!(
            r#"{{"resultSetMetadata":{{"count":{total},"offset":{offset},"limit":{limit}}},"results":{}}}"#,
            rows(offset.min(end), end)
        ))
    }
}

async fn ids(stage: &Stage) -> Result<Vec<i64>, SiengeError> {
    let companies: Vec<Company> = stage.client.companies().try_collect().await?;
    Ok(companies
        .into_iter()
        .map(|company| company.id.unwrap())
        .collect())
}

#[tokio::test]
async fn every_row_of_every_page_comes_once() {
    for (total, most, calls) in [
        (0, 200, 1),
        (1, 200, 1),
        (200, 200, 1),
        (201, 200, 2),
        (450, 200, 3),
        (250, 100, 3),
    ] {
        let stage = Stage::with(paged(total, most)).await;
        assert_eq!(
            ids(&stage).await.unwrap(),
            (0..i64::try_from(total).unwrap()).collect::<Vec<_>>()
        );
        assert_eq!(
            stage.server.requests().len(),
            calls,
            "{total} rows by {most}"
        );
    }
}

#[tokio::test]
async fn an_empty_list_may_be_a_404_or_a_204() {
    for reply in [refusal(404), Reply::status(404, ""), Reply::status(204, "")] {
        let stage = Stage::with(move |_, _| reply.clone()).await;
        assert_eq!(ids(&stage).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn an_empty_200_is_not_an_empty_list() {
    let stage = Stage::with(|_, _| Reply::json("")).await;
    assert!(matches!(
        ids(&stage).await,
        Err(SiengeError::Truncated { .. })
    ));
}

#[tokio::test]
async fn without_a_total_a_short_page_ends() {
    let stage = Stage::with(|_, request| {
        let offset = number(request, "offset");
        Reply::json(format!(
            r#"{{"results":{}}}"#,
            rows(offset, (offset + 200).min(230))
        ))
    })
    .await;
    assert_eq!(ids(&stage).await.unwrap().len(), 230);
}

#[tokio::test]
async fn a_bare_array_or_a_single_object_is_the_list() {
    let stage = Stage::with(|_, _| Reply::json(rows(0, 3))).await;
    assert_eq!(ids(&stage).await.unwrap(), [0, 1, 2]);
    let stage = Stage::with(|_, _| Reply::json(r#"{"id":5}"#)).await;
    assert_eq!(ids(&stage).await.unwrap(), [5]);
    let stage =
        Stage::with(|_, _| Reply::json(r#"{"resultSetMetadata":null,"results":null}"#)).await;
    assert!(ids(&stage).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_ignores_the_offset_is_noticed() {
    // With a total: the same page again and again.
    let stage = Stage::with(|_, _| {
        Reply::json(format!(
            r#"{{"resultSetMetadata":{{"count":500}},"results":{}}}"#,
            rows(0, 200)
        ))
    })
    .await;
    assert!(matches!(ids(&stage).await, Err(SiengeError::Shape { .. })));
    assert_eq!(stage.server.requests().len(), 2);
    // Without one: the whole list had come at once.
    let stage = Stage::with(|_, _| Reply::json(rows(0, 200))).await;
    assert_eq!(ids(&stage).await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_page_that_never_comes_is_not_an_end() {
    let stage = Stage::with(|number, _| match number {
        0 => Reply::json(format!(
            r#"{{"resultSetMetadata":{{"count":500}},"results":{}}}"#,
            rows(0, 200)
        )),
        _ => Reply::json(r#"{"resultSetMetadata":{"count":500},"results":[]}"#),
    })
    .await;
    assert!(matches!(
        ids(&stage).await,
        Err(SiengeError::Truncated { rows: 200, .. })
    ));
}

#[tokio::test]
async fn a_message_in_the_lists_place_is_an_error() {
    for body in [
        r#"{"status":500,"developerMessage":"x","clientMessage":"y"}"#,
        "{}",
        "7",
        r#"{"results":"nada"}"#,
    ] {
        let stage = Stage::with(move |_, _| Reply::json(body)).await;
        assert!(
            matches!(ids(&stage).await, Err(SiengeError::Shape { .. })),
            "{body}"
        );
    }
}

#[tokio::test]
async fn filters_reach_the_address() {
    let stage = Stage::with(paged(0, 200)).await;
    let filter = CustomerFilter {
        modified_after: Some(jiff::civil::date(2026, 11, 1)),
        ..CustomerFilter::default()
    };
    stage
        .client
        .customers(&filter)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    assert_eq!(
        stage.server.requests()[0].target,
        "/v1/customers?modifiedAfter=2026-11-01&limit=200&offset=0"
    );
}

#[tokio::test]
async fn a_reading_goes_on_after_the_rows_that_were_read() {
    let after = async |stage: &Stage, skip: usize| {
        let filter = CustomerFilter {
            skip,
            ..CustomerFilter::default()
        };
        let rows: Result<Vec<_>, SiengeError> = stage.client.customers(&filter).try_collect().await;
        rows.map(|rows| {
            rows.into_iter()
                .map(|row| row.id.unwrap())
                .collect::<Vec<_>>()
        })
    };
    let stage = Stage::with(paged(450, 200)).await;
    assert_eq!(
        after(&stage, 400).await.unwrap(),
        (400..450).collect::<Vec<_>>()
    );
    assert_eq!(after(&stage, 450).await.unwrap(), Vec::<i64>::new());
    // Some of it was deleted meanwhile.
    assert_eq!(after(&stage, 600).await.unwrap(), Vec::<i64>::new());
    let stage = Stage::with(|_, _| refusal(404)).await;
    assert_eq!(after(&stage, 200).await.unwrap(), Vec::<i64>::new());
}

#[tokio::test]
async fn more_rows_than_were_asked_for_are_a_lasting_error() {
    for total in [201, 700] {
        for body in [
            rows(0, total),
            format!(r#"{{"results":{}}}"#, rows(0, total)),
            format!(
                r#"{{"resultSetMetadata":{{"count":{total}}},"results":{}}}"#,
                rows(0, total)
            ),
        ] {
            let stage = Stage::with(move |_, _| Reply::json(body.clone())).await;
            let error = ids(&stage).await.unwrap_err();
            let resource = "companies";
            let limit = 200;
            assert_eq!(error, SiengeError::TooMany { resource, limit });
            assert_eq!(error.remedy(), Remedy::Never);
            assert_eq!(stage.server.requests().len(), 1, "it is not asked again");
            let noted = &stage.records()[0].error;
            assert!(noted.as_deref().unwrap().contains("mais de 200 itens"));
        }
    }
    // Who asks how many there are asks for one.
    let stage = Stage::with(|_, _| Reply::json(rows(0, 2))).await;
    assert_eq!(
        stage.client.calls_for_all_units().await,
        Err(SiengeError::TooMany {
            resource: "units",
            limit: 1
        })
    );
}

#[tokio::test]
async fn an_answer_of_more_than_8_mb_is_a_lasting_error() {
    let padded = |bytes: usize| format!(r#"[{{"id":1,"name":"{}"}}]"#, "x".repeat(bytes));
    let most = 8 * 1024 * 1024 - padded(0).len();
    let stage = Stage::with(move |number, _| Reply::json(padded(most + number))).await;
    assert_eq!(ids(&stage).await, Ok(vec![1]));
    let error = ids(&stage).await.unwrap_err();
    assert_eq!(
        error,
        SiengeError::TooLarge {
            resource: "companies",
            limit_bytes: 8 * 1024 * 1024
        }
    );
    assert_eq!(error.remedy(), Remedy::Never);
    assert_eq!(stage.server.requests().len(), 2, "it is not asked again");
}
