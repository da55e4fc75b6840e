"""The judge of the main job: it must find every kind of difference, or the report means nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from infra.local.compare import Held, compare
from infra.local.simulator import Installment

RECEIPT = ("2026-11-20", "Recebimento", Decimal("100.00"))
THERE = Installment(1, 10, 1, 7, "CT", "2026-12-10", "PM", Decimal("300.00"), Decimal("200.00"), False, False, (RECEIPT,))
HERE = Held(10, 1, 7, "2026-12-10", "PM", Decimal("300"), Decimal("200"), False, True, None, (RECEIPT,))


def texts(there: list[Installment], here: list[Held]) -> list[str]:
    return compare(there, here).differences


def test_equal_sides_have_no_difference():
    assert texts([THERE], [HERE]) == []


def test_each_field_is_compared():
    for changed in (
        {"due": "2026-12-11"}, {"condition": "AT"}, {"original": Decimal("300.01")},
        {"balance": Decimal("199.99")}, {"receipts": ()}, {"receipts": (RECEIPT, RECEIPT)}, {"open": False},
    ):
        assert len(texts([THERE], [replace(HERE, **changed)])) == 1, changed


def test_an_open_installment_that_is_not_held_is_missed():
    assert len(texts([THERE], [])) == 1


def test_one_settled_before_it_was_ever_imported_is_not_missed():
    found = compare([replace(THERE, balance=Decimal(0))], [])
    assert (found.differences, found.never_held) == ([], 1)


def test_one_removed_in_sienge_must_not_stay_open():
    assert len(texts([], [HERE])) == 1
    assert texts([], [replace(HERE, open=False)]) == []


def test_after_an_assignment_only_the_new_customer_may_hold_it_open():
    assigned = replace(THERE, customer=8)
    new = replace(HERE, customer=8)
    assert texts([assigned], [replace(HERE, open=False), new]) == []
    assert len(texts([assigned], [HERE, new])) == 1
