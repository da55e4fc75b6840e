"""The main job from end to end: the portfolio equals Sienge, instalment by instalment."""

from __future__ import annotations

import collections

from conftest import TENANT

from infra.local import compare


def test_the_main_job_ends_with_the_portfolio_equal_to_sienge(ponte):
    story = ponte.scenario().run()
    assert story.comparison.differences == []
    assert story.comparison.open_here == story.comparison.open_in_sienge > 0
    assert story.last_reconciliation_wrote == [], "a batimento right after must find nothing"
    assert all("#units " in key for key in story.last_reconciliation_refreshed)
    assert len(story.told) >= 14 and len(story.untold) >= 2
    assert_the_reversal_was_found_by_a_routine(ponte, story)
    assert ponte.stack.waiting() == {"pending": 0, "unmatched": 0, "queued": 0, "dead": 0, "failed_tasks": 0}


def assert_the_reversal_was_found_by_a_routine(ponte, story):
    """Sienge does not tell of it: the payment was applied first, then a routine took it back, and says so."""
    bill, installment = story.reversed
    told = [
        item["kind"]["kind"]
        for item in sorted(ponte.stack.scan("Portfolio"), key=lambda item: item["sk"])
        if item["pk"] == f"tenant#{TENANT}#bill#{bill}" and item["sk"].startswith("timeline#")
        and installment in item["installments"]
    ]
    assert told.count("directPayment") == told.count("paymentReversed") == 1, told
    (held,) = [h for h in compare.held(ponte.stack) if h.key == story.reversed]
    assert held.open and held.receipts == ()
    counts = [answer.get("contagens", {}) for _, answer in story.summaries]
    assert sum(c.get("reversed", 0) + c.get("reopened", 0) for c in counts) == 1, counts


def test_against_another_sienge_the_second_batimento_is_watched_too(ponte):
    """Nothing is changed there, so whatever the second batimento writes must be seen."""
    scenario = ponte.scenario()
    assert scenario.run_against_a_real_sienge().last_reconciliation_wrote == []
    assert [title for title, _ in scenario.story.summaries][-1].startswith("Segundo batimento")
    target = next(i for i in ponte.open_installments() if not i.receipts)
    ponte.simulator.change("receive", billId=target.bill, installmentId=target.id, silent=True)
    scenario.last_reconciliation("batimento")
    assert any(f"#bill#{target.bill} " in key for key in scenario.story.last_reconciliation_wrote)


def test_no_receipt_counts_twice_however_often_its_webhook_comes(ponte):
    target = next(i for i in ponte.open_installments() if not i.receipts)
    ponte.simulator.request("PUT", "webhooks", {"duplicates": 1.0})
    ponte.simulator.change("receive", billId=target.bill, installmentId=target.id, value="10.00")
    ponte.settle()
    ponte.simulator.request("PUT", "webhooks", {})
    assert ponte.differences() == []


def test_a_payment_reaches_the_portfolio_by_its_webhook_alone(ponte):
    target = next(i for i in ponte.open_installments() if not i.receipts)
    ponte.simulator.change("receive", billId=target.bill, installmentId=target.id)

    def held():
        return next(h for h in compare.held(ponte.stack) if h.key == target.key and h.customer == target.customer)

    _until(lambda: not held().open, "the payment did not arrive")
    paid = held()
    assert paid.motive == "receipt" and paid.balance == 0


def test_an_assignment_of_rights_is_made_by_the_batimento_only(ponte):
    bill = next(i for i in ponte.open_installments() if i.document == "CT").bill
    ponte.simulator.change("assign", billId=bill)
    ponte.settle()
    ponte.reconcile()
    assert ponte.differences() == []


def test_a_dry_run_reports_and_writes_nothing(ponte):
    target = next(i for i in ponte.open_installments() if not i.receipts)
    ponte.simulator.change("receive", billId=target.bill, installmentId=target.id, silent=True)
    scenario = ponte.scenario()
    before = scenario.portfolio_snapshot()
    for creditor in ponte.creditors:
        answer = ponte.stack.invoke("reconcile", {"tenant": TENANT, "creditor": creditor, "dryRun": True})
        assert answer, "an operator reads a summary"
    assert scenario.portfolio_snapshot() == before
    ponte.reconcile()
    assert ponte.differences() == []


def test_a_task_without_a_tenant_reaches_every_creditor_over_the_bus(ponte):
    target = next(i for i in ponte.open_installments() if not i.receipts)
    ponte.simulator.change("receive", billId=target.bill, installmentId=target.id, silent=True)
    ponte.stack.invoke("reconcile", {})
    _until(lambda: ponte.differences() == [], "the requested tasks did not run")


def test_events_of_the_portfolio_reach_the_bus(ponte):
    """What a subscriber would see: caught by a rule of the test's own."""
    events, sqs = ponte.stack.client("events"), ponte.stack.client("sqs")
    queue = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = ponte.stack.outputs["EventBusName"]
    events.put_rule(Name="subscriber", EventBusName=bus, EventPattern='{"source":["ponte"]}')
    events.put_targets(Rule="subscriber", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    target = next(i for i in ponte.open_installments() if not i.receipts)
    ponte.simulator.change("receive", billId=target.bill, installmentId=target.id)
    seen: collections.Counter = collections.Counter()

    def payment_told() -> bool:
        import json

        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            seen[json.loads(message["Body"])["detail-type"]] += 1
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return seen["payment.applied"] > 0

    _until(payment_told, "payment.applied did not reach the bus")
    events.remove_targets(Rule="subscriber", EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name="subscriber", EventBusName=bus)


def _until(condition, otherwise: str, timeout_seconds: float = 90) -> None:
    import time

    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.5)
