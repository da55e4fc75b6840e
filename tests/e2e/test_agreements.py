"""An integrated agreement on the local stack, from the quote to its end: through the API Gateway, the real functions, the queue and Sienge."""

from __future__ import annotations

import datetime
import time
import uuid

from test_api import call, campaigns  # noqa: F401


def agree(ponte, bill: int, installments: list[int]) -> dict:
    """Quotes and saves an agreement of three payments that is remade in Sienge."""
    first_due = datetime.date.today() + datetime.timedelta(days=30)
    quote = {
        "bills": [{"bill": bill, "installments": installments}], "plan": {"installments": 3, "firstDue": first_due.isoformat()},
    }
    status, quoted, _ = call(ponte, "POST", "/v1/quotes", quote)
    assert status == 200, quoted
    body = {"quote": quote, "kind": "integrated", "operator": "operador-7"}
    status, saved, _ = call(ponte, "POST", "/v1/agreements", body, headers={"Idempotency-Key": str(uuid.uuid4())})
    assert (status, saved["state"]["is"]) == (200, "active"), saved
    assert saved["total"] == quoted["plan"]["total"]
    return saved


def wait_for_state(ponte, agreement: str, state: str, timeout_seconds: float = 180) -> dict:
    """The agreement, once it stands so."""
    until = time.monotonic() + timeout_seconds
    while True:
        status, found, _ = call(ponte, "GET", f"/v1/agreements/{agreement}")
        assert status == 200, found
        if found["state"]["is"] == state:
            return found
        assert time.monotonic() < until, found["state"]
        time.sleep(0.5)


def two_open(ponte, place: int) -> tuple[int, list[int]]:
    """Two open installments of one indexer, of a contract."""
    by_bill: dict[int, list] = {}
    for installment in ponte.open_installments():
        by_bill.setdefault(installment.bill, []).append(installment)
    bill, found = [(bill, found) for bill, found in sorted(by_bill.items()) if len(found) > 4][place]
    last = sorted(found, key=lambda i: i.due)[-2:]
    return bill, [installment.id for installment in last]


def generated(saved: dict) -> list[int]:
    return [one["installment"] for one in saved["remake"]["generated"]]


def test_an_agreement_is_made_in_sienge_comes_back_is_paid_one_by_one_and_settles(ponte, campaigns):  # noqa: F811
    bill, installments = two_open(ponte, 0)
    saved = agree(ponte, bill, installments)
    made = generated(saved)
    assert len(made) == 3
    ponte.settle()
    open_now = {(i.bill, i.id) for i in ponte.open_installments()}
    assert {(bill, one) for one in made} <= open_now
    assert not {(bill, one) for one in installments} & open_now
    assert not ponte.differences()
    for one in made:
        ponte.simulator.change("receive", billId=bill, installmentId=one)
        ponte.settle()
    settled = wait_for_state(ponte, saved["id"], "settled")
    assert all(row["paidOn"] for row in settled["rows"])


def test_an_agreement_whose_remake_is_deleted_in_sienge_is_broken_and_its_originals_return(ponte, campaigns):  # noqa: F811
    bill, installments = two_open(ponte, 1)
    saved = agree(ponte, bill, installments)
    ponte.settle()
    ponte.simulator.change("remake", billId=bill, undo=True)
    ponte.settle()
    broken = wait_for_state(ponte, saved["id"], "broken")
    assert broken["state"]["how"]["by"] == "erpGone"
    open_now = {(i.bill, i.id) for i in ponte.open_installments()}
    assert {(bill, one) for one in installments} <= open_now
    assert not {(bill, one) for one in generated(saved)} & open_now
    assert not ponte.differences()
