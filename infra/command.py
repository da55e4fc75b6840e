"""What the commands for tenants and API keys share: where the stack is, how an item is put, how an error is reported."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from boto3.dynamodb.types import TypeSerializer


class CommandError(Exception):
    """A readable reason why a command could not do its work; never holds a credential."""


def parser(prog: str, description: str) -> argparse.ArgumentParser:
    """A command line that names a tenant and the stack it is on."""
    begun = argparse.ArgumentParser(prog=prog, description=description)
    begun.add_argument("--tenant", required=True, help="código da assessoria (IdAssessoria)")
    where = begun.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", help="nome da pilha na AWS")
    where.add_argument("--local", action="store_true", help="a pilha local que está em execução")
    begun.add_argument("--region", help="região da AWS")
    return begun


def run(work: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Does the work and answers the exit code; an error is reported in one line."""
    try:
        work(options)
    except CommandError as error:
        print(f"Erro: {error}", file=sys.stderr)
        return 1
    return 0


def secret_in(file: str) -> str:
    """The secret in a file, which its owner alone may read."""
    path = Path(file)
    try:
        if path.stat().st_mode & 0o077:
            raise CommandError(f"outros podem ler {file}; proteja-o antes: chmod 600 {file}")
        return path.read_text().strip()
    except OSError as error:
        raise CommandError(f"não consegui ler {file}: {error.strerror}") from None


def target(options: argparse.Namespace, base_url: str | None = None):
    """Clients, outputs and API address of the stack, local or on AWS; there the address may be another (`base_url`)."""
    if options.local:
        from infra.local.memory import running

        stack = running()
        return stack.client, stack.outputs, stack.api_url
    import boto3

    session = boto3.Session(region_name=options.region)
    found = session.client("cloudformation").describe_stacks(StackName=options.stack)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
    return session.client, outputs, (base_url or outputs["ApiUrl"]).rstrip("/")


def put(table: str, item: dict) -> dict:
    """A put of plain values, as a transaction takes it."""
    return {"Put": {"TableName": table, "Item": {k: TypeSerializer().serialize(v) for k, v in item.items()}}}
