"""The HTTP API through the local API Gateway and the real binary, with keys the command makes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from conftest import TENANT

from infra import api_keys

TIER = {
    "fromDays": -9999, "toDays": 9999, "charges": {"fine": "2", "interest": "1", "fee": "10"},
    "maximumDiscounts": {"interest": "50"},
}
PLANS = {"fromDays": -9999, "toDays": 9999, "fromInstallments": 2, "toInstallments": 12, "interest": "1", "downPayment": {"allowed": False}}


def call(ponte, method: str, path: str, body: object = None, key: str | None = None, headers: dict[str, str] | None = None):
    """One call with the tenant's own key (or another); (status, body, content type)."""
    request = urllib.request.Request(
        f"{ponte.stack.api_url}{path}", method=method, data=json.dumps(body).encode() if body is not None else None,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key or ponte.memory.get('apiKey')}", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read()), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers["Content-Type"]


def control(ponte) -> str:
    return ponte.stack.outputs["ControlTableName"]


@pytest.fixture(scope="module")
def campaigns(ponte) -> str:
    """A filled portfolio with a campaign; the address of the creditor's campaigns."""
    ponte.reconcile()
    (creditor,) = ponte.creditors
    path = f"/v1/creditors/{creditor}/campaigns"
    campaign = {
        "id": "padrao", "name": "Padrão", "creditor": creditor, "validFrom": "2020-01-01", "active": True, "tiers": [TIER],
        "planTiers": [PLANS],
    }
    assert call(ponte, "PUT", path, {"version": 0, "campaigns": [campaign]})[0] == 200
    return path


def test_campaigns_are_read_as_they_were_saved_and_a_stale_change_is_refused(ponte, campaigns):
    status, body, _ = call(ponte, "GET", campaigns)
    assert (status, body["version"], body["campaigns"][0]["tiers"][0]["charges"]["fee"]) == (200, 1, "10")
    status, problem, kind = call(ponte, "PUT", campaigns, {"version": 0, "campaigns": []})
    assert (status, problem["title"]) == (409, "Conflito")
    assert kind.startswith("application/problem+json")


def test_a_late_contract_is_quoted_with_siengess_figures_and_every_step(ponte, campaigns):
    bill = min(ponte.open_installments(), key=lambda i: i.due).bill
    status, quote, _ = call(ponte, "POST", "/v1/quotes", {"bills": [{"bill": bill}]})
    assert status == 200, quote
    cents = lambda text: round(float(text) * 100)  # noqa: E731
    totals = quote["totals"]
    assert sum(cents(row["total"]) for row in quote["rows"]) == cents(totals["total"])
    assert {row["mode"] for row in quote["rows"]} == {"integrated"}
    assert all(" = " in line["text"] or line["operation"] == "given" for line in quote["explanation"])

    status, problem, _ = call(ponte, "POST", "/v1/quotes", {"bills": [{"bill": bill}], "discounts": {"interest": {"percent": "51"}}})
    assert (status, problem["errors"][0]["path"]) == (422, "discounts.interest")
    assert "máximo de 50%" in problem["errors"][0]["detail"]


def test_keys_are_made_listed_and_revoked_by_the_command(ponte, campaigns):
    key = api_keys.create(ponte.stack.client, control(ponte), TENANT, "reader", "teste", 1)
    key_id = key.split(".")[2]
    assert call(ponte, "PUT", campaigns, {"version": 1, "campaigns": []}, key)[0] == 403
    listed = {item["sk"]: item for item in api_keys.keys(ponte.stack.client, control(ponte), TENANT)}
    assert listed[f"api-key#{key_id}"]["role"] == "reader"
    secret = key.split(".")[3]
    assert not [item for item in ponte.stack.scan("Control") if secret in str(item)], "a secret is never stored"

    fresh = api_keys.create(ponte.stack.client, control(ponte), TENANT, "reader", "nunca usada", 1)
    api_keys.revoke(ponte.stack.client, control(ponte), TENANT, fresh.split(".")[2])
    assert call(ponte, "GET", campaigns, key=fresh)[0] == 401
    assert call(ponte, "GET", campaigns, key="ponte.617.0000.x")[0] == 401


def test_the_audit_tells_of_keys_made_and_revoked_by_the_command_and_of_calls(ponte, campaigns, monkeypatch, capsys):
    stack = ponte.stack
    monkeypatch.setattr(api_keys.command, "target", lambda *_: (stack.client, stack.outputs, stack.api_url))
    where = ["--local", "--tenant", TENANT]
    assert api_keys.main([*where, "create", "--role", "operator", "--name", "CRM", "--right", "boleto:send-anywhere"]) == 0
    key = capsys.readouterr().out.split()[0]
    key_id = key.split(".")[2]
    assert call(ponte, "GET", "/v1/agreements?bill=1", key=key)[0] == 200
    assert api_keys.main([*where, "revoke", key_id]) == 0
    assert api_keys.main([*where, "revoke", key_id]) == 1, "it is gone"

    status, found, _ = call(ponte, "GET", f"/v1/audit?object=api-key:{key_id}")
    assert status == 200, found
    told = [(line["action"], line["outcome"]) for line in found["lines"]]
    assert told == [("revokeApiKey", "refused"), ("revokeApiKey", "done"), ("createApiKey", "done")]
    assert all(line["actor"].startswith("console:arn:") and line["request"] for line in found["lines"]), found
    (line,) = call(ponte, "GET", f"/v1/audit?actor=key:{key_id}")[1]["lines"]
    assert (line["action"], line["object"], line["outcome"], line["status"]) == ("listAgreements", "bill:1", "done", 200)
    secret = key.split(".")[3]
    assert not [item for item in stack.scan("Audit") if secret in str(item)], "a secret is never stored"


def test_the_document_is_open_to_everybody_and_other_addresses_are_problems(ponte):
    with urllib.request.urlopen(f"{ponte.stack.api_url}/v1/openapi.json", timeout=30) as answer:
        assert json.loads(answer.read())["openapi"] == "3.1.0"
    assert call(ponte, "GET", "/v1/nothing")[0] == 404
    assert call(ponte, "DELETE", "/v1/quotes")[0] == 405


def test_an_operator_quotes_from_the_console(ponte, campaigns):
    bill = ponte.open_installments()[0].bill
    command = {"tenant": TENANT, "call": "POST /v1/quotes", "body": {"bills": [{"bill": bill}]}}
    assert ponte.stack.invoke("api", command)["resposta"]["rows"]
    refused = ponte.stack.invoke("api", {**command, "body": {"bills": [{"bill": 1}]}})
    assert refused["situacao"] == "recusado" and "não encontrado na carteira" in refused["resumo"], refused
