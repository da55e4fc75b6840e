//! Attempts, quota, deadline and the journal's notes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use ponte::ids::{BillId, CreditorId};
use ponte::sienge::{
    CredentialSource, Credentials, Lane, Priority, QuotaRefusal, Remedy, Secret, SiengeError,
};
use tokio::time::Instant;

use super::server::{Reply, Request, Stage, credentials, refusal, until};

const COMPANY: &str = r#"{"id":1,"name":"Construtora Exemplo"}"#;

#[tokio::test]
async fn the_first_call_carries_credentials_and_is_written_down() {
    let stage = Stage::with(|_, _| Reply::json(COMPANY)).await;
    let company = stage.client.company(CreditorId(1)).await.unwrap().unwrap();
    assert_eq!(
        (company.id, company.name.as_deref()),
        (Some(1), Some("Construtora Exemplo"))
    );
    let request = &stage.server.requests()[0];
    assert_eq!(request.target, "/v1/companies/1");
    // base64 of robo-da-api:s3nha-secreta
    assert!(
        request
            .head
            .contains("Basic cm9iby1kYS1hcGk6czNuaGEtc2VjcmV0YQ=="),
        "{}",
        request.head
    );
    let record = &stage.records()[0];
    assert_eq!(
        (record.method, record.status, record.attempt),
        ("ConsultarEmpresa", Some(200), 1)
    );
    assert!(
        record.url.starts_with("GET http://127.0.0.1:")
            && record.url.ends_with("/x/public/api/v1/companies/1")
    );
    assert_eq!(record.response_bytes, COMPANY.len() as u64);
    assert_eq!(record.response, r#"{"id":1,"name":"***"}"#);
    assert_eq!(record.error, None);
}

#[tokio::test]
async fn what_may_pass_is_repeated_and_every_attempt_takes_a_right() {
    let failures: [fn() -> Reply; 7] = [
        || refusal(500),
        || refusal(503),
        || Reply::status(502, "<html>bad gateway</html>"),
        || Reply::json("<html>login</html>"),
        || Reply::json(COMPANY).cut_at(10),
        || Reply::json(COMPANY).broken_at(10),
        || Reply::json(""),
    ];
    for fail in failures {
        let stage = Stage::with(move |number, _| {
            if number < 2 {
                fail()
            } else {
                Reply::json(COMPANY)
            }
        })
        .await;
        let company = stage.client.company(CreditorId(1)).await;
        assert_eq!(company.unwrap().unwrap().id, Some(1), "{:?}", fail());
        assert_eq!(stage.granted(), 3);
        let attempts: Vec<u32> = stage
            .records()
            .iter()
            .map(|record| record.attempt)
            .collect();
        assert_eq!(attempts, [1, 2, 3]);
        assert!(stage.records()[0].error.is_some() && stage.records()[2].error.is_none());
    }
}

#[tokio::test]
async fn attempts_are_bounded() {
    let stage = Stage::with(|_, _| refusal(500)).await;
    let error = stage.client.company(CreditorId(1)).await.unwrap_err();
    assert_eq!(
        error,
        SiengeError::Server {
            resource: "companies",
            status: 500
        }
    );
    assert_eq!(error.remedy(), Remedy::RetryLater);
    assert_eq!(stage.server.requests().len(), 4);
}

#[tokio::test]
async fn a_silent_server_is_a_timeout() {
    let stage = Stage::impatient(2, |number, _| match number {
        0 => Reply::json(COMPANY).after(Duration::from_secs(5)),
        _ => Reply::json(COMPANY).pausing(Duration::from_secs(5)),
    })
    .await;
    let error = stage.client.company(CreditorId(1)).await.unwrap_err();
    assert_eq!(
        error,
        SiengeError::Timeout {
            resource: "companies"
        }
    );
    assert_eq!(stage.server.requests().len(), 2);
}

/// Its credentials are corrected between the beginning and a refusal.
struct Corrected {
    current: Mutex<Credentials>,
    after: Credentials,
    asked: AtomicU32,
}

impl Corrected {
    fn from_to(first: &str, second: &str) -> Arc<Self> {
        Arc::new(Self {
            current: Mutex::new(credentials(first)),
            after: credentials(second),
            asked: AtomicU32::new(0),
        })
    }
}

#[async_trait]
impl CredentialSource for Corrected {
    fn current(&self) -> Credentials {
        self.current.lock().unwrap().clone()
    }

    async fn refreshed(&self) -> Credentials {
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.current.lock().unwrap() = self.after.clone();
        self.after.clone()
    }
}

/// Sienge knows the robot by this password alone: base64 of `robo-da-api:nova`.
fn only_the_new(reply: &'static str) -> impl Fn(usize, &Request) -> Reply + Send + Sync {
    move |_, request: &Request| {
        if request.head.contains("Basic cm9iby1kYS1hcGk6bm92YQ==") {
            Reply::json(reply)
        } else {
            refusal(401)
        }
    }
}

#[tokio::test]
async fn a_corrected_password_is_used_for_the_call_that_was_refused() {
    let stage = Stage::with(only_the_new(COMPANY)).await;
    let source = Corrected::from_to("antiga", "nova");
    let client = stage.client_of(source.clone());
    for calls in [2, 3] {
        let company = client.company(CreditorId(1)).await.unwrap().unwrap();
        assert_eq!(company.id, Some(1));
        assert_eq!(stage.server.requests().len(), calls);
    }
    assert_eq!(source.asked.load(Ordering::SeqCst), 1);
    assert_eq!(stage.granted(), 3, "each takes a right");
    let statuses: Vec<_> = stage.records().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(401), Some(200), Some(200)], "each is noted");

    // What is refused so was not carried out, whatever it asks for; and what comes as a stream is asked for again too.
    let stage = Stage::with(only_the_new(r#"{"id": "h"}"#)).await;
    let client = stage.client_of(Corrected::from_to("antiga", "nova"));
    let token = Secret::new("t");
    let hook = client.create_hook("https://x.example/w", &token, &["A"]);
    hook.await.unwrap();
    let stage = Stage::with(only_the_new(r#"{"data": []}"#)).await;
    let client = stage.client_of(Corrected::from_to("antiga", "nova"));
    let rows = client.income_by_bills(&[BillId(1)]).try_collect::<Vec<_>>();
    assert!(rows.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_password_that_stays_wrong_is_sent_no_more_than_twice() {
    for (second, requests) in [("antiga", 1), ("outra", 2)] {
        let stage = Stage::with(only_the_new(COMPANY)).await;
        let source = Corrected::from_to("antiga", second);
        let client = stage.client_of(source.clone());
        let error = client.company(CreditorId(1)).await.unwrap_err();
        assert!(matches!(error, SiengeError::Credentials { .. }), "{error}");
        assert_eq!(stage.server.requests().len(), requests, "{second}");
        assert_eq!(source.asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn nobody_listening_is_a_connection_error() {
    let stage = Stage::with(|_, _| Reply::json(COMPANY)).await;
    // Bound but not listening: the port is nobody else's, and refuses.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = closed.local_addr().unwrap();
    let mut config =
        ponte::sienge::ClientConfig::new(format!("http://{address}/x"), Arc::new(credentials("p")));
    config.retry.attempts = 2;
    config.retry.base = Duration::from_millis(4);
    let http = ponte::sienge::http_client(config.timeouts).unwrap();
    let client =
        ponte::sienge::Client::new(http, &config, stage.quota.clone(), stage.log.clone()).unwrap();
    let error = client.company(CreditorId(1)).await.unwrap_err();
    assert_eq!(stage.granted(), 2);
    assert_eq!(
        error,
        SiengeError::Connection {
            resource: "companies"
        }
    );
}

#[tokio::test]
async fn what_never_works_is_not_repeated() {
    for (status, remedy) in [
        (400, Remedy::Never),
        (401, Remedy::Never),
        (403, Remedy::Never),
        (415, Remedy::Never),
        (422, Remedy::Never),
        (302, Remedy::Never),
    ] {
        let stage = Stage::with(move |_, _| refusal(status)).await;
        let error = stage.client.company(CreditorId(1)).await.unwrap_err();
        assert_eq!(error.remedy(), remedy, "{status}");
        assert_eq!(stage.server.requests().len(), 1, "{status}");
        assert!(error.to_string().contains("companies"), "{error}");
    }
}

#[tokio::test]
async fn a_refused_field_is_named_but_not_its_value() {
    let body = r#"{"status":400,"developerMessage":"x","clientMessage":"y","errors":[{"field":"customerId","message":"Fulana"},{"field":"529.982","message":""}]}"#;
    let stage = Stage::with(move |_, _| Reply::status(400, body)).await;
    let error = stage.client.company(CreditorId(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "O Sienge recusou a requisição a companies (400): confira customerId"
    );
}

#[tokio::test]
async fn a_404_is_nothing_only_when_sienge_wrote_it() {
    let stage = Stage::with(|_, _| refusal(404)).await;
    assert_eq!(stage.client.company(CreditorId(9)).await, Ok(None));
    let stage = Stage::with(|_, _| Reply::status(404, "<html>no such host</html>")).await;
    let error = stage.client.company(CreditorId(9)).await.unwrap_err();
    assert_eq!(
        error,
        SiengeError::WrongAddress {
            resource: "companies"
        }
    );
    let error = stage
        .client
        .income_by_bills(&[BillId(1)])
        .try_collect::<Vec<_>>()
        .await
        .unwrap_err();
    assert_eq!(error.remedy(), Remedy::Never);
}

#[tokio::test]
async fn a_429_makes_everybody_wait() {
    let stage = Stage::with(|number, _| {
        if number == 0 {
            refusal(429)
        } else {
            Reply::json(COMPANY)
        }
    })
    .await;
    let began = Instant::now();
    assert!(stage.client.company(CreditorId(1)).await.unwrap().is_some());
    assert!(began.elapsed() >= Duration::from_millis(30));
    assert_eq!(
        *stage.quota.backed_off.lock().unwrap(),
        [(Lane::Rest, Duration::from_millis(30))]
    );
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let stage = Stage::with(|number, _| match number {
        0 => refusal(429).with("retry-after", "1"),
        _ => Reply::json(COMPANY),
    })
    .await;
    let began = Instant::now();
    assert!(stage.client.company(CreditorId(1)).await.unwrap().is_some());
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(
        *stage.quota.backed_off.lock().unwrap(),
        [(Lane::Rest, Duration::from_secs(1))]
    );
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_an_error_at_once() {
    let stage = Stage::with(|_, _| refusal(429).with("retry-after", "60")).await;
    let client = stage
        .client
        .clone()
        .with_deadline(Instant::now() + Duration::from_secs(30));
    let began = Instant::now();
    let error = client.company(CreditorId(1)).await.unwrap_err();
    assert!(
        error.stops_every_call() && began.elapsed() < Duration::from_secs(20),
        "{error}"
    );

    stage
        .quota
        .refusals
        .lock()
        .unwrap()
        .push(QuotaRefusal::Wait(Duration::from_secs(40)));
    let error = client.company(CreditorId(1)).await.unwrap_err();
    assert_eq!(
        error,
        SiengeError::QuotaExhausted {
            lane: Lane::Rest,
            wait: Duration::from_secs(40)
        }
    );
}

#[tokio::test]
async fn a_person_waits_two_seconds_for_the_quota_at_most_whatever_is_called_for_them() {
    let stage = Stage::with(|number, _| match number {
        0 => Reply::json(COMPANY),
        _ => refusal(429).with("retry-after", "3"),
    })
    .await;
    let wait = |milliseconds| QuotaRefusal::Wait(Duration::from_millis(milliseconds));
    let person = stage.client.clone().with_priority(Priority::Interactive);
    let began = Instant::now();
    // What takes longer is refused at once, and what does not is waited for.
    stage.quota.refusals.lock().unwrap().push(wait(2_001));
    let refused = person.company(CreditorId(1)).await.unwrap_err();
    assert!(matches!(refused, SiengeError::QuotaExhausted { .. }));
    assert!(began.elapsed() < Duration::from_secs(1));
    stage.quota.refusals.lock().unwrap().push(wait(100));
    person.company(CreditorId(1)).await.unwrap();
    // Sienge's own refusal is no other.
    let refused = person.company(CreditorId(1)).await.unwrap_err();
    assert!(matches!(refused, SiengeError::RateLimited { .. }));
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "it was not waited out"
    );
    // Of one request: what another call of it waited is gone.
    stage.quota.refusals.lock().unwrap().extend([wait(300); 20]);
    let same = person.clone().with_priority(Priority::Interactive);
    let refused = same.company(CreditorId(1)).await.unwrap_err();
    assert!(matches!(refused, SiengeError::QuotaExhausted { .. }));
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(stage.server.requests().len(), 2);
    // A batch has more.
    stage.quota.refusals.lock().unwrap().clear();
    stage.quota.refusals.lock().unwrap().push(wait(2_100));
    let began = Instant::now();
    let refused = stage
        .client
        .clone()
        .with_deadline(began + Duration::from_secs(5));
    let refused = refused.company(CreditorId(1)).await.unwrap_err();
    assert!(matches!(refused, SiengeError::RateLimited { .. }));
    assert!(began.elapsed() > Duration::from_secs(2));
}

#[tokio::test]
async fn whether_sienge_answers_is_told_whatever_it_answers() {
    let stage = Stage::impatient(1, |number, _| match number {
        0 => Reply::json(COMPANY),
        1 => refusal(500),
        2 => refusal(403),
        _ => Reply::json(COMPANY).after(Duration::from_mins(1)),
    })
    .await;
    stage.client.company(CreditorId(1)).await.unwrap();
    for _ in 0..2 {
        stage.client.company(CreditorId(1)).await.unwrap_err();
    }
    let silent = stage.client.company(CreditorId(1)).await.unwrap_err();
    assert!(matches!(silent, SiengeError::Timeout { .. }), "{silent:?}");
    let answers = stage.quota.answers.lock().unwrap().clone();
    assert_eq!(answers, [true, true, true, false]);
}

#[tokio::test]
async fn only_a_long_run_waits_for_a_sienge_that_does_not_answer() {
    let stage = Stage::with(|_, _| Reply::json(COMPANY)).await;
    let silent = || {
        let refusal = QuotaRefusal::Silent(Duration::from_millis(100));
        stage.quota.refusals.lock().unwrap().push(refusal);
    };
    silent();
    stage.client.company(CreditorId(1)).await.unwrap();
    silent();
    let short = stage.client.clone();
    let short = short.with_deadline(Instant::now() + Duration::from_mins(1));
    let refused = short.company(CreditorId(1)).await.unwrap_err();
    assert!(matches!(refused, SiengeError::Silent { .. }), "{refused:?}");
    assert!(refused.stops_every_call());
    assert_eq!(stage.server.requests().len(), 1);
}

#[tokio::test]
async fn a_wait_that_fits_is_waited() {
    let stage = Stage::with(|_, _| Reply::json(COMPANY)).await;
    stage
        .quota
        .refusals
        .lock()
        .unwrap()
        .push(QuotaRefusal::Wait(Duration::from_millis(40)));
    assert!(stage.client.company(CreditorId(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn without_a_right_nothing_is_called() {
    for (refusal, expected) in [
        (
            QuotaRefusal::DayIsOver,
            SiengeError::DayIsOver { lane: Lane::Rest },
        ),
        (QuotaRefusal::Unavailable, SiengeError::QuotaUnavailable),
    ] {
        let stage = Stage::with(|_, _| Reply::json(COMPANY)).await;
        stage.quota.refusals.lock().unwrap().push(refusal);
        assert_eq!(stage.client.company(CreditorId(1)).await, Err(expected));
        assert!(stage.server.requests().is_empty());
    }
}

#[tokio::test]
async fn nothing_outlives_the_deadline() {
    let stage = Stage::with(|_, _| Reply::json(COMPANY).after(Duration::from_mins(2))).await;
    let client = stage
        .client
        .clone()
        .with_deadline(Instant::now() + Duration::from_millis(120));
    let began = Instant::now();
    let error = client.company(CreditorId(1)).await.unwrap_err();
    assert_eq!(
        error,
        SiengeError::Deadline {
            resource: "companies"
        }
    );
    assert!(began.elapsed() < Duration::from_mins(1));
    let error = client.company(CreditorId(1)).await.unwrap_err();
    assert_eq!(
        error,
        SiengeError::Deadline {
            resource: "companies"
        }
    );
    assert!(
        stage.server.requests().len() <= 1,
        "nothing is asked after it"
    );
}

#[tokio::test]
async fn the_priority_reaches_the_quota() {
    let stage = Stage::with(|_, _| Reply::json(COMPANY)).await;
    stage.client.company(CreditorId(1)).await.unwrap();
    stage
        .client
        .clone()
        .with_priority(Priority::Interactive)
        .company(CreditorId(1))
        .await
        .unwrap();
    assert_eq!(
        *stage.quota.priorities.lock().unwrap(),
        [Priority::Batch, Priority::Interactive]
    );
}

#[tokio::test]
async fn a_post_is_not_repeated_after_an_unclear_answer_but_after_a_429() {
    for unclear in [500, 503] {
        let stage = Stage::with(move |_, _| refusal(unclear)).await;
        let outcome = stage
            .client
            .create_hook(
                "https://x.example/w",
                &Secret::new("t"),
                &["RECEIPT_PROCESSED"],
            )
            .await;
        assert!(outcome.is_err());
        assert_eq!(stage.server.requests().len(), 1);
    }
    let created = r#"{"id":"0b7e","url":"https://x.example/w","events":["RECEIPT_PROCESSED"]}"#;
    let stage = Stage::with(move |number, _| {
        if number == 0 {
            refusal(429)
        } else {
            Reply::json(created)
        }
    })
    .await;
    let hook = stage
        .client
        .create_hook(
            "https://x.example/w",
            &Secret::new("t0ken"),
            &["RECEIPT_PROCESSED"],
        )
        .await
        .unwrap();
    assert_eq!((hook.id.as_deref(), hook.events.len()), (Some("0b7e"), 1));
    let request = &stage.server.requests()[1];
    assert_eq!(request.verb, "POST");
    assert_eq!(
        request.body,
        r#"{"url":"https://x.example/w","token":"t0ken","events":["RECEIPT_PROCESSED"]}"#
    );
}

#[tokio::test]
async fn a_hook_is_deleted_with_an_empty_answer() {
    let stage = Stage::with(|number, _| {
        if number == 0 {
            Reply::json("")
        } else {
            refusal(404)
        }
    })
    .await;
    assert_eq!(stage.client.delete_hook("0b7e").await, Ok(true));
    assert_eq!(stage.client.delete_hook("0b7e").await, Ok(false));
    assert_eq!(stage.server.requests()[0].verb, "DELETE");
}

#[tokio::test]
async fn a_call_whose_future_is_dropped_is_written_down_too() {
    let stage = Stage::with(|_, _| Reply::json(COMPANY).after(Duration::from_mins(2))).await;
    tokio::select! {
        _ = stage.client.company(CreditorId(1)) => panic!("it was answered"),
        () = until(|| !stage.server.requests().is_empty()) => {}
    }
    until(|| !stage.records().is_empty()).await;
    let records = stage.records();
    assert_eq!(records.len(), 1);
    assert!(records[0].error.as_deref().unwrap().contains("abandonada"));
}
