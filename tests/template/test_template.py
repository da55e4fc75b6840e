"""What template.yaml must hold whatever else changes: nothing is lost, nothing is too open."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "template.yaml").read_text()
TEMPLATE = yaml_parse(TEXT)
RESOURCES = TEMPLATE["Resources"]
FUNCTIONS = ("webhook", "apply", "payments", "import", "reconcile", "api")


def of_type(kind: str) -> dict[str, dict]:
    """Logical id -> properties of every resource of a type."""
    return {name: r.get("Properties", {}) for name, r in RESOURCES.items() if r["Type"] == kind}


def functions() -> dict[str, dict]:
    """Binary name -> properties."""
    return {
        r["Metadata"]["BuildProperties"]["Binary"]: r["Properties"]
        for r in RESOURCES.values()
        if r["Type"] == "AWS::Serverless::Function"
    }


def target(value) -> str:
    """The logical id behind a Ref or a GetAtt."""
    if "Ref" in value:
        return value["Ref"]
    got = value["Fn::GetAtt"]
    return got.split(".")[0] if isinstance(got, str) else got[0]


def statements(role: str) -> list[dict]:
    """The inline policy statements of a role."""
    return [s for p in RESOURCES[role]["Properties"]["Policies"] for s in p["PolicyDocument"]["Statement"]]


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


# ---------------------------------------------------------------- functions


def test_the_functions_are_there_built_by_cargo_lambda():
    assert sorted(functions()) == sorted(FUNCTIONS)
    for resource in RESOURCES.values():
        if resource["Type"] == "AWS::Serverless::Function":
            assert resource["Metadata"]["BuildMethod"] == "rust-cargolambda"
    shared = TEMPLATE["Globals"]["Function"]
    assert (shared["Runtime"], shared["Handler"]) == ("provided.al2023", "bootstrap")


def test_arm64_is_the_default_and_x86_64_the_other_choice():
    assert TEMPLATE["Globals"]["Function"]["Architectures"] == [{"Ref": "Architecture"}]
    assert TEMPLATE["Parameters"]["Architecture"]["Default"] == "arm64"
    assert sorted(TEMPLATE["Parameters"]["Architecture"]["AllowedValues"]) == ["arm64", "x86_64"]


def test_every_function_gets_the_environment_it_reads():
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    expected = {
        "PORTFOLIO_TABLE", "JOURNAL_TABLE", "CONTROL_TABLE", "AUDIT_TABLE", "AUDIT_RETENTION_DAYS", "INBOX_QUEUE_URL",
        "EVENT_BUS_NAME", "TENANT_SECRET_PREFIX", "RUST_LOG",
    }
    assert expected <= set(variables)


def test_every_parameter_has_a_default_so_that_a_guided_deploy_asks_nothing_hard():
    assert [name for name, p in TEMPLATE["Parameters"].items() if "Default" not in p] == []


def test_each_function_has_its_own_role():
    roles = [target(p["Role"]) for p in functions().values()]
    assert len(set(roles)) == len(FUNCTIONS)
    for name, properties in functions().items():
        principals = RESOURCES[target(properties["Role"])]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert [s["Principal"] for s in principals] == [{"Service": "lambda.amazonaws.com"}], name


READ_AND_CHANGE = {"BatchGetItem", "Query", "PutItem", "UpdateItem"}
NOTE_DOWN = {"BatchGetItem", "PutItem", "UpdateItem", "BatchWriteItem"}
RUN = {"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}
ON_TABLES = {
    "webhook": {"ControlTable": {"GetItem", "PutItem"}, "JournalTable": {"PutItem", "UpdateItem", "BatchGetItem", "BatchWriteItem"}},
    # Those that may take installments away count what is open first.
    "apply": {
        "PortfolioTable": READ_AND_CHANGE, "PortfolioTable/index/open_installments": {"Query"}, "JournalTable": NOTE_DOWN,
        "ControlTable": {"GetItem", "Query", "PutItem", "UpdateItem"},
    },
    "payments": {
        "PortfolioTable": READ_AND_CHANGE, "PortfolioTable/index/outbox": {"Query"}, "PortfolioTable/index/by_customer": {"Query"},
        "PortfolioTable/index/open_installments": {"Query"}, "JournalTable": NOTE_DOWN | {"DeleteItem"},
        "JournalTable/index/pending": {"Query"}, "ControlTable": RUN, "AuditTable": {"PutItem"},
    },
    "import": {
        "PortfolioTable": READ_AND_CHANGE,
        "PortfolioTable/index/open_installments": {"Query"}, "PortfolioTable/index/by_document": {"Query"},
        "JournalTable": NOTE_DOWN, "JournalTable/index/pending": {"Query"}, "ControlTable": RUN, "AuditTable": {"PutItem"},
    },
    "reconcile": {
        "PortfolioTable": READ_AND_CHANGE, "PortfolioTable/index/open_installments": {"Query"},
        "JournalTable": NOTE_DOWN, "ControlTable": RUN, "AuditTable": {"PutItem"},
    },
    "api": {
        "PortfolioTable": READ_AND_CHANGE,
        "PortfolioTable/index/by_customer": {"Query"}, "PortfolioTable/index/open_installments": {"Query"},
        "JournalTable": {"Query", "BatchGetItem", "PutItem", "BatchWriteItem"}, "JournalTable/index/by_day": {"Query"},
        "ControlTable": {"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"},
        "AuditTable": {"PutItem", "Query", "BatchGetItem"}, "AuditTable/index/by_actor": {"Query"}, "AuditTable/index/by_object": {"Query"},
    },
}
TASK_FAILED = {"TaskDeadLetters": {"sqs:SendMessage"}}
PUBLISH = {"EventBus": {"events:PutEvents"}}
BESIDE_TABLES = {
    "webhook": {"InboxQueue": {"sqs:SendMessage", "sqs:GetQueueAttributes"}},
    "apply": PUBLISH | {
        "InboxQueue": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"},
    },
    # Dead letters are moved back from here.
    "payments": PUBLISH | TASK_FAILED | {
        "InboxQueue": {"sqs:SendMessage"}, "InboxDeadLetters": {"sqs:ReceiveMessage", "sqs:DeleteMessage"},
    },
    "import": PUBLISH | TASK_FAILED,
    "reconcile": PUBLISH | TASK_FAILED,
    "api": PUBLISH,
}
TENANTS_SECRETS = (
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:ponte/${AWS::StackName}/tenant/*"
)


def named(resource) -> str:
    """What a statement is about: a logical id, `Table/index/name`, or an ARN as written."""
    return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", resource["Fn::Sub"]) if "Fn::Sub" in resource else target(resource)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_only_what_it_does(name):
    """That this is enough is held, for the tables, by the harness, which denies the functions everything else."""
    properties = functions()[name]
    tables: dict[str, set[str]] = {}
    beside: dict[str, set[str]] = {}
    for statement in statements(target(properties["Role"])):
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                if action.startswith("dynamodb:"):
                    tables.setdefault(named(resource), set()).add(action.removeprefix("dynamodb:"))
                else:
                    beside.setdefault(named(resource), set()).add(action)
    assert tables == ON_TABLES[name]
    assert beside == BESIDE_TABLES[name] | {
        target(properties["LoggingConfig"]["LogGroup"]): {"logs:CreateLogStream", "logs:PutLogEvents"},
        TENANTS_SECRETS: {"secretsmanager:GetSecretValue"},
    }


def test_the_function_that_faces_the_internet_writes_no_settings():
    writes = [s for s in statements("WebhookRole") if named(as_list(s["Resource"])[0]) == "ControlTable" and "Condition" in s]
    (only,) = writes
    assert only["Action"] == "dynamodb:PutItem"
    assert only["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["buckets#*"]}}
    plain = [s["Action"] for s in statements("WebhookRole") if named(as_list(s["Resource"])[0]) == "ControlTable" and s is not only]
    assert plain == [["dynamodb:GetItem"]]


TRACES = {"Fn::If": [
    "IsTraced", [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"}], {"Ref": "AWS::NoValue"},
]}


def test_rights_come_from_a_roles_own_statements_only():
    """Traces apart, which take AWS's policy for them: what `statements` shows of a role is all that it may."""
    of_functions = {target(p["Role"]) for p in functions().values()}
    of_schedules = {target(p["Target"]["RoleArn"]) for p in of_type("AWS::Scheduler::Schedule").values()}
    roles = of_type("AWS::IAM::Role")
    assert set(roles) == of_functions | of_schedules
    for name, role in roles.items():
        assert role.get("ManagedPolicyArns") == (TRACES if name in of_functions else None), name
    assert TEMPLATE["Conditions"]["IsTraced"] == {"Fn::Equals": [{"Ref": "Tracing"}, "Active"]}
    types = {r["Type"] for r in RESOURCES.values()}
    # Neither a policy that is attached to roles from outside nor a connector, from which SAM makes one.
    assert {t for t in types if t.startswith("AWS::IAM::")} == {"AWS::IAM::Role"}
    assert {t for t in types if t.startswith("AWS::Serverless::")} == {"AWS::Serverless::Function"}
    assert [name for name, r in RESOURCES.items() if "Connectors" in r] == []
    # Nor one of a resource that lets somebody in, but for the queue's, which has a test of its own.
    assert {t for t in types if t.endswith("Policy")} == {"AWS::SQS::QueuePolicy"}


