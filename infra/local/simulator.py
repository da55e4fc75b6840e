"""The control side of the Sienge simulator: reading its truth and changing its world."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from decimal import Decimal


class SimulatorError(Exception):
    """The simulator refused or did not answer."""


@dataclass(frozen=True)
class Installment:
    """An installment as the simulator knows it."""

    company: int
    bill: int
    id: int
    customer: int
    document: str
    due: str
    condition: str
    original: Decimal
    balance: Decimal
    boleto: bool
    cancelled: bool
    receipts: tuple[tuple[str, str, Decimal], ...]  # (date, type, net), sorted

    @property
    def key(self) -> tuple[int, int]:
        """Bill and installment."""
        return self.bill, self.id

    @property
    def open(self) -> bool:
        """Whether something is left to receive."""
        return self.balance > 0 and not self.cancelled


class Simulator:
    """A running simulator."""

    def __init__(self, url: str) -> None:
        self.url = url

    def request(self, method: str, path: str, body: dict | list | None = None, timeout: float = 60):
        """One control call; the decoded answer."""
        request = urllib.request.Request(
            f"{self.url}/_control/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise SimulatorError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:300]}") from None
        except (urllib.error.URLError, OSError) as error:
            raise SimulatorError(f"{method} {path}: {error}") from None

    def change(self, operation: str, **body) -> dict:
        """Changes the world (receive, reverse, change, add, remove, cancel, ...)."""
        return self.request("POST", operation, body)

    def installments(self) -> list[Installment]:
        """Every installment."""
        with urllib.request.urlopen(f"{self.url}/_control/installments", timeout=120) as answer:
            return [_installment(json.loads(line)) for line in answer if line.strip()]

    def calls(self) -> dict:
        """How often each route was called."""
        return self.request("GET", "calls")

    def undelivered(self) -> int:
        """Webhooks still on their way, waiting for another attempt included."""
        return self.request("GET", "deliveries?state=pending")["pending"]


def _installment(row: dict) -> Installment:
    receipts = sorted((r["date"], r["type"], Decimal(r["netValue"])) for r in row["receipts"])
    return Installment(
        company=row["companyId"],
        bill=row["billId"],
        id=row["installmentId"],
        customer=row["customerId"],
        document=row["documentId"],
        due=row["dueDate"],
        condition=row["conditionTypeId"],
        original=Decimal(row["originalValue"]),
        balance=Decimal(row["balance"]),
        boleto=row["generatedBillet"],
        cancelled=row["cancelled"],
        receipts=tuple(receipts),
    )
