"""Child processes: each in its own process group, with a log file and a note of its id.

Guarantees: `stop` leaves nothing of the group running, whatever state the child is in; a note
(`run/NAME.json`) survives a crash of this program, so that the next start or `make stop` can
clean up, and never ends a stranger that got the same id meanwhile.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path


class StartError(Exception):
    """Something could not start; the text says what to do about it."""


@dataclass
class Child:
    """A running child process."""

    name: str
    pid: int
    log: Path
    note: Path
    process: subprocess.Popen | None = None

    def alive(self) -> bool:
        """Whether it still runs."""
        if self.process is not None:
            return self.process.poll() is None
        return _command_of(self.pid) is not None

    def stop(self, grace_seconds: float = 20) -> None:
        """Asks it to end, waits, then ends whatever is left of its group."""
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        deadline = time.monotonic() + grace_seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.kill()

    def kill(self) -> None:
        """Ends the whole group at once, as a crash would."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        if self.process is not None:
            self.process.wait()
        self.note.unlink(missing_ok=True)


def start(name: str, argv: list[str], env: dict[str, str], folder: Path) -> Child:
    """Starts a child in its own group; its output goes to `logs/NAME.log` of the folder.

    The last part of its path or module name tells it apart from a stranger with its id later.
    """
    marker = argv[argv.index("-m") + 1] if "-m" in argv else Path(argv[0]).name
    log = folder / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        out.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {Path(argv[0]).name}\n".encode())
        out.flush()
        process = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    return Child(name, process.pid, log, note(name, process.pid, marker, folder), process)


def note(name: str, pid: int, marker: str, folder: Path) -> Path:
    """Writes down what runs, for `find`."""
    path = folder / "run" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"pid": pid, "marker": marker}))
    return path


def ask_to_end(name: str, folder: Path, grace_seconds: float = 60) -> bool:
    """Asks a program that ends what it started to do so, and waits for it; whether there was one."""
    child = find(name, folder)
    if child is None:
        return False
    os.kill(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while child.alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    return True


def find(name: str, folder: Path) -> Child | None:
    """The child an earlier run started and left running, if it is still that program."""
    note = folder / "run" / f"{name}.json"
    try:
        noted = json.loads(note.read_text())
        pid, marker = int(noted["pid"]), str(noted["marker"])
    except (OSError, ValueError, KeyError):
        return None
    command = _command_of(pid)
    if command is None or marker not in command:
        note.unlink(missing_ok=True)
        return None
    return Child(name, pid, folder / "logs" / f"{name}.log", note)


def wait_until_healthy(child: Child, url: str, timeout_seconds: float = 30) -> None:
    """Returns when `url` answers 2xx; says where the log is when it does not."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        if not child.alive():
            raise StartError(f"{child.name} terminou ao iniciar; veja {child.log}\n{tail(child.log)}")
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if 200 <= answer.status < 300:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.1)
    raise StartError(f"{child.name} não respondeu em {timeout_seconds:.0f} s ({url}); veja {child.log}")


def require_free_port(port: int, what: str) -> None:
    """Raises a readable error when somebody already listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise StartError(
                f"A porta {port} ({what}) já está em uso. Pare quem a usa (`make stop` para o próprio Ponte)"
                f" ou escolha outras: make demo ARGS='--ports 4567,8100'"
            )


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tail(path: Path, lines: int = 12) -> str:
    """The end of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _command_of(pid: int) -> str | None:
    """The command line of a living process; None when there is none (or it is a zombie)."""
    shown = subprocess.run(
        ["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    state, _, command = shown.partition(" ")
    if not shown or state.startswith("Z"):
        return None
    return command.strip()
