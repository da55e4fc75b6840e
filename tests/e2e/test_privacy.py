"""After a day with trouble of every kind: no personal data and no secret where people and other systems look."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
import zlib

from conftest import TENANT
from test_crashes import nobody_takes_from_the_inbox

PERSONAL = {"name", "cpf", "e-mail", "phone"}


def personal_data(customers: list[dict]) -> dict[str, str]:
    """Every name, document, address, phone and e-mail that the simulator invented -> what it is."""
    found: dict[str, str] = {}

    def note(kind: str, value) -> None:
        if isinstance(value, str) and len(value) >= 8:
            found[value] = kind
            digits = re.sub(r"\D", "", value)
            if kind in ("cpf", "cnpj", "phone") and len(digits) >= 8:
                found[digits] = kind

    for row in customers:
        note("name", row.get("name"))
        note("cpf", row.get("cpf"))
        note("cnpj", row.get("cnpj"))
        note("e-mail", row.get("email"))
        for phone in row.get("phones") or []:
            note("phone", phone.get("number"))
        for address in row.get("addresses") or []:
            note("street", address.get("streetName"))
        spouse = row.get("spouse") or {}
        note("name", spouse.get("name"))
        note("cpf", spouse.get("cpf"))
    return found


def kinds(told: dict[str, str], text: str) -> set[str]:
    """What of it is in a text."""
    return {kind for value, kind in told.items() if value in text}


def logs(ponte) -> str:
    """What the functions and the API wrote, wherever the local AWS keeps it."""
    client = ponte.stack.client("logs")
    lines = []
    for group in client.get_paginator("describe_log_groups").paginate().build_full_result()["logGroups"]:
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        lines += [event["message"] for page in pages for event in page["events"]]
    lines += [path.read_text(errors="replace") for path in (ponte.stack.folder / "logs").glob("aws*.log")]
    return "\n".join(lines)


def messages(ponte, output: str) -> str:
    """The bodies in a queue."""
    sqs, url, bodies = ponte.stack.client("sqs"), ponte.stack.outputs[output], []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", []):
        bodies += [message["Body"] for message in found]
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return "\n".join(bodies)


def journal(ponte) -> str:
    """Calls, runs, critiques and webhooks."""
    items = ponte.stack.scan("Journal")
    assert any("#call" in item["pk"] for item in items), "no call to Sienge was journalled"
    return json.dumps(items + ponte.stack.scan("Control") + ponte.stack.scan("Audit"), default=unpacked, ensure_ascii=False)


def unpacked(value) -> str:
    """Decimals as text, and large texts as they were before they were compressed."""
    if isinstance(value, (set, frozenset)):
        return json.dumps(sorted(value, key=str), default=unpacked, ensure_ascii=False)
    packed = getattr(value, "value", None)
    if not isinstance(packed, bytes):
        return str(value)
    # What is small is kept as it is, and the digests of API keys are no text at all.
    return zlib.decompress(packed, wbits=47).decode() if packed.startswith(b"\x1f\x8b") else packed.decode(errors="replace")


def written(body: dict) -> str:
    """JSON with every letter as it is: what is copied from it is found."""
    return json.dumps(body, ensure_ascii=False)


def post(ponte, body: dict, token: str) -> int:
    """A webhook by hand."""
    request = urllib.request.Request(
        f"{ponte.stack.api_url}/webhook/sienge?IdAssessoria={TENANT}",
        data=written(body).encode(),
        headers={"Authorization": f"Bearer {token}", "x-sienge-event": "RECEIPT_PROCESSED", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def let_die(ponte, body: dict) -> str:
    """A webhook whose message is received until the inbox gives it up; that message, which is a dead letter then."""
    sqs, queue, received = ponte.stack.client("sqs"), ponte.stack.outputs["InboxQueueUrl"], set()
    with nobody_takes_from_the_inbox(ponte):
        assert post(ponte, body, ponte.token) == 200
        for _ in range(10):
            # Hidden for no time, it comes again at once.
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0).get("Messages", [])
            if not found:
                break
            received |= {message["Body"] for message in found if "#webhook#" in message["Body"]}
    (message,) = received
    return message


def test_a_day_with_trouble_leaves_no_personal_data_and_no_secret_in_logs_queues_and_journal(ponte):
    ponte.reconcile()
    customers = ponte.sienge.rows("/customers")
    told = personal_data(customers)
    person = next(row for row in customers if kinds(told, written(row)) >= PERSONAL)
    someone = next(value for value, kind in told.items() if kind == "name")
    targets = [i for i in ponte.open_installments() if not i.receipts][:8]

    # Answers that break off, are refused, or say something else; and people's data where it does not belong.
    ponte.simulator.request("PUT", "faults", [
        {"kind": "truncated", "route": "v1/customers", "probability": 0.5},
        {"kind": "status", "status": 500, "route": "bulk-data/v1/income/by-bills", "count": 3, "body": someone},
        {"kind": "status", "status": 422, "route": "v1/units", "count": 2, "body": json.dumps({"message": someone})},
    ])
    for target in targets:
        ponte.simulator.change("receive", billId=target.bill, installmentId=target.id, value="1.00")
        ponte.simulator.change("customer", customerId=target.customer, name=f"{someone} Segundo")
    assert post(ponte, {"billId": someone}, ponte.token) == 400
    assert post(ponte, {"billId": 1, "note": someone}, f"{ponte.token}x") == 401
    ponte.settle()
    ponte.simulator.request("PUT", "faults", [])
    ponte.scenario().repairs()
    ponte.stack.client("sqs").send_message(
        QueueUrl=ponte.stack.outputs["InboxQueueUrl"], MessageBody=json.dumps({"tenant": "617", "wrong": "corpo"})
    )
    ponte.reconcile()
    died = let_die(ponte, {"billId": targets[0].bill, "installmentId": targets[0].id, "customer": person})

    # The same spelling is found where it may be, so its absence elsewhere means something.
    held = json.dumps(ponte.stack.scan("Portfolio"), default=unpacked, ensure_ascii=False)
    assert kinds(told, held) >= PERSONAL

    dead = messages(ponte, "InboxDeadLettersUrl")
    assert died in dead, "no dead letter of a webhook with personal data was there to be looked at"
    text = "\n".join([logs(ponte), dead, messages(ponte, "TaskDeadLettersUrl"), journal(ponte)])
    assert "webhooks applied" in text and "window reconciled" in text, "the logs were not found"
    secrets = {ponte.token: "token", ponte.sienge.password: "password"}
    leaked = sorted(kinds(told | secrets, text))
    assert leaked == []
    assert someone not in text
    assert ponte.differences() == []
