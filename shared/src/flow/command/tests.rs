use jiff::civil::date;
use serde_json::json;

use super::form::{CALL, ERASE, FIELDS, IMPORT, RECONCILE, REDRIVE, REDUNDANCY, REPROCESS};
use super::*;
use crate::ids::CreditorId;

const TODAY: Date = Date::constant(2026, 11, 30);

fn read(function: Function, event: Value) -> Result<Command, String> {
    Command::read(function, event, TODAY).map_err(|error| error.to_string())
}

fn run(function: Function, event: Value) -> Task {
    match read(function, event) {
        Ok(Command::Run(task)) => task,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_bare_event_and_the_envelope_mean_the_same() {
    let bare = json!({"tenant": "617", "creditor": 1, "from": "2026-11-01", "dryRun": true});
    let envelope = json!({"version": "0", "id": "x", "source": "ponte", "detail-type": "task.requested", "account": "1", "time": "t",
        "region": "r", "resources": [], "detail": bare});
    let task = run(Function::Import, bare);
    assert_eq!(run(Function::Import, envelope), task);
    assert_eq!((task.from, task.dry_run), (Some(date(2026, 11, 1)), true));
    for nothing in [
        json!({}),
        Value::Null,
        json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}),
    ] {
        assert_eq!(run(Function::Import, nothing.clone()), Task::default());
        assert_eq!(read(Function::Payments, nothing), Ok(Command::Sweep));
    }
}

#[test]
fn every_command_is_what_its_field_says() {
    let tenant = TenantId::parse("617").unwrap();
    let payments = |event| read(Function::Payments, event).unwrap();
    assert_eq!(payments(json!({"redrive": true})), Command::Redrive);
    for dry_run in [false, true] {
        let erase = Command::EraseCustomer {
            tenant: tenant.clone(),
            customer: CustomerId(41),
            dry_run,
        };
        assert_eq!(
            payments(json!({"tenant": "617", "eraseCustomer": 41, "dryRun": dry_run})),
            erase
        );
        let again = Command::Reprocess {
            tenant: tenant.clone(),
            webhook: "a-1".to_owned(),
            dry_run,
        };
        assert_eq!(
            payments(json!({"tenant": "617", "webhook": "a-1", "dryRun": dry_run})),
            again
        );
    }
    assert!(run(Function::Payments, json!({"redundancy": true})).redundancy);
    // What is said not to be wanted is not.
    assert_eq!(
        payments(json!({"redundancy": false, "redrive": false, "dryRun": false})),
        Command::Sweep
    );
    assert_eq!(
        payments(json!({"redrive": true, "dryRun": false})),
        Command::Redrive
    );
}

