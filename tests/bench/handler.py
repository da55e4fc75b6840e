"""The webhook function in Python with boto3: the yardstick of `make bench`, behind the same Runtime API.

It does what `functions/webhook` does for a payment: checks the tenant, the token and the event, keeps the body with its hash
under the event's id, once, and queues a message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import time
from datetime import datetime, timedelta, timezone

import boto3
from botocore.exceptions import ClientError

FRESH_SECONDS = 60
SAO_PAULO = timezone(timedelta(hours=-3))
EVENTS = {"SiengePagamentos": "RECEIPT_PROCESSED"}

database = boto3.client("dynamodb")
queue = boto3.client("sqs")
secrets = boto3.client("secretsmanager")
known: dict[str, tuple[float, object]] = {}


def remembered(key: str, read):
    """What was read within the last minute."""
    found = known.get(key)
    if found is None or time.monotonic() - found[0] > FRESH_SECONDS:
        found = known[key] = (time.monotonic(), read())
    return found[1]


def tenant_exists(tenant: str) -> bool:
    """Whether the tenant has settings."""
    key = {"pk": {"S": f"tenant#{tenant}"}, "sk": {"S": "settings"}}
    return "Item" in database.get_item(TableName=os.environ["CONTROL_TABLE"], Key=key)


def tokens_of(tenant: str) -> list[str]:
    """The tokens that a webhook may carry."""
    answer = secrets.get_secret_value(SecretId=os.environ["TENANT_SECRET_PREFIX"] + tenant)
    return json.loads(answer["SecretString"])["webhookTokens"]


def answer(status: int, word: str) -> dict:
    """An answer for API Gateway."""
    headers = {"content-type": "application/json; charset=utf-8"}
    return {"statusCode": status, "headers": headers, "body": json.dumps({"status": word}), "isBase64Encoded": False}


def handle(event: dict) -> dict:
    """Stores first, queues second."""
    headers = event["headers"]
    receiver = event["rawPath"].rstrip("/").rsplit("/", 1)[-1]
    tenant = event.get("queryStringParameters", {}).get("IdAssessoria")
    body = event["body"]
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    if receiver not in EVENTS:
        return answer(404, "unknown-receiver")
    if not tenant or not remembered(f"tenant {tenant}", lambda: tenant_exists(tenant)):
        return answer(401, "unauthorized")
    credential = headers.get("authorization", "").removeprefix("Bearer ").encode()
    if not any(hmac.compare_digest(credential, token.encode()) for token in remembered(f"secret {tenant}", lambda: tokens_of(tenant))):
        return answer(401, "unauthorized")
    try:
        hint = json.loads(raw)
        bill = int(hint["billId"])
    except (ValueError, KeyError):
        return answer(400, "unreadable")
    now = datetime.now(timezone.utc)
    name = headers.get("x-sienge-event", "")
    webhook_id = headers.get("x-sienge-id", "")
    key = f"tenant#{tenant}#webhook#{webhook_id}"
    digest = hashlib.sha256(raw).hexdigest()
    item = {
        "pk": {"S": key},
        "sk": {"S": "head"},
        "kind": {"S": "webhook"},
        "state": {"S": "pending"},
        "summary": {"S": f"{receiver}: {name}"},
        "receiver": {"S": receiver},
        "event": {"S": name},
        "webhook_id": {"S": webhook_id},
        "headers": {"M": {"x-sienge-hook-id": {"S": headers.get("x-sienge-hook-id", "")}}},
        "body_hash": {"S": digest},
        "body_bytes": {"N": str(len(raw))},
        "body_encoding": {"S": "plain"},
        "body": {"B": raw},
        "at": {"S": now.isoformat(timespec="milliseconds")},
        "listed_day": {"S": f"tenant#{tenant}#day#{now.astimezone(SAO_PAULO).date()}#webhook"},
        "bill": {"N": str(bill)},
        "listed_bill": {"S": f"tenant#{tenant}#bill#{bill}"},
        "pending_shard": {"S": f"tenant#{tenant}#pending"},
    }
    try:
        database.put_item(TableName=os.environ["JOURNAL_TABLE"], Item=item, ConditionExpression="attribute_not_exists(pk)")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return answer(200, "duplicate")
    queue.send_message(QueueUrl=os.environ["INBOX_QUEUE_URL"], MessageBody=json.dumps({"tenant": tenant, "key": key}))
    print(json.dumps({"level": "INFO", "message": "webhook answered 200", "tenant": tenant, "receiver": receiver}))
    return answer(200, "received")


def main() -> None:
    """The runtime's loop."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation/"
    while True:
        connection.request("GET", base + "next")
        got = connection.getresponse()
        event = json.loads(got.read())
        connection.request("POST", base + got.headers["lambda-runtime-aws-request-id"] + "/response", json.dumps(handle(event)))
        connection.getresponse().read()


if __name__ == "__main__":
    main()
