"""What the operator sees: steps with their time, then a short summary."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator


class Report:
    """Prints steps as they happen; a long step shows that it lives."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.live = sys.stdout.isatty()
        self.began = time.monotonic()

    def title(self, text: str) -> None:
        """A headline."""
        self.say(f"\n{text}")

    def say(self, text: str) -> None:
        """A line."""
        if not self.quiet:
            print(text, flush=True)

    def row(self, label: str, value: object) -> None:
        """A line of a table."""
        self.say(f"  {label:<46} {value}")

    @contextlib.contextmanager
    def step(self, text: str, progress: Callable[[], str] | None = None) -> Iterator[None]:
        """Announces a step, shows its progress while it lasts and its duration at the end."""
        began = time.monotonic()
        done = threading.Event()
        every = 1.0 if self.live else 15.0

        def watch() -> None:
            while not done.wait(every):
                detail = ""
                if progress is not None:
                    with contextlib.suppress(Exception):  # progress is a courtesy, never a reason to fail
                        detail = f", {progress()}"
                line = f"  ... {text} ({time.monotonic() - began:.0f} s{detail})"
                if self.live:
                    width = shutil.get_terminal_size().columns - 1
                    print(f"\r{line[:width]:<{width}}", end="", flush=True)
                else:
                    print(line, flush=True)

        watcher = threading.Thread(target=watch, daemon=True)
        if not self.quiet:
            watcher.start()
        mark = "erro"
        try:
            yield
            mark = "ok"
        finally:
            done.set()
            if watcher.is_alive():
                watcher.join(timeout=5)
            line = f"  {mark:>4}  {text} ({time.monotonic() - began:.1f} s)"
            self.say(f"\r{line:<{shutil.get_terminal_size().columns - 1}}" if self.live else line)


def number(value: int) -> str:
    """1234567 -> 1.234.567, as Brazilians write it."""
    return f"{value:,}".replace(",", ".")
