//! The inbox on SQS: the real adapter with the real SDK, against a loopback server that speaks SQS's JSON as far as it is needed.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use ponte::aws::{Inbox, InboxMessage, Requeue, SqsInbox};
use ponte::ids::TenantId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const INBOX: &str = "http://queues.invalid/inbox";
const DEAD: &str = "http://queues.invalid/inbox-dead-letters";
/// SQS refuses it for good, so that the SDK does not try again.
const DENIED: (u16, &str) = (403, "AccessDeniedException");

/// One call that the server saw.
#[derive(Debug, Clone)]
struct Call {
    /// `ReceiveMessage`.
    action: String,
    body: Value,
}

impl Call {
    /// One text of each entry of a batch.
    fn of_entries(&self, name: &str) -> Vec<String> {
        let entries = self.body["Entries"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| entry[name].as_str().unwrap().to_owned())
            .collect()
    }
}

/// How the queues behave.
#[derive(Debug, Clone, Default)]
struct Script {
    /// Bodies in the dead-letter queue.
    dead: Vec<String>,
    /// Messages whose body holds this are not taken; the others of their batch are.
    not_taken: Option<&'static str>,
    /// The action that is denied.
    denied: Option<&'static str>,
}

impl Script {
    fn of_dead(dead: &[&str]) -> Self {
        Self {
            dead: dead.iter().map(|key| body(key)).collect(),
            ..Self::default()
        }
    }

    fn answer(&self, call: &Call) -> (u16, Value) {
        if self.denied == Some(call.action.as_str()) {
            return (
                DENIED.0,
                json!({"__type": DENIED.1, "message": "not allowed"}),
            );
        }
        let answer = match call.action.as_str() {
            "ReceiveMessage" => {
                let messages = self.dead.iter().enumerate();
                let messages = messages.map(
                    |(index, body)| json!({"MessageId": format!("id-{index}"), "ReceiptHandle": format!("receipt-{index}"), "Body": body}),
                );
                json!({"Messages": messages.collect::<Vec<_>>()})
            }
            "SendMessage" => {
                let text = call.body["MessageBody"].as_str().unwrap();
                if self.not_taken.is_some_and(|word| text.contains(word)) {
                    return (
                        DENIED.0,
                        json!({"__type": DENIED.1, "message": "not allowed"}),
                    );
                }
                json!({"MessageId": "id", "MD5OfMessageBody": "x"})
            }
            "DeleteMessage" => json!({}),
            "SendMessageBatch" => {
                let entries = call.body["Entries"].as_array().unwrap().iter();
                let (failed, taken): (Vec<_>, Vec<_>) = entries.partition(|entry| {
                    let text = entry["MessageBody"].as_str().unwrap_or_default();
                    self.not_taken.is_some_and(|word| text.contains(word))
                });
                // Those that failed come first, and the others backwards: only their ids tell which is which.
                let taken = taken.iter().rev().map(
                    |entry| json!({"Id": entry["Id"], "MessageId": "id", "MD5OfMessageBody": "x"}),
                );
                let failed = failed
                    .iter()
                    .map(|entry| json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false}));
                json!({"Failed": failed.collect::<Vec<_>>(), "Successful": taken.collect::<Vec<_>>()})
            }
            other => panic!("no test calls {other}"),
        };
        (200, answer)
    }
}

