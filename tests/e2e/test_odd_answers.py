"""What other systems really send, as a person sees what comes of it."""

from __future__ import annotations

import json

import pytest
from conftest import TENANT
from test_crashes import wait_until
from test_webhook_answers import post

from infra.local import compare

DUST = 4.5e-13


@pytest.fixture(scope="module", autouse=True)
def filled(ponte) -> None:
    """The first load."""
    ponte.reconcile()


@pytest.fixture(autouse=True)
def well_again(ponte):
    """No test leaves its odd answers to the next one."""
    yield
    ponte.simulator.request("DELETE", "faults")


def odd(ponte, rows: dict[str, dict]) -> None:
    """From now on these rows of Sienge's have other fields; a row is `bill/installment`."""
    ponte.simulator.request("PUT", "faults", [{"kind": "odd", "rows": rows}])


def unpaid(ponte, at_least: int) -> list:
    """Open installments, unpaid, of one contract with so many."""
    bills: dict[int, list] = {}
    for each in ponte.open_installments():
        if not each.receipts:
            bills.setdefault(each.bill, []).append(each)
    return next(rows for rows in bills.values() if len(rows) >= at_least)


def open_contract(ponte, bill: int) -> dict:
    """What an operator sees who opens a contract."""
    return ponte.stack.invoke("api", {"tenant": TENANT, "call": f"POST /v1/contracts/{bill}/open"})["resposta"]


def critiques(ponte) -> str:
    """The critiques of the day."""
    listed = ponte.stack.invoke("api", {"tenant": TENANT, "call": "GET /v1/critiques?limit=200"})["resposta"]
    return "\n".join(each["text"] for each in listed["critiques"])


def held(ponte, row) -> compare.Held:
    """An installment as the portfolio holds it."""
    return next(each for each in compare.held(ponte.stack) if each.key == row.key and each.customer == row.customer)


def test_balances_of_dust_take_nothing_away_unasked(ponte):
    (creditor,) = ponte.creditors
    before = compare.held(ponte.stack)
    rows = [row for row in ponte.open_installments() if not row.receipts]
    odd(ponte, {f"{row.bill}/{row.id}": {"balanceAmount": DUST, "balanceDue": DUST} for row in rows})
    for dry, state in ((True, "pediria confirmação"), (False, "aguardando confirmação")):
        answer = ponte.stack.invoke("reconcile", {"tenant": TENANT, "creditor": creditor, "dryRun": dry})
        assert answer["situacao"] == state, answer
    assert compare.held(ponte.stack) == before


def test_an_installment_that_cannot_be_read_hides_no_other(ponte):
    rows = unpaid(ponte, 3)
    odd(ponte, {f"{rows[0].bill}/{rows[0].id}": {"dueDate": None}})
    ponte.simulator.change("receive", billId=rows[1].bill, installmentId=rows[1].id, silent=True)
    assert open_contract(ponte, rows[0].bill)
    assert held(ponte, rows[0]).open and not held(ponte, rows[1]).open
    assert f"Parcela(s) {rows[0].id} do contrato {rows[0].bill} ilegível(is)" in critiques(ponte)
    ponte.simulator.request("DELETE", "faults")
    assert ponte.differences() == []


def test_what_brings_no_value_is_shown_and_pays_nothing(ponte):
    row = unpaid(ponte, 2)[0]
    ponte.simulator.change("receive", billId=row.bill, installmentId=row.id, type="Dação em pagamento", silent=True)
    open_contract(ponte, row.bill)
    assert not held(ponte, row).open
    assert 'Tipo de baixa desconhecido' in critiques(ponte)
    told = [
        item["kind"] for item in ponte.stack.scan("Portfolio")
        if item["pk"] == f"tenant#{TENANT}#bill#{row.bill}" and item["sk"].startswith("timeline#") and row.id in item["installments"]
    ]
    assert [kind.get("class") for kind in told if kind["kind"] == "directPayment"] == [None], told


def test_a_poisoned_webhook_fails_alone(ponte):
    rows = [unpaid(ponte, 1)[0], *[each for each in ponte.open_installments() if not each.receipts][-2:]]
    for row in rows:
        ponte.simulator.change("receive", billId=row.bill, installmentId=row.id, silent=True)
    # Sienge refuses any call that names it, whatever else the call names.
    status, answer = post(ponte, body=b'{"billId": 4294967296, "installmentId": 1}', x_sienge_id="poison")
    assert status == 400 and "2147483647" in answer.decode()
    for number, row in enumerate(rows):
        body = json.dumps({"billId": row.bill, "installmentId": row.id}).encode()
        assert post(ponte, body=body, x_sienge_id=f"beside-poison-{number}")[0] == 200
    wait_until(lambda: not any(held(ponte, row).open for row in rows), "the payments did not arrive")
    assert ponte.stack.waiting()["dead"] == 0


def test_an_event_that_nobody_knows_is_looked_at_where_its_address_says(ponte):
    row = unpaid(ponte, 1)[0]
    ponte.simulator.change("receive", billId=row.bill, installmentId=row.id, silent=True)
    body = b"\xef\xbb\xbf" + json.dumps({"billId": float(row.bill), "installmentId": row.id, "note": None}).encode()
    assert post(ponte, body=body, x_sienge_event="RECEIPT_PROCESSED_V2", x_sienge_id="unknown-1")[0] == 200
    wait_until(lambda: not held(ponte, row).open, "the payment did not arrive")
    assert "RECEIPT_PROCESSED_V2" in critiques(ponte)


def test_a_command_ignores_no_field_it_was_given(ponte):
    (creditor,) = ponte.creditors
    bills: dict[int, set[int]] = {}
    for row in ponte.open_installments():
        bills.setdefault(row.customer, set()).add(row.bill)
    customer, (bill,) = next((customer, bills) for customer, bills in bills.items() if len(bills) == 1)
    ponte.simulator.change("cancel", billId=bill, silent=True)
    open_contract(ponte, bill)
    before = ponte.stack.scan("Portfolio")
    refused = ponte.stack.invoke("payments", {"tenant": TENANT, "eraseCustomer": customer, "creditor": creditor})
    assert list(refused)[:2] == ["situacao", "resumo"], refused
    assert refused["situacao"] == "recusado" and '"creditor"' in refused["resumo"], refused
    ponte.stack.invoke("payments", {"tenant": TENANT, "eraseCustomer": customer, "dryRun": True})
    assert ponte.stack.scan("Portfolio") == before
    ponte.stack.invoke("payments", {"tenant": TENANT, "eraseCustomer": customer})
    assert ponte.stack.scan("Portfolio") != before
