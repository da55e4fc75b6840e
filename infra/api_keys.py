"""Creates, lists and revokes a tenant's API keys.

A key reads `ponte.<tenant>.<id>.<secret>`; the secret is 256 random bits, shown once. The table
holds its SHA-256 only. To rotate a key, create another, hand it over, and revoke the old one:
both are valid meanwhile.

    python -m infra.api_keys --stack ponte --tenant 617 create --role operator --name CRM --days 365
    python -m infra.api_keys --stack ponte --tenant 617 list
    python -m infra.api_keys --stack ponte --tenant 617 revoke 5f0c1a2e9b3d4c71
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import re
import secrets
import sys
from collections.abc import Sequence

from boto3.dynamodb.types import TypeDeserializer

from infra import audit, command
from infra.command import CommandError

ROLES = ("reader", "operator", "administrator")
# What no role includes.
RIGHTS = ("boleto:send-anywhere",)
# A key that ended is still listed for so long.
KEPT_DAYS = 30
LONGEST_DAYS = 730


def create(
    client, control_table: str, tenant: str, role: str, name: str, days: int, now: datetime.datetime | None = None,
    rights: Sequence[str] = (), key_id: str | None = None,
) -> str:
    """Stores a new key and answers it: it can't be read again."""
    if role not in ROLES:
        raise CommandError(f"papel {role!r} desconhecido; use {', '.join(ROLES)}")
    if unknown := set(rights) - set(RIGHTS):
        raise CommandError(f"direito {min(unknown)!r} desconhecido; use {', '.join(RIGHTS)}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", tenant):
        raise CommandError("assessoria: use de 1 a 40 letras, dígitos, '-' ou '_'")
    if not 1 <= days <= LONGEST_DAYS:
        raise CommandError(f"validade: informe de 1 a {LONGEST_DAYS} dias")
    held = client("dynamodb").get_item(TableName=control_table, Key={"pk": {"S": f"tenant#{tenant}"}, "sk": {"S": "settings"}})
    if "Item" not in held:
        raise CommandError(f"assessoria {tenant} não cadastrada; cadastre-a com o comando de assessoria")
    key_id, secret = key_id or new_id(), secrets.token_urlsafe(32)
    now = now or datetime.datetime.now(datetime.UTC)
    until = int((now + datetime.timedelta(days=days)).timestamp())
    item = {
        "pk": f"tenant#{tenant}",
        "sk": f"api-key#{key_id}",
        "role": role,
        "rights": list(rights),
        "name": name,
        "hash": hashlib.sha256(secret.encode()).digest(),
        "created_at": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "valid_until": until,
        "expires_at": until + KEPT_DAYS * 86_400,
    }
    client("dynamodb").put_item(**command.put(control_table, item)["Put"])
    return f"ponte.{tenant}.{key_id}.{secret}"


def new_id() -> str:
    """An id for a key."""
    return secrets.token_hex(8)


def keys(client, control_table: str, tenant: str) -> list[dict]:
    """The tenant's keys without their hashes, the first to end first."""
    pages = client("dynamodb").get_paginator("query").paginate(
        TableName=control_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":pk": {"S": f"tenant#{tenant}"}, ":prefix": {"S": "api-key#"}},
        ConsistentRead=True,
    )
    plain = TypeDeserializer().deserialize
    found = [{name: plain(value) for name, value in item.items() if name != "hash"} for page in pages for item in page["Items"]]
    return sorted(found, key=lambda item: item["valid_until"])


def revoke(client, control_table: str, tenant: str, key_id: str) -> None:
    """Forgets a key; functions that know it accept it for half a minute more."""
    answer = client("dynamodb").delete_item(
        TableName=control_table,
        Key={"pk": {"S": f"tenant#{tenant}"}, "sk": {"S": f"api-key#{key_id}"}},
        ReturnValues="ALL_OLD",
    )
    if not answer.get("Attributes"):
        raise CommandError(f"a assessoria {tenant} não tem a chave {key_id}; veja as que tem com: list")


def main(arguments: list[str] | None = None) -> int:
    """The command line; see `--help`."""
    return command.run(_run, _parser().parse_args(arguments))


def _run(options: argparse.Namespace) -> None:
    client, outputs, _ = command.target(options)
    control = outputs["ControlTableName"]
    if options.command == "create":
        key_id = new_id()
        with audit.act(client, outputs, options.tenant, "createApiKey", f"api-key:{key_id}"):
            key = create(
                client, control, options.tenant, options.role, options.name, options.days, rights=options.right, key_id=key_id
            )
        print(key)
        print("Guarde-a agora: ela não pode ser lida de novo.", file=sys.stderr)
    elif options.command == "revoke":
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", options.id):
            raise CommandError("chave: informe o id, a terceira parte da chave")
        with audit.act(client, outputs, options.tenant, "revokeApiKey", f"api-key:{options.id}"):
            revoke(client, control, options.tenant, options.id)
        print(f"Chave {options.id} revogada; deixa de valer em até meio minuto.")
    else:
        found = keys(client, control, options.tenant)
        for item in found:
            until = datetime.datetime.fromtimestamp(int(item["valid_until"]), datetime.UTC)
            rights = " ".join(["", *item.get("rights", [])])
            print(f"{item['sk'].removeprefix('api-key#')}  {item['role']:<13}  até {until:%d/%m/%Y}  {item.get('name', '')}{rights}")
        if not found:
            print(f"A assessoria {options.tenant} não tem chaves.")


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("api_keys", "Chaves da API de uma assessoria.")
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("create", help="cria uma chave e a mostra uma única vez")
    new.add_argument("--role", required=True, choices=ROLES, help="o que ela pode")
    new.add_argument("--right", action="append", default=[], choices=RIGHTS, help="o que ela pode além do papel (repita)")
    new.add_argument("--name", required=True, help="de quem é, por exemplo CRM")
    new.add_argument("--days", type=int, default=365, help="por quantos dias vale (365)")
    commands.add_parser("list", help="mostra as chaves, sem os segredos")
    old = commands.add_parser("revoke", help="revoga uma chave")
    old.add_argument("id", help="o id, a terceira parte da chave")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