def test_secrets_are_reachable_under_the_tenants_prefix_only():
    for name, properties in functions().items():
        reads = [s for s in statements(target(properties["Role"])) if s["Action"] == "secretsmanager:GetSecretValue"]
        assert len(reads) == 1, name
        assert reads[0]["Resource"]["Fn::Sub"].endswith(":secret:ponte/${AWS::StackName}/tenant/*")
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["TENANT_SECRET_PREFIX"] == {
        "Fn::Sub": "ponte/${AWS::StackName}/tenant/"
    }


def test_no_action_is_a_wildcard_and_every_other_wildcard_is_explained():
    for name in of_type("AWS::IAM::Role"):
        for statement in statements(name):
            assert not [a for a in as_list(statement["Action"]) if "*" in a], name
            assert "*" not in as_list(statement["Resource"]), name
    lines = TEXT.splitlines()
    for at, line in enumerate(lines):
        code = line.split(" #")[0]
        # Cron expressions hold stars that open nothing.
        if "*" not in code or code.lstrip().startswith("#") or "cron(" in code:
            continue
        assert " #" in line or lines[at - 1].lstrip().startswith("#"), f"line {at + 1}: a wildcard without a comment: {line}"


def test_every_log_group_has_a_retention_and_every_function_writes_to_its_own():
    groups = of_type("AWS::Logs::LogGroup")
    assert all("RetentionInDays" in p for p in groups.values())
    used = [target(p["LoggingConfig"]["LogGroup"]) for p in functions().values()]
    assert len(set(used)) == len(FUNCTIONS)
    assert set(used) <= set(groups)


