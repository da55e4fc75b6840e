"""The tenant command: repeatable, and never careless with tokens or with other systems' webhooks."""

from __future__ import annotations

import json

from conftest import TENANT

from infra import tenant as tenants

OTHER = "https://api.example.com/webhook/SiengePagamentos?IdAssessoria=617"


def hooks(ponte) -> list[dict]:
    return ponte.sienge.rows("/hooks")


def tokens(ponte) -> list[str]:
    name = ponte.stack.outputs["TenantSecretPrefix"] + TENANT
    held = ponte.stack.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    return json.loads(held)["webhookTokens"]


def register(ponte, token: str, **options) -> dict[str, str]:
    return tenants.register_webhooks(ponte.sienge, ponte.stack.api_url, TENANT, token, **options)


def save_secret(ponte, **options) -> str:
    name = ponte.stack.outputs["TenantSecretPrefix"] + TENANT
    return tenants.save_secret(ponte.stack.client, name, ponte.sienge.user, ponte.sienge.password, **options)


def test_one_webhook_per_receiver_is_registered_with_its_events(ponte):
    found = {h["url"]: sorted(h["events"]) for h in hooks(ponte)}
    assert found == {
        tenants.webhook_url(ponte.stack.api_url, receiver, TENANT): sorted(events)
        for receiver, events in tenants.RECEIVERS.items()
    }


def test_registering_again_changes_nothing(ponte):
    before = sorted(h["id"] for h in hooks(ponte))
    assert set(register(ponte, ponte.token).values()) == {"mantido"}
    assert sorted(h["id"] for h in hooks(ponte)) == before


def test_webhooks_of_other_systems_are_left_alone(ponte):
    ponte.sienge.call("POST", "/hooks", {"url": OTHER, "token": "x", "events": ["RECEIPT_PROCESSED"]})
    register(ponte, ponte.token, replace=True)
    assert [h["url"] for h in hooks(ponte)].count(OTHER) == 1
    assert len(hooks(ponte)) == len(tenants.RECEIVERS) + 1


def test_a_webhook_with_other_events_is_made_anew(ponte):
    url = tenants.webhook_url(ponte.stack.api_url, "SiengePagamentos", TENANT)
    wrong = next(h for h in hooks(ponte) if h["url"] == url)
    ponte.sienge.call("DELETE", f"/hooks/{wrong['id']}")
    ponte.sienge.call("POST", "/hooks", {"url": url, "token": ponte.token, "events": ["UNIT_CREATED"]})
    assert register(ponte, ponte.token)["SiengePagamentos"] == "recriado"
    (right,) = [h for h in hooks(ponte) if h["url"] == url]
    assert right["events"] == ["RECEIPT_PROCESSED"]


def test_a_rotation_keeps_the_old_token_until_it_is_dropped(ponte):
    old = tokens(ponte)
    assert save_secret(ponte) == old[0], "an ordinary update keeps the token"
    new = save_secret(ponte, rotate=True)
    assert tokens(ponte) == [new, *old]
    assert save_secret(ponte, keep_old_tokens=False) == new
    assert tokens(ponte) == [new]


def test_an_update_keeps_settings_it_does_not_name(ponte):
    control = ponte.stack.outputs["ControlTableName"]
    creditor = {"company": ponte.creditors[0], "unusedWebhookDays": 3}
    tenants.save_creditor(ponte.stack.client, control, TENANT, creditor)
    tenants.save_creditor(ponte.stack.client, control, TENANT, {"company": ponte.creditors[0], "name": "Novo nome"})
    key = f"creditor#{ponte.creditors[0]:010d}"
    (item,) = [i for i in ponte.stack.scan("Control") if i["sk"] == key and i["pk"] == f"tenant#{TENANT}"]
    assert (item["settings"]["unusedWebhookDays"], item["settings"]["name"]) == (3, "Novo nome")


def test_every_setting_can_be_changed_back_and_stays_when_it_is_not_named(ponte, monkeypatch, tmp_path):
    stack, password = ponte.stack, tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text(ponte.sienge.password)
    monkeypatch.setattr(tenants.command, "target", lambda *_: (stack.client, stack.outputs, stack.api_url))

    def after(*options: str) -> dict:
        where = ["--local", "--tenant", TENANT, "--sienge-url", ponte.sienge.base_url]
        who = ["--sienge-user", ponte.sienge.user, "--sienge-password-file", str(password)]
        assert tenants.main([*where, *who, *options]) == 0
        (item,) = [i for i in stack.scan("Control") if i["sk"] == "settings" and i["pk"] == f"tenant#{TENANT}"]
        return item["settings"]

    assert "importPerCreditor" not in after()
    changed = after("--import-per-creditor", "--ignore-companies", "1;2", "--inactive")
    assert (changed["importPerCreditor"], changed["ignoreCompanies"], changed["active"]) == (True, "1;2", False)
    kept = after()
    assert (kept["importPerCreditor"], kept["ignoreCompanies"]) == (True, "1;2")
    back = after("--no-import-per-creditor", "--ignore-companies", "")
    assert (back["importPerCreditor"], back["ignoreCompanies"], back["active"]) == (False, "", True)
