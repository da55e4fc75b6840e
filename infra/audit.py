"""What the command line leaves in the audit: a line before it begins, and how it ended.

The same items that the functions write (`shared/src/store/audit.rs`), with the keys of
`shared/src/store/keys/audit.rs`.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets
import sys
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from infra import command


@contextlib.contextmanager
def act(client, outputs: dict[str, str], tenant: str, action: str, name: str, now: datetime.datetime | None = None) -> Iterator[None]:
    """Writes the line of an act, does it, and writes how it ended.

    `name` is the kind and id of what it is done to. If the line cannot be written, nothing is done.
    """
    begun = now or datetime.datetime.now(datetime.UTC)
    act_id = f"{_instant(begun)}-{secrets.token_hex(8)}"
    actor = _actor(client)
    line = {
        "pk": f"tenant#{tenant}", "sk": f"{act_id}-000", "id": f"{act_id}-000", "at": _instant(begun), "actor": actor, "action": action,
        "object": name, "request": f"command-{act_id[-16:]}",
        "actor_key": f"tenant#{tenant}#actor#{_escaped(actor)}", "object_key": f"tenant#{tenant}#object#{_escaped(name)}",
    }
    _put(client, outputs, line, begun)
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except command.CommandError:
        outcome = "refused"
        raise
    finally:
        ended = datetime.datetime.now(datetime.UTC)
        item = {"pk": f"tenant#{tenant}#outcomes", "sk": act_id, "outcome": outcome, "at": _instant(ended)}
        try:
            _put(client, outputs, item, ended)
        except (BotoCoreError, ClientError) as error:
            # It was done or not all the same; the line says that nobody knows.
            print(f"Aviso: o desfecho não foi para a auditoria: {error.__class__.__name__}", file=sys.stderr)


def _actor(client) -> str:
    """Whoever's credentials these are, as AWS tells it."""
    return f"console:{client('sts').get_caller_identity()['Arn']}"


def _put(client, outputs: dict[str, str], item: dict, now: datetime.datetime) -> None:
    until = int(now.timestamp()) + int(outputs["AuditRetentionDays"]) * 86_400
    client("dynamodb").put_item(**command.put(outputs["AuditTableName"], item | {"expires_at": until})["Put"])


def _instant(at: datetime.datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("#", "%23")
