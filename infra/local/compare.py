"""Compares the portfolio with the simulator's world, installment by installment.

Equal means: every installment open in Sienge is open here, and only those; and for every installment
held here that Sienge still has, due date, condition, original value, balance and receipts are the same. Installments settled
before the first reconciliation were never imported: they are not missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from infra.local.simulator import Installment
from infra.local.stack import LocalStack


@dataclass(frozen=True)
class Held:
    """An installment as the portfolio holds it."""

    bill: int
    id: int
    customer: int
    due: str
    condition: str
    original: Decimal
    balance: Decimal
    boleto: bool
    open: bool
    motive: str | None
    receipts: tuple[tuple[str, str, Decimal], ...]

    @property
    def key(self) -> tuple[int, int]:
        """Bill and installment."""
        return self.bill, self.id


@dataclass
class Comparison:
    """What was compared and what differs."""

    in_sienge: int
    open_in_sienge: int
    held: int
    open_here: int
    never_held: int = 0  # settled or cancelled in Sienge before they could be imported
    differences: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether both sides tell the same."""
        return not self.differences


def compare(truth: list[Installment], held: list[Held]) -> Comparison:
    """Pure: both sides as lists."""
    here: dict[tuple[int, int], list[Held]] = {}
    for each in held:
        here.setdefault(each.key, []).append(each)
    there = {each.key: each for each in truth}
    result = Comparison(len(truth), sum(t.open for t in truth), len(held), sum(h.open for h in held))
    for key, expected in sorted(there.items()):
        # After an assignment of rights the same installment is held under both customers.
        mine = [h for h in here.get(key, []) if h.customer == expected.customer]
        if not mine:
            if expected.open:
                result.differences.append(f"{_name(key)}: aberta no Sienge, não está na carteira")
            else:
                result.never_held += 1
            continue
        result.differences += [f"{_name(key)}: {text}" for text in _differences(expected, mine[0])]
    for each in held:
        expected = there.get(each.key)
        if each.open and (expected is None or expected.customer != each.customer):
            result.differences.append(f"{_name(each.key)}: aberta na carteira, não existe no Sienge")
    return result


def _differences(expected: Installment, mine: Held):
    if expected.open != mine.open:
        yield f"{'aberta' if expected.open else 'fechada'} no Sienge, {'aberta' if mine.open else 'fechada'} na carteira"
    pairs = [
        ("vencimento", expected.due, mine.due),
        ("condição", expected.condition, mine.condition),
        ("valor original", expected.original, mine.original),
        ("saldo", expected.balance, mine.balance),
        ("baixas", expected.receipts, mine.receipts),
    ]
    if expected.open:
        pairs.append(("boleto", expected.boleto, mine.boleto))
    for what, there, here in pairs:
        if there != here:
            yield f"{what} {there} no Sienge, {here} na carteira"


def _name(key: tuple[int, int]) -> str:
    return f"título {key[0]} parcela {key[1]}"


def held(stack: LocalStack) -> list[Held]:
    """Every installment of the portfolio table."""
    return [read(item) for item in stack.scan("Portfolio") if item["sk"].startswith("installment#")]


def read(item: dict) -> Held:
    """An item of the portfolio table (see docs/data-model.md) as the comparison wants it."""
    state = item["state"]
    receipts = sorted((r["paidOn"], r["kind"], Decimal(r["net"])) for r in item["receipts"])
    return Held(
        bill=int(item["contract"]["bill"]),
        id=int(item["id"]),
        customer=int(item["contract"]["customer"]),
        due=item["dueOn"],
        condition=item["condition"],
        original=Decimal(item["original"]),
        balance=Decimal(item["balance"]),
        boleto=item["boleto"],
        open=state["is"] == "open",
        motive=state.get("motive"),
        receipts=tuple(receipts),
    )
