"""What the local stack remembers between commands, and how a later command finds it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from infra.local import build, deploy, processes
from infra.local.processes import StartError
from infra.local.stack import LocalStack

FOLDER = build.ROOT / ".local"


class Memory:
    """What the demo remembers between starts, in a file only its owner reads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "demo.json"
        try:
            self.values = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.values = {}

    def set(self, **values: object) -> None:
        """Remembers values."""
        self.values |= values
        self.path.touch(mode=0o600)
        # An earlier one may be open to others.
        self.path.chmod(0o600)
        self.path.write_text(json.dumps(self.values, indent=1))

    def get(self, name: str, default=None):
        """A remembered value."""
        return self.values.get(name, default)


def running(folder: Path = FOLDER) -> LocalStack:
    """The stack an earlier command left running, with its outputs."""
    memory = Memory(folder)
    ports = memory.get("ports")
    if not ports or processes.find("aws", folder) is None:
        raise StartError(f"A pilha local não está em execução; inicie com: {command('make demo', folder)}")
    stack = LocalStack(folder, *ports)
    stack.outputs = deploy.outputs(stack.client, stack.name)
    return stack


def command(text: str, folder: Path) -> str:
    """A command as one types it for this folder."""
    return text if folder == FOLDER else f'{text} ARGS="--folder {shlex.quote(str(folder))}"'
