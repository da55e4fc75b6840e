"""Creates or updates a tenant: settings, creditors, secret and the webhooks in its Sienge.

Works on AWS (the usual credentials of boto3) and on the local stack. Every step can be repeated:
what exists is updated, tokens are kept unless a rotation is asked for, and webhooks that are
already right are left alone.

    python -m infra.tenant --stack ponte --tenant 617 \\
        --sienge-url https://api.sienge.com.br/minhaempresa/public/api \\
        --sienge-user integracao --sienge-password-file senha.txt --all-companies --register-webhooks
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

from boto3.dynamodb.types import TypeDeserializer

from infra import audit, command
from infra.command import CommandError

# Playbook 6.9: one webhook per receiver. The names of the events are Sienge's
# (SALES_CONTRACT_CANCELED has one L); a misspelt one would just never fire.
RECEIVERS: dict[str, list[str]] = {
    "SiengePagamentos": ["RECEIPT_PROCESSED"],
    "SiengeContratoCancelado": ["SALES_CONTRACT_CANCELED"],
    "SiengeParcelaCriada": ["RECEIVABLE_INSTALLMENT_CREATED"],
    "SiengeParcelaAlterada": ["RECEIVABLE_INSTALLMENT_UPDATED"],
    "SiengeParcelaRemovida": ["RECEIVABLE_INSTALLMENT_REMOVED"],
    "SiengeBoletoCriado": ["BOOK_COLLECTION_CONFIRMED", "PAYMENT_SLIP_REGISTERED"],
    "sienge": [
        "CUSTOMER_CREATED",
        "CUSTOMER_UPDATED",
        "CUSTOMER_REMOVED",
        "CUSTOMER_DISABLED",
        "CUSTOMER_ENABLED",
        "SALES_CONTRACT_CREATED",
        "SALES_CONTRACT_UPDATED",
        "SALES_CONTRACT_REMOVED",
        "SALES_CONTRACT_ISSUED",
        "UNIT_CREATED",
        "UNIT_UPDATED",
        "UNIT_REMOVED",
        "UPDATE_RECEIVABLE_BILL_SITUATION",
        "ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED",
    ],
}
PAGE = 200  # Sienge's largest


@dataclass(frozen=True)
class Sienge:
    """A Sienge-compatible API: base address (before /v1) and the API user."""

    base_url: str
    user: str
    password: str = field(repr=False)

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        """One REST call; answers the decoded body ({} when empty)."""
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request = urllib.request.Request(
            f"{self.base_url}/v1{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Basic {token}", "Content-Type": "application/json", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            hint = {401: ": usuário ou senha", 403: ": recurso não liberado ao usuário de API", 429: ": limite por minuto"}
            raise CommandError(f"Sienge respondeu {error.code} a {method} {path}{hint.get(error.code, '')}") from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise CommandError(f"Sienge não respondeu a {method} {path}: {error.__class__.__name__}") from None

    def rows(self, path: str) -> list[dict]:
        """Every row of a paginated resource."""
        found: list[dict] = []
        while True:
            page = self.call("GET", f"{path}?limit={PAGE}&offset={len(found)}").get("results", [])
            found += page
            if len(page) < PAGE:
                return found


# ---------------------------------------------------------------- settings and creditors


def save_settings(client, control_table: str, tenant: str, settings: dict, active: bool = True) -> None:
    """Saves the tenant's settings and its entry in the list of tenants, in one transaction.

    What is not given (None) stays as it was.
    """
    held = _held_settings(client, control_table, f"tenant#{tenant}", "settings")
    entry = held | {k: v for k, v in settings.items() if v is not None} | {"active": active}
    client("dynamodb").transact_write_items(
        TransactItems=[
            command.put(control_table, {"pk": f"tenant#{tenant}", "sk": "settings", "settings": entry}),
            command.put(control_table, {"pk": "tenants", "sk": tenant, "active": active}),
        ]
    )


def save_creditor(client, control_table: str, tenant: str, creditor: dict) -> None:
    """Saves a creditor (a company of Sienge's); what is not given stays as it was."""
    pk, sk = f"tenant#{tenant}", f"creditor#{creditor['company']:010d}"
    held = _held_settings(client, control_table, pk, sk)
    given = {k: v for k, v in creditor.items() if v is not None}
    client("dynamodb").put_item(**command.put(control_table, {"pk": pk, "sk": sk, "settings": held | given})["Put"])


def _held_settings(client, control_table: str, pk: str, sk: str) -> dict:
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    item = client("dynamodb").get_item(TableName=control_table, Key=key, ConsistentRead=True).get("Item")
    return TypeDeserializer().deserialize(item["settings"]) if item and "settings" in item else {}


# ---------------------------------------------------------------- secret


def save_secret(client, name: str, user: str, password: str, rotate: bool = False, keep_old_tokens: bool = True) -> str:
    """Stores the credentials and answers the token Sienge must send.

    A rotation puts a new token first and keeps the old ones valid, because Sienge goes on sending
    them in its retries (up to ten hours); a later run with `keep_old_tokens=False` drops them.
    """
    manager = client("secretsmanager")
    try:
        held = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
        exists = True
    except manager.exceptions.ResourceNotFoundException:
        held, exists = {}, False
    tokens = [t for t in held.get("webhookTokens", []) if t]
    if rotate or not tokens:
        tokens = [secrets.token_urlsafe(32), *tokens]
    if not keep_old_tokens:
        tokens = tokens[:1]
    value = json.dumps({"siengeUser": user, "siengePassword": password, "webhookTokens": tokens})
    if exists:
        manager.put_secret_value(SecretId=name, SecretString=value)
    else:
        manager.create_secret(Name=name, SecretString=value)
    return tokens[0]


# ---------------------------------------------------------------- webhooks in Sienge


def webhook_url(api_url: str, receiver: str, tenant: str) -> str:
    """The address Sienge calls for a receiver."""
    return f"{api_url}/webhook/{receiver}?IdAssessoria={urllib.parse.quote(tenant)}"


def register_webhooks(sienge: Sienge, api_url: str, tenant: str, token: str, replace: bool = False) -> dict[str, str]:
    """Makes Sienge's webhooks of this tenant exactly ours; receiver -> what was done.

    Sienge has no way to change a webhook: one with other events (or, with `replace`, an old
    token) is created anew first and removed afterwards, so that no event falls between.
    Webhooks of other systems, even at similar addresses, are left alone.
    """
    ours = re.compile(re.escape(webhook_url(api_url, "@", tenant)).replace("@", "([^/?]+)"))
    existing: dict[str, list[dict]] = {}
    for hook in sienge.rows("/hooks"):
        match = ours.fullmatch(hook.get("url") or "")
        if match:
            existing.setdefault(match.group(1), []).append(hook)
    done = {}
    for receiver, events in RECEIVERS.items():
        url = webhook_url(api_url, receiver, tenant)
        held = existing.pop(receiver, [])
        right = [h for h in held if h["url"] == url and sorted(h.get("events") or []) == sorted(events)]
        keep = right[:1] if not replace else []
        if not keep:
            sienge.call("POST", "/hooks", {"url": url, "token": token, "events": events})
        for hook in held:
            if hook not in keep:
                sienge.call("DELETE", f"/hooks/{hook['id']}")
        done[receiver] = "mantido" if keep else ("recriado" if held else "criado")
    return done


# ---------------------------------------------------------------- command


def main(arguments: list[str] | None = None) -> int:
    """The command line; see `--help`."""
    return command.run(_run, _parser().parse_args(arguments))


def _run(options: argparse.Namespace) -> None:
    client, outputs, api_url = command.target(options, options.webhook_base_url)
    control = outputs["ControlTableName"]
    base_url = options.sienge_url.rstrip("/")
    password = command.secret_in(options.sienge_password_file)
    sienge = Sienge(base_url, options.sienge_user, password)
    subdomain = options.subdomain or _subdomain(base_url)

    creditors = [{"company": c} for c in options.creditor]
    if options.all_companies:
        creditors = [{"company": int(c["id"]), "name": c.get("name")} for c in sienge.rows("/companies")]

    settings = {
        "siengeBaseUrl": base_url,
        "subdomain": subdomain,
        "package": options.package,
        "ignoreCompanies": options.ignore_companies,
        "ignoreConditionTypes": options.ignore_condition_types,
        "ignoreDocumentTypes": options.ignore_document_types,
        "importPerCreditor": options.import_per_creditor,
    }
    with audit.act(client, outputs, options.tenant, "saveTenant", f"tenant:{options.tenant}"):
        token = save_secret(
            client, outputs["TenantSecretPrefix"] + options.tenant, options.sienge_user, password,
            rotate=options.rotate_token, keep_old_tokens=not options.drop_old_tokens,
        )
        for creditor in creditors:
            save_creditor(client, control, options.tenant, creditor)
        # Last: the schedules look at tenants of this list only.
        save_settings(client, control, options.tenant, settings, active=not options.inactive)
    print(f"Assessoria {options.tenant}: configurada, {len(creditors)} credor(es).")

    if options.register_webhooks:
        with audit.act(client, outputs, options.tenant, "registerWebhooks", f"tenant:{options.tenant}"):
            done = register_webhooks(sienge, api_url, options.tenant, token, options.rotate_token)
        for receiver, what in done.items():
            print(f"  webhook {receiver}: {what}")
    else:
        print(f"  Webhooks não registrados (use --register-webhooks). Endereço: {webhook_url(api_url, '{receptor}', options.tenant)}")


def _subdomain(base_url: str) -> str:
    """`https://host/SUBDOMAIN/public/api` -> SUBDOMAIN."""
    parts = urllib.parse.urlsplit(base_url).path.strip("/").split("/")
    if len(parts) < 3 or parts[-2:] != ["public", "api"]:
        raise CommandError("--sienge-url deve terminar em /SUBDOMINIO/public/api (ou informe --subdomain)")
    return parts[-3]


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("tenant", "Cria ou atualiza uma assessoria (tenant).")
    parser.add_argument("--webhook-base-url", help="endereço público dos webhooks, se não for o da API")
    parser.add_argument("--sienge-url", required=True, help="https://api.sienge.com.br/SUBDOMINIO/public/api")
    parser.add_argument("--subdomain", help="subdomínio, se não estiver no endereço")
    parser.add_argument("--sienge-user", required=True)
    parser.add_argument("--sienge-password-file", required=True, help="arquivo com a senha, que só o dono pode ler (nunca na linha de comando)")
    parser.add_argument(
        "--package",
        choices=["free", "start", "special", "essencial", "enterprise", "business", "ultimate", "infinity"],
        help="pacote de API contratado no Sienge (sem ele vale essencial)",
    )
    parser.add_argument("--creditor", type=int, action="append", default=[], help="código da empresa (repita)")
    parser.add_argument("--all-companies", action="store_true", help="um credor por empresa do Sienge")
    parser.add_argument("--ignore-companies", help='empresas ignoradas, ex.: "1;2"')
    parser.add_argument("--ignore-condition-types", help='condições de pagamento ignoradas, ex.: "PE;FI"')
    parser.add_argument("--ignore-document-types", help='tipos de documento ignorados, ex.: "AV;NF"')
    parser.add_argument(
        "--import-per-creditor",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="importação agendada por credor (sem a opção, fica como está)",
    )
    parser.add_argument("--register-webhooks", action="store_true", help="cria os webhooks no Sienge")
    parser.add_argument("--rotate-token", action="store_true", help="novo token; os antigos continuam válidos")
    parser.add_argument("--drop-old-tokens", action="store_true", help="só o token mais novo continua válido")
    parser.add_argument("--inactive", action="store_true", help="cadastra sem ativar")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