# ---------------------------------------------------------------- tables

KEYS = {
    "PortfolioTable": {
        "by_document": ("document_key", None, "KEYS_ONLY"),
        "by_customer": ("customer_key", "sk", "KEYS_ONLY"),
        "open_installments": ("open_shard", "open_key", ["fingerprint", "boleto"]),
        "outbox": ("outbox_shard", "outbox_at", "KEYS_ONLY"),
    },
    "JournalTable": {
        "by_day": ("day_key", "at", ["kind", "state", "summary"]),
        "by_bill": ("bill_key", "at", ["kind", "state", "summary"]),
        "pending": ("pending_shard", "at", "KEYS_ONLY"),
    },
    "ControlTable": {},
    "AuditTable": {"by_actor": ("actor_key", "sk", "ALL"), "by_object": ("object_key", "sk", "ALL")},
}


@pytest.mark.parametrize("table", sorted(KEYS))
def test_tables_have_the_keys_and_indexes_of_the_data_model(table):
    properties = RESOURCES[table]["Properties"]
    assert properties["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    found = {}
    for index in properties.get("GlobalSecondaryIndexes", []):
        keys = {k["KeyType"]: k["AttributeName"] for k in index["KeySchema"]}
        projection = index["Projection"]
        found[index["IndexName"]] = (
            keys["HASH"], keys.get("RANGE"), projection.get("NonKeyAttributes", projection["ProjectionType"]),
        )
    assert found == KEYS[table]


@pytest.mark.parametrize("table", sorted(KEYS))
def test_tables_are_on_demand_encrypted_and_survive_the_stack(table):
    resource = RESOURCES[table]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    assert resource["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert resource["Properties"]["SSESpecification"]["SSEEnabled"] is True
    assert "DeletionProtectionEnabled" in resource["Properties"]


@pytest.mark.parametrize("table", ["PortfolioTable", "ControlTable", "AuditTable"])
def test_what_cannot_be_fetched_again_can_be_restored_to_a_point_in_time(table):
    recovery = RESOURCES[table]["Properties"]["PointInTimeRecoverySpecification"]
    assert recovery["PointInTimeRecoveryEnabled"] is True


def test_the_portfolio_never_expires_and_everything_else_may():
    for table in ("JournalTable", "ControlTable", "AuditTable"):
        assert RESOURCES[table]["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert "TimeToLiveSpecification" not in RESOURCES["PortfolioTable"]["Properties"]


def test_nobody_changes_a_line_of_the_audit_and_it_outlives_the_journal():
    for name in FUNCTIONS:
        for action in ON_TABLES[name].get("AuditTable", set()):
            assert action in {"PutItem", "Query", "BatchGetItem"}, f"{name}: {action}"
    kept = TEMPLATE["Parameters"]["AuditRetentionDays"]
    # Parts of large webhooks are the journal's oldest items.
    assert kept["MinValue"] > 180 and kept["Default"] >= 5 * 365
    assert f"| `AuditRetentionDays` | {kept['Default']} |" in (ROOT / "README.md").read_text()


# ---------------------------------------------------------------- queues


def test_visibility_is_at_least_six_times_the_time_out_of_the_consumer():
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    consumer = RESOURCES[target(mapping["FunctionName"])]["Properties"]
    assert consumer["Timeout"] == {"Ref": "ApplyTimeoutSeconds"}
    visibility = RESOURCES[target(mapping["EventSourceArn"])]["Properties"]["VisibilityTimeout"]
    assert visibility == {"Fn::FindInMap": ["InboxVisibility", {"Ref": "ApplyTimeoutSeconds"}, "Seconds"]}
    by_time_out = {int(key): value["Seconds"] for key, value in TEMPLATE["Mappings"]["InboxVisibility"].items()}
    assert sorted(by_time_out) == TEMPLATE["Parameters"]["ApplyTimeoutSeconds"]["AllowedValues"]
    assert all(seconds >= 6 * time_out for time_out, seconds in by_time_out.items())


def test_the_inbox_feeds_apply_with_partial_answers_and_small_concurrency():
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    assert (target(mapping["EventSourceArn"]), target(mapping["FunctionName"])) == ("InboxQueue", "ApplyFunction")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # Above 10 a window of at least a second is required; more would delay every payment.
    assert mapping["BatchSize"] == 100 and mapping["MaximumBatchingWindowInSeconds"] == 1
    assert 2 <= mapping["ScalingConfig"]["MaximumConcurrency"] <= 10


def test_every_queue_is_encrypted_and_leads_to_dead_letters_or_is_one():
    queues = of_type("AWS::SQS::Queue")
    dead = {target(p["RedrivePolicy"]["deadLetterTargetArn"]) for p in queues.values() if "RedrivePolicy" in p}
    dead |= {target(r["DeadLetterConfig"]["Arn"]) for p in of_type("AWS::Events::Rule").values() for r in p["Targets"]}
    for name, properties in queues.items():
        assert properties["SqsManagedSseEnabled"] is True, name
        if name in dead:
            assert properties["MessageRetentionPeriod"] == 1209600, f"{name}: dead letters wait 14 days"
        else:
            assert properties["RedrivePolicy"]["maxReceiveCount"] == 5, name
    watched = {target(p["Dimensions"][0]["Value"]) for p in of_type("AWS::CloudWatch::Alarm").values() if "Dimensions" in p}
    assert dead <= watched, "somebody must hear of dead letters"


# ---------------------------------------------------------------- API


def test_every_route_exists_and_reaches_its_function():
    # Native resources: the local AWS deploys AWS::Serverless::HttpApi without any route.
    assert not of_type("AWS::Serverless::HttpApi")
    routes = {p["RouteKey"]: p for p in of_type("AWS::ApiGatewayV2::Route").values()}
    reached = {}
    for key, route in routes.items():
        properties = RESOURCES[re.search(r"\$\{(\w+)\}", route["Target"]["Fn::Sub"]).group(1)]["Properties"]
        assert properties["PayloadFormatVersion"] == "2.0"
        reached[key] = target(properties["IntegrationUri"])
        method, path = key.split(" ")
        source = f"/{method.replace('ANY', '*')}{re.sub(r'{.*', '*', path)}"
        allowed = [
            target(p["FunctionName"])
            for p in of_type("AWS::Lambda::Permission").values()
            if p["Principal"] == "apigateway.amazonaws.com" and p["SourceArn"]["Fn::Sub"].endswith(f"${{Api}}/*{source}")
        ]
        assert allowed == [reached[key]], key
    assert reached == {
        "POST /webhook/{receiver}": "WebhookFunction", "ANY /v1/{proxy+}": "ApiFunction", "ANY /sso/v1/{proxy+}": "ApiFunction",
    }


def test_people_come_in_through_the_authorizer_only_and_only_with_an_issuer():
    routes = {r["Properties"]["RouteKey"]: r for r in RESOURCES.values() if r["Type"] == "AWS::ApiGatewayV2::Route"}
    people = routes.pop("ANY /sso/v1/{proxy+}")
    assert people["Condition"] == "HasJwtIssuer" and people["Properties"]["AuthorizationType"] == "JWT"
    authorizer = RESOURCES[target(people["Properties"]["AuthorizerId"])]
    assert authorizer["Condition"] == "HasJwtIssuer" and authorizer["Properties"]["AuthorizerType"] == "JWT"
    assert authorizer["Properties"]["JwtConfiguration"]["Issuer"] == {"Ref": "JwtIssuer"}
    # The function believes claims on that route alone, and no other route lets any in.
    assert {r["Properties"]["AuthorizationType"] for r in routes.values()} == {"NONE"}


def test_the_stage_throttles_and_its_access_log_shows_no_query():
    stage = RESOURCES["ApiStage"]["Properties"]
    assert stage["AutoDeploy"] is True
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": {"Ref": "ApiRateLimit"}, "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"},
    }
    shown = stage["AccessLogSettings"]["Format"]
    assert "querystring" not in shown.lower() and "authorizer" not in shown and "header" not in shown
    assert "$context.identity.sourceIp" in shown, "who called is told by the address"


def test_a_banks_return_file_is_let_in_within_a_minute():
    """10,000 webhooks, with room. What the stage refuses, Sienge sends again ten minutes later."""
    limit = {name: TEMPLATE["Parameters"][name]["Default"] for name in ("ApiRateLimit", "ApiBurstLimit")}
    assert limit["ApiRateLimit"] * 60 >= 1.25 * 10_000 and limit["ApiBurstLimit"] >= limit["ApiRateLimit"]
    assert f"| `ApiRateLimit`, `ApiBurstLimit` | {limit['ApiRateLimit']}, {limit['ApiBurstLimit']} |" in (ROOT / "README.md").read_text()


def test_nothing_is_reserved_unless_asked_for_and_the_callers_of_one_function_take_nothing_from_another():
    """0 must leave the property out: as a value it would keep the function from running at all."""
    reserved = {name: p["ReservedConcurrentExecutions"] for name, p in functions().items() if "ReservedConcurrentExecutions" in p}
    assert sorted(reserved) == ["api", "apply", "webhook"]
    for name, value in reserved.items():
        parameter = f"{name.capitalize()}Concurrency"
        condition, given, otherwise = value["Fn::If"]
        assert (given, otherwise) == ({"Ref": parameter}, {"Ref": "AWS::NoValue"})
        assert TEMPLATE["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, 0]}]}
        assert (TEMPLATE["Parameters"][parameter]["Default"], TEMPLATE["Parameters"][parameter]["MinValue"]) == (0, 0)
    readme = (ROOT / "README.md").read_text()
    (row,) = re.findall(r"\| `WebhookConcurrency`, `ApplyConcurrency`, `ApiConcurrency` \| 0, 0, 0 \|.* 1,000: (.*?) \(", readme)
    webhook, apply, api = (int(number) for number in row.split(", "))
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    assert apply >= mapping["ScalingConfig"]["MaximumConcurrency"], "or batches are throttled until they are dead letters"
    assert webhook + apply + api <= 1000 - 100
    for name, most in (("Webhook", webhook), ("Apply", apply), ("Api", api)):
        assert re.search(rf"\b{most} where the account has its 1,000", TEMPLATE["Parameters"][f"{name}Concurrency"]["Description"])


# ---------------------------------------------------------------- schedules and bus


def test_schedules_are_those_of_the_playbook_in_sao_paulo_time():
    found = {
        name: (p["ScheduleExpression"], target(p["Target"]["Arn"]), p["Target"]["Input"])
        for name, p in of_type("AWS::Scheduler::Schedule").items()
    }
    assert found == {
        "PaymentsSweep": ("rate(10 minutes)", "PaymentsFunction", "{}"),
        "DailyImport": ("cron(0 5 * * ? *)", "ImportFunction", "{}"),
        "DailyRedundancy": ("cron(0 6 * * ? *)", "PaymentsFunction", '{"redundancy":true}'),
        "WeeklyReconciliation": ("cron(30 7 ? * SUN *)", "ReconcileFunction", "{}"),
    }
    for properties in of_type("AWS::Scheduler::Schedule").values():
        assert properties["ScheduleExpressionTimezone"] == "America/Sao_Paulo"


def test_every_schedule_may_invoke_its_function_only_and_loses_nothing():
    for name, properties in of_type("AWS::Scheduler::Schedule").items():
        aim = properties["Target"]
        assert {"RetryPolicy", "DeadLetterConfig"} <= set(aim), name
        allowed = {a: s["Resource"] for s in statements(target(aim["RoleArn"])) for a in as_list(s["Action"])}
        assert set(allowed) == {"lambda:InvokeFunction", "sqs:SendMessage"}
        assert target(allowed["lambda:InvokeFunction"]) == target(aim["Arn"])
        assert target(allowed["sqs:SendMessage"]) == target(aim["DeadLetterConfig"]["Arn"])


def test_tasks_on_the_bus_reach_their_function_with_dead_letters_and_permission():
    tasks = {}
    for name, rule in of_type("AWS::Events::Rule").items():
        assert target(rule["EventBusName"]) == "EventBus"
        pattern = rule["EventPattern"]
        assert (pattern["source"], pattern["detail-type"]) == (["ponte"], ["task.requested"])
        (aim,) = rule["Targets"]
        assert {"RetryPolicy", "DeadLetterConfig"} <= set(aim), name
        # By the envelope a function knows what came through the bus, which may ask for less than an operator.
        assert not {"Input", "InputPath", "InputTransformer"} & set(aim), name
        (task,) = pattern["detail"]["task"]
        tasks[task] = target(aim["Arn"])
        permitted = [
            target(p["FunctionName"])
            for p in of_type("AWS::Lambda::Permission").values()
            if p["Principal"] == "events.amazonaws.com" and target(p["SourceArn"]) == name
        ]
        assert permitted == [target(aim["Arn"])], name
    assert tasks == {"import": "ImportFunction", "reconcile": "ReconcileFunction", "payments": "PaymentsFunction"}


def test_the_bus_may_write_to_the_dead_letters_of_its_rules():
    (policy,) = of_type("AWS::SQS::QueuePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    sources = {target(arn) for arn in statement["Condition"]["ArnEquals"]["aws:SourceArn"]}
    assert sources == set(of_type("AWS::Events::Rule"))


def test_a_task_that_fails_every_try_is_kept():
    kept = {target(p["FunctionName"]): p for p in of_type("AWS::Lambda::EventInvokeConfig").values()}
    assert set(kept) == {"ImportFunction", "ReconcileFunction", "PaymentsFunction"}
    for function, properties in kept.items():
        dead = target(properties["DestinationConfig"]["OnFailure"]["Destination"])
        role = target(RESOURCES[function]["Properties"]["Role"])
        assert any(s["Action"] == "sqs:SendMessage" and target(s["Resource"]) == dead for s in statements(role)), function


# ---------------------------------------------------------------- operation


def test_operators_read_what_to_do_about_every_alarm():
    manual = (ROOT / "docs" / "operacao.md").read_text()
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert [name for name in alarms if f"| `{name}` |" not in manual] == []
    listed = set(re.findall(r"^\| `(\w+Alarm)` \|", manual, re.MULTILINE))
    assert listed == set(alarms), "the manual names alarms that the template does not have"


def test_alarms_reach_the_topic_and_look_at_metrics_that_exist():
    counted = set(re.findall(r'=> "(\w+)"', (ROOT / "shared/src/telemetry.rs").read_text()))
    for name, properties in of_type("AWS::CloudWatch::Alarm").items():
        assert properties["AlarmActions"] == {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}, name
        if properties["Namespace"] == "Ponte":
            assert properties["MetricName"] in counted, name
        # CloudWatch's limits: a day, or a week for periods of an hour or more.
        span = properties["Period"] * properties["EvaluationPeriods"]
        assert span <= (604800 if properties["Period"] >= 3600 else 86400), name


def test_a_run_that_does_not_happen_is_missed_while_the_schedules_fire():
    missed = {
        r["Properties"]["MetricName"]
        for r in RESOURCES.values()
        if r["Type"] == "AWS::CloudWatch::Alarm" and r["Properties"]["TreatMissingData"] == "breaching"
    }
    assert missed == {"SweepFinished", "ImportFinished", "RedundancyFinished", "ReconciliationFinished"}
    for name, resource in RESOURCES.items():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and resource["Properties"]["TreatMissingData"] == "breaching":
            assert resource["Condition"] == "IsScheduled", name


def test_the_dashboard_shows_metrics_that_exist():
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    body = json.loads(re.sub(r"\$\{[^}]+\}", "x", dashboard["DashboardBody"]["Fn::Sub"]))
    counted = set(re.findall(r'=> "(\w+)"', (ROOT / "shared/src/telemetry.rs").read_text()))
    own = {m[1] for w in body["widgets"] for m in w["properties"]["metrics"] if m[0] == "Ponte"}
    assert own <= counted
    assert own >= {
        "WebhookReceived", "WebhookApplied", "WebhookFailed", "ImportFinished", "RedundancyFinished", "ReconciliationFinished",
        "RunNeedsAttention", "CreditorsBehind", "MirrorDifferences", "QuotaNearlyUsed",
    }


# ---------------------------------------------------------------- the rest


def test_the_first_tenants_secret_is_conditional_and_born_without_credentials():
    secret = RESOURCES["FirstTenantSecret"]
    assert secret["Condition"] == "HasFirstTenant"
    assert secret["Properties"]["SecretString"] == '{"siengeUser":"","siengePassword":"","webhookTokens":[]}'
    assert not [name for name, p in TEMPLATE["Parameters"].items() if p.get("NoEcho")], "no credential through parameters"


def test_the_outputs_name_what_operators_need():
    assert {
        "ApiUrl", "PortfolioTableName", "JournalTableName", "ControlTableName", "InboxQueueUrl", "EventBusName",
        *(f"{name.capitalize()}FunctionName" for name in FUNCTIONS),
    } <= set(TEMPLATE["Outputs"])


def test_cfn_lint_has_nothing_to_say():
    lint = Path(sys.executable).with_name("cfn-lint")
    shown = subprocess.run([str(lint), str(ROOT / "template.yaml")], capture_output=True, text=True, check=False, timeout=120)
    assert shown.returncode == 0, shown.stdout + shown.stderr