#[test]
fn every_example_is_right_and_every_field_has_one() {
    for (function, form) in [
        (Function::Import, IMPORT),
        (Function::Reconcile, RECONCILE),
        (Function::Payments, REDUNDANCY),
        (Function::Payments, REDRIVE),
        (Function::Payments, REPROCESS),
        (Function::Payments, ERASE),
        (Function::Api, CALL),
    ] {
        let event: Value = serde_json::from_str(form.example).unwrap();
        assert!(read(function, event.clone()).is_ok(), "{event}");
        let refused = json!(form.refuse("x"));
        assert_eq!(refused["proximoPasso"], event, "to be copied as it is");
        for field in form.fields {
            assert!(FIELDS.iter().any(|(known, _)| known == field), "{field}");
        }
    }
    for (name, example) in FIELDS {
        assert!(serde_json::from_str::<Value>(example).is_ok(), "{name}");
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn no_command_ignores_a_field_it_was_given() {
    use Function::{Api, Import, Payments, Reconcile};
    let one = |more: Value| {
        let mut event = json!({"tenant": "617", "creditor": 1});
        event
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        event
    };
    for (function, event, named) in [
        (Payments, json!({"dryRun": true}), "dryRun"),
        (Payments, json!({"tenant": "617"}), "tenant"),
        (Payments, json!({"from": "2026-11-01"}), "from"),
        (Payments, json!({"task": "payments"}), "task"),
        (Payments, json!({"redrive": true, "dryRun": true}), "dryRun"),
        (
            Payments,
            json!({"redrive": true, "tenant": "617"}),
            "tenant",
        ),
        (
            Payments,
            json!({"redrive": true, "redundancy": true}),
            "redundancy",
        ),
        (Payments, json!({"redrive": "sim"}), "redrive"),
        (Payments, json!({"redrive": null}), "redrive"),
        // `false` is no tenant, no creditor, no webhook: it does not ask for all of them.
        (Payments, json!({"tenant": false}), "tenant"),
        (Payments, json!({"webhook": false}), "webhook"),
        (Payments, json!({"eraseCustomer": false}), "eraseCustomer"),
        (
            Payments,
            json!({"redrive": true, "tenant": false}),
            "tenant",
        ),
        (
            Payments,
            json!({"tenant": "617", "eraseCustomer": 1, "creditor": false}),
            "creditor",
        ),
        (Reconcile, one(json!({"from": false})), "from"),
        (Import, json!({"eraseCustomer": false}), "eraseCustomer"),
        (
            Payments,
            json!({"tenant": "617", "eraseCustomer": 1, "webhook": "a"}),
            "webhook",
        ),
        (Payments, one(json!({"eraseCustomer": 1})), "creditor"),
        (
            Payments,
            json!({"tenant": "617", "eraseCustomer": 1, "from": "2026-11-01"}),
            "from",
        ),
        (
            Payments,
            json!({"tenant": "617", "eraseCustomer": "1"}),
            "eraseCustomer",
        ),
        (
            Payments,
            json!({"tenant": "617", "eraseCustomer": 4_294_967_296_i64}),
            "eraseCustomer",
        ),
        (
            Payments,
            json!({"tenant": "617", "eraseCustomer": null}),
            "eraseCustomer",
        ),
        (Payments, json!({"eraseCustomer": 1}), "tenant"),
        (
            Payments,
            json!({"tenant": "617", "webhook": "a", "confirm": "x"}),
            "confirm",
        ),
        (Payments, json!({"webhook": "a"}), "tenant"),
        (
            Payments,
            json!({"redundancy": true, "confirm": "x"}),
            "confirm",
        ),
        (Import, one(json!({"confirm": "x"})), "confirm"),
        (
            Import,
            json!({"eraseCustomer": 1, "tenant": "617"}),
            "eraseCustomer",
        ),
        (Import, json!({"redundancy": true}), "redundancy"),
        (Import, json!({"task": "reconcile"}), "task"),
        (Import, json!({"run": "x"}), "run"),
        (Import, json!({"creditor": 1}), "creditor"),
        (Import, json!({"tenant": null}), "tenant"),
        (Import, json!({"from": "2026-12-01"}), "from"),
        (Import, json!({"from": "0026-11-01"}), "from"),
        (
            Import,
            one(json!({"run": "x", "from": "2026-11-01"})),
            "from",
        ),
        (Import, one(json!({"run": "x", "dryRun": true})), "dryRun"),
        (
            Import,
            json!({"detail-type": "task.requested", "detail": {}, "dryRun": true}),
            "dryRun",
        ),
        (Import, json!({"detail-type": "task.requested"}), "detail"),
        (Reconcile, one(json!({"from": "2026-11-01"})), "from"),
        (
            Reconcile,
            json!({"tenant": "617", "confirm": "x"}),
            "confirm",
        ),
        (
            Reconcile,
            one(json!({"confirm": "x", "dryRun": true})),
            "dryRun",
        ),
        (Reconcile, one(json!({"confirm": "x", "run": "x"})), "run"),
        (Reconcile, one(json!({"confirm": " "})), "confirm"),
        (Reconcile, json!({"DryRun": true}), "DryRun"),
        (
            Import,
            json!({"tenant": "617", "call": "GET /v1/runs"}),
            "call",
        ),
        (Api, json!({}), "tenant"),
        (Api, json!({"tenant": "617"}), "call"),
        (Api, json!({"tenant": "6#7", "call": "GET /x"}), "tenant"),
        (Api, json!({"tenant": 617, "call": "GET /x"}), "tenant"),
        (Api, json!({"tenant": "617", "call": "x"}), "call"),
        (Api, json!({"tenant": "617", "calls": "GET /x"}), "calls"),
        (Api, json!({"tenant": "617", "redrive": true}), "redrive"),
        (
            Api,
            json!({"tenant": "617", "call": "GET /x", "webhook": "a"}),
            "webhook",
        ),
        (
            Api,
            json!({"tenant": "617", "call": "GET /x", "dryRun": true}),
            "dryRun",
        ),
        (
            Api,
            json!({"tenant": "617", "call": "GET /x", "idempotencyKey": ""}),
            "idempotencyKey",
        ),
    ] {
        let why = read(function, event.clone()).unwrap_err();
        assert!(
            why.contains(&format!("\"{named}\"")) && why.contains("Exemplo: {"),
            "{event}: {why}"
        );
    }
}

#[test]
fn a_wrong_value_is_answered_with_a_right_one() {
    let why = |event| read(Function::Import, event).unwrap_err();
    assert!(why(json!({"credor": 1})).contains(
        "campo desconhecido \"credor\"; os campos deste comando são tenant, creditor, from"
    ));
    for (event, shown) in [
        (
            json!({"tenant": "617", "from": "22/11/2026"}),
            "\"from\": \"2026-11-01\"",
        ),
        (json!({"tenant": 617}), "\"tenant\": \"617\""),
        (
            json!({"tenant": "617", "creditor": "um"}),
            "\"creditor\": 1",
        ),
        (json!({"tenant": "617", "creditor": -1}), "\"creditor\": 1"),
        (json!({"dryRun": "sim"}), "\"dryRun\": true"),
        (json!([]), "objeto JSON"),
    ] {
        let why = why(event);
        assert!(why.contains(shown), "{why}");
    }
}

#[test]
fn through_the_bus_come_runs_and_no_command() {
    let of_the_bus = |detail: Value| json!({"source": "ponte", "detail-type": "task.requested", "detail": detail});
    for (function, form) in [
        (Function::Payments, &ERASE),
        (Function::Payments, &REPROCESS),
        (Function::Payments, &REDRIVE),
        (Function::Api, &CALL),
    ] {
        let command: Value = serde_json::from_str(form.example).unwrap();
        assert!(read(function, command.clone()).is_ok(), "{command}");
        let why = read(function, of_the_bus(command)).unwrap_err();
        assert!(why.contains("pelo barramento não se pede"), "{why}");
    }
    let confirmed = json!({"task": "reconcile", "tenant": "617", "creditor": 1, "confirm": "20261120T150000Z-abc"});
    assert!(read(Function::Reconcile, confirmed.clone()).is_ok());
    let why = read(Function::Reconcile, of_the_bus(confirmed)).unwrap_err();
    assert!(why.contains("não se pede \"confirm\""), "{why}");
    for task in [
        Task {
            task: Some(TaskName::Import),
            tenant: TenantId::parse("617").ok(),
            creditor: Some(CreditorId(1)),
            from: Some(date(2026, 11, 1)),
            dry_run: true,
            ..Task::default()
        },
        Task::continuation(
            TaskName::Payments,
            &TenantId::parse("617").unwrap(),
            CreditorId(1),
            "20261120T150000Z-abc".to_owned(),
        ),
    ] {
        let function = Function::from(task.task.unwrap());
        assert_eq!(run(function, of_the_bus(task.request().detail)), task);
    }
}

#[test]
fn a_request_reads_back_as_the_same_task() {
    let tenant = TenantId::parse("617").unwrap();
    for name in TaskName::ALL {
        let function = Function::from(name);
        let rest = Task::continuation(
            name,
            &tenant,
            CreditorId(1),
            "20261120T150000Z-abc".to_owned(),
        );
        assert_eq!(run(function, rest.request().detail), rest);
    }
    let task = Task {
        task: Some(TaskName::Import),
        tenant: Some(tenant),
        creditor: Some(CreditorId(1)),
        from: Some(date(2026, 11, 1)),
        dry_run: true,
        ..Task::default()
    };
    assert_eq!(run(Function::Import, task.request().detail), task);
}

#[test]
fn a_call_is_a_method_a_path_a_query_and_a_body() {
    let event = json!({"tenant": "617", "call": " post /v1/quotes?a=1&b ", "body": {"bills": []}});
    let Ok(Command::Call(call)) = read(Function::Api, event) else {
        panic!()
    };
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("POST", "/v1/quotes")
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(call.query, [pair("a", "1"), pair("b", "")]);
    assert_eq!(call.body, b"{\"bills\":[]}");
    let Ok(Command::Call(call)) = read(
        Function::Api,
        json!({"tenant": "617", "call": "GET /v1/runs", "body": null}),
    ) else {
        panic!()
    };
    assert!(call.body.is_empty() && call.query.is_empty());
}

#[test]
fn what_is_asked_of_another_function_names_it() {
    let why = |function, event| read(function, event).unwrap_err();
    assert!(
        why(Function::Import, json!({"redrive": true}))
            .contains("\"redrive\" é um comando da função payments; esta é a import")
    );
    assert!(
        why(
            Function::Payments,
            json!({"tenant": "617", "call": "GET /v1/runs"})
        )
        .contains("\"call\" é um comando da função api; esta é a payments")
    );
}
