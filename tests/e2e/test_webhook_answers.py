"""What the webhook address answers, through the HTTP API and the real binary."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from conftest import TENANT

BODY = b'{"billId": 999999, "installmentId": 1}'


def post(ponte, receiver: str = "SiengePagamentos", tenant: str | None = TENANT, body: bytes = BODY, method: str = "POST", **headers: str):
    """One call; (status, body). `headers` use _ for -; a None drops the header."""
    given = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {ponte.token}",
        "x-sienge-event": "RECEIPT_PROCESSED",
        "x-sienge-tenant": "teste",
    } | {k.replace("_", "-"): v for k, v in headers.items()}
    query = f"?IdAssessoria={tenant}" if tenant is not None else ""
    request = urllib.request.Request(
        f"{ponte.stack.api_url}/webhook/{receiver}{query}", method=method,
        data=body if method == "POST" else None, headers={k: v for k, v in given.items() if v is not None},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def webhooks_stored(ponte) -> int:
    return sum(1 for item in ponte.stack.scan("Journal") if "#webhook#" in item["pk"] and item["sk"] == "head")


def test_a_good_webhook_is_accepted_and_stored(ponte):
    before = webhooks_stored(ponte)
    assert post(ponte, x_sienge_id="good-1")[0] == 200
    assert webhooks_stored(ponte) == before + 1


def test_the_same_event_again_is_answered_200_and_stored_once(ponte):
    assert post(ponte, x_sienge_id="twice")[0] == 200
    before = webhooks_stored(ponte)
    assert [post(ponte, x_sienge_id="twice")[0] for _ in range(3)] == [200, 200, 200]
    assert webhooks_stored(ponte) == before


def test_basic_authorization_with_the_token_is_accepted_too(ponte):
    # Playbook 6.9.4: the token is whatever text Sienge was given, under either scheme.
    assert post(ponte, Authorization=f"Basic {ponte.token}", x_sienge_id="basic-1")[0] == 200


@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", "Bearer ", "Basic dG9rZW46d3Jvbmc=", "Token x"],
)
def test_a_wrong_or_missing_token_is_401(ponte, authorization):
    before = webhooks_stored(ponte)
    assert post(ponte, Authorization=authorization, x_sienge_id="intruder")[0] == 401
    assert webhooks_stored(ponte) == before


@pytest.mark.parametrize("tenant", ["618", "", None, "617#x", "../617", "a" * 500])
def test_an_unknown_tenant_is_answered_what_a_wrong_token_is(ponte, tenant):
    from urllib.parse import quote

    wrong_token = post(ponte, Authorization="Bearer wrong")
    assert post(ponte, tenant=quote(tenant, safe="") if tenant else tenant) == wrong_token
    assert wrong_token[0] == 401


def test_an_unknown_receiver_is_404(ponte):
    assert post(ponte, receiver="SiengeNadaDisso")[0] == 404


@pytest.mark.parametrize("body", [b"not json", b'{"billId":', b"\xff\xfe", b""])
def test_an_unreadable_body_is_400(ponte, body):
    assert post(ponte, body=body, x_sienge_id=f"bad-{body.hex()}")[0] == 400


# The HTTP API hands over as base64 what its content type does not tell to be text; an empty one counts as none.
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", ""])
def test_json_is_read_under_any_content_type(ponte, content_type):
    before = webhooks_stored(ponte)
    name = content_type.replace("/", "-") or "none"
    assert post(ponte, Content_Type=content_type, x_sienge_id=f"type-{name}")[0] == 200
    assert webhooks_stored(ponte) == before + 1
    assert post(ponte, Content_Type=content_type, body=b"billId=999999", x_sienge_id=f"type-{name}-form")[0] == 400


def test_a_body_that_is_too_large_is_413(ponte):
    huge = json.dumps({"billId": 1, "installmentId": 1, "filler": "x" * 5_000_000}).encode()
    assert post(ponte, body=huge, x_sienge_id="huge")[0] == 413


def test_only_post_is_a_webhook(ponte):
    assert post(ponte, method="GET")[0] in (404, 405)


@pytest.mark.parametrize("receiver", ["SiengeSpcInclusao", "SiengeSpcAtualizado", "SiengeSpcExclusao"])
def test_the_spc_receivers_of_the_playbook_are_accepted(ponte, receiver):
    assert post(ponte, receiver=receiver, x_sienge_id=f"spc-{receiver}", x_sienge_event=None)[0] == 200


def test_no_answer_shows_a_secret(ponte):
    answers = [post(ponte)[1], post(ponte, Authorization="Bearer wrong")[1], post(ponte, body=b"not json")[1]]
    assert not [a for a in answers if ponte.token.encode() in a or ponte.sienge.password.encode() in a]