/// The adapter and what it called.
struct Stage {
    inbox: SqsInbox,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Stage {
    async fn with(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("sa-east-1"))
            .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "test", "test", None, None, "test",
            )))
            .build();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (script, seen) = (Arc::new(script), Arc::clone(&calls));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        let inbox = SqsInbox::new(Client::from_conf(config), INBOX.to_owned());
        Self {
            inbox: inbox.with_dead_letters(Some(DEAD.to_owned())),
            calls,
        }
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// What was called, in order, and of which queue.
    fn steps(&self) -> Vec<(String, String)> {
        let calls = self.calls().into_iter();
        calls
            .map(|call| {
                (
                    call.action,
                    call.body["QueueUrl"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    }
}

/// Answers one request and closes the connection.
async fn serve(
    mut stream: TcpStream,
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<Call>>>,
) -> Option<()> {
    let mut read = Vec::new();
    let (head, end) = loop {
        stream
            .read_buf(&mut read)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&read[..end]).into_owned(), end + 4);
        }
    };
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .unwrap()
            .1
            .trim()
    };
    let length: usize = header("content-length").parse().unwrap();
    while read.len() < end + length {
        stream
            .read_buf(&mut read)
            .await
            .ok()
            .filter(|count| *count > 0)?;
    }
    let call = Call {
        action: header("x-amz-target")
            .strip_prefix("AmazonSQS.")
            .unwrap()
            .to_owned(),
        body: serde_json::from_slice(&read[end..]).unwrap(),
    };
    let (status, answer) = script.answer(&call);
    calls.lock().unwrap().push(call);
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    stream
        .write_all(format!("{head}{answer}").as_bytes())
        .await
        .ok()?;
    stream.shutdown().await.ok()
}

fn message(tenant: &str, key: &str) -> InboxMessage {
    InboxMessage {
        tenant: TenantId::parse(tenant).unwrap(),
        key: key.to_owned(),
    }
}

/// The body of a message of tenant 617.
fn body(key: &str) -> String {
    json!({"tenant": "617", "key": key}).to_string()
}

fn step(action: &str, queue: &str) -> (String, String) {
    (action.to_owned(), queue.to_owned())
}

#[tokio::test]
async fn dead_letters_are_sent_to_the_inbox_one_by_one_each_before_it_is_deleted() {
    let stage = Stage::with(Script::of_dead(&["w-0", "w-1"])).await;
    assert_eq!(stage.inbox.redrive(7).await.unwrap(), 2);
    let calls = stage.calls();
    assert_eq!(calls[0].body["MaxNumberOfMessages"], 10);
    for (index, calls) in calls[1..].chunks(2).enumerate() {
        let [sent, deleted] = calls else {
            panic!("{calls:?}")
        };
        assert_eq!(
            (sent.action.as_str(), &sent.body["QueueUrl"]),
            ("SendMessage", &json!(INBOX))
        );
        assert_eq!(sent.body["MessageBody"], json!(body(&format!("w-{index}"))));
        assert_eq!(sent.body["MessageGroupId"], "617");
        assert_eq!(
            sent.body["DelaySeconds"],
            7 + index,
            "a second after the one before"
        );
        assert_eq!(
            (deleted.action.as_str(), &deleted.body["QueueUrl"]),
            ("DeleteMessage", &json!(DEAD))
        );
        assert_eq!(
            deleted.body["ReceiptHandle"],
            json!(format!("receipt-{index}"))
        );
    }
    assert_eq!(calls.len(), 5);
    stage.inbox.redrive(1_000).await.unwrap();
    assert_eq!(
        stage.calls()[6].body["DelaySeconds"],
        900,
        "as long as SQS can wait"
    );
}

#[tokio::test]
async fn of_two_dead_letters_only_the_one_that_was_taken_is_deleted() {
    let script = Script {
        not_taken: Some("w-0"),
        ..Script::of_dead(&["w-0", "w-1"])
    };
    let stage = Stage::with(script).await;
    assert_eq!(stage.inbox.redrive(0).await.unwrap(), 1);
    let calls = stage.calls();
    assert_eq!(calls.len(), 4);
    assert_eq!(calls[3].body["ReceiptHandle"], "receipt-1");
}

#[tokio::test]
async fn dead_letters_that_could_not_be_sent_stay_and_the_operator_is_told() {
    let denied = Script {
        denied: Some("SendMessage"),
        ..Script::of_dead(&["w-0", "w-1"])
    };
    let stage = Stage::with(denied).await;
    let error = stage.inbox.redrive(0).await.unwrap_err().to_string();
    assert!(error.contains(DENIED.1), "{error}");
    let sent = step("SendMessage", INBOX);
    assert_eq!(
        stage.steps(),
        [step("ReceiveMessage", DEAD), sent.clone(), sent]
    );
}

#[tokio::test]
async fn dead_letters_that_could_not_be_received_or_deleted_are_an_error() {
    for (action, calls) in [("ReceiveMessage", 1), ("DeleteMessage", 3)] {
        let script = Script {
            denied: Some(action),
            ..Script::of_dead(&["w-0"])
        };
        let stage = Stage::with(script).await;
        let error = stage.inbox.redrive(0).await.unwrap_err().to_string();
        assert!(error.contains(DENIED.1), "{error}");
        assert_eq!(stage.calls().len(), calls, "{action}");
    }
}

#[tokio::test]
async fn without_dead_letters_nothing_is_sent_or_deleted() {
    let stage = Stage::with(Script::default()).await;
    assert_eq!(stage.inbox.redrive(0).await.unwrap(), 0);
    assert_eq!(stage.steps(), [step("ReceiveMessage", DEAD)]);
}

#[tokio::test]
async fn a_function_without_the_dead_letter_queue_says_so_and_calls_nothing() {
    let stage = Stage::with(Script::of_dead(&["w-0"])).await;
    let error = stage
        .inbox
        .clone()
        .with_dead_letters(None)
        .redrive(0)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("dead-letter queue"), "{error}");
    assert!(stage.calls().is_empty());
}

#[tokio::test]
async fn a_dead_letter_that_is_not_ours_is_moved_as_it_is() {
    let script = Script {
        dead: vec!["não é nossa".to_owned()],
        ..Script::default()
    };
    let stage = Stage::with(script).await;
    assert_eq!(stage.inbox.redrive(0).await.unwrap(), 1);
    let sent = &stage.calls()[1].body;
    assert_eq!(
        (&sent["MessageBody"], &sent["MessageGroupId"]),
        (&json!("não é nossa"), &Value::Null)
    );
}

#[tokio::test]
async fn a_queued_message_carries_its_tenant_as_its_group() {
    let stage = Stage::with(Script::default()).await;
    stage.inbox.send(&message("618", "w-0")).await.unwrap();
    assert_eq!(stage.steps(), [step("SendMessage", INBOX)]);
    let sent = &stage.calls()[0].body;
    assert_eq!(sent["MessageGroupId"], "618");
    let sent: InboxMessage = serde_json::from_str(sent["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(sent, message("618", "w-0"));
}

#[tokio::test]
async fn many_are_sent_in_tens_each_with_its_tenant_and_those_taken_are_counted() {
    let messages: Vec<InboxMessage> = (0..23)
        .map(|index| {
            message(
                if index % 2 == 0 { "617" } else { "618" },
                &format!("w-{index:02}"),
            )
        })
        .collect();
    let script = Script {
        not_taken: Some("w-07"),
        ..Script::default()
    };
    let stage = Stage::with(script).await;
    // One of the first ten is not taken: the others are sent all the same.
    assert_eq!(stage.inbox.send_many(&messages).await.unwrap(), 22);
    let calls = stage.calls();
    assert!(
        stage
            .steps()
            .iter()
            .all(|called| *called == step("SendMessageBatch", INBOX))
    );
    let sent: Vec<Vec<InboxMessage>> = calls
        .iter()
        .map(|call| {
            let bodies = call.of_entries("MessageBody");
            bodies
                .iter()
                .map(|body| serde_json::from_str(body).unwrap())
                .collect()
        })
        .collect();
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
    assert_eq!(sent.concat(), messages);
    let groups: Vec<String> = calls
        .iter()
        .flat_map(|call| call.of_entries("MessageGroupId"))
        .collect();
    assert!(
        groups
            .iter()
            .zip(&messages)
            .all(|(group, message)| group == message.tenant.as_str())
    );
}

#[tokio::test]
async fn a_queue_that_does_not_take_anything_is_an_error() {
    let script = Script {
        denied: Some("SendMessageBatch"),
        ..Script::default()
    };
    let stage = Stage::with(script).await;
    let error = stage
        .inbox
        .send_many(&[message("617", "w-0")])
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(DENIED.1), "{error}");
    let script = Script {
        denied: Some("SendMessage"),
        ..Script::default()
    };
    let stage = Stage::with(script).await;
    let error = stage
        .inbox
        .send(&message("617", "w-0"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(DENIED.1), "{error}");
    assert!(!error.contains("w-0"), "{error}");
}
