"""A first load of many contracts whose rows come by due date, not bill by bill."""

from __future__ import annotations

import collections

from conftest import TENANT

WORLD = ["--seed", "11", "--contracts", "200", "--installments", "24000", "--row-order", "due"]
CREDITORS = 3


def test_a_first_load_sorted_by_due_date_opens_each_contract_once(ponte):
    ponte.reconcile()
    assert ponte.differences() == []
    told = collections.defaultdict(list)
    for item in ponte.stack.scan("Portfolio"):
        if item["sk"].startswith("timeline#"):
            told[item["pk"].removeprefix(f"tenant#{TENANT}#bill#")].append(item)
    openings = {bill: [item for item in items if item["kind"]["kind"] == "contractOpened"] for bill, items in told.items()}
    assert {bill for bill, items in openings.items() if len(items) != 1} == set()
    open_of = collections.Counter(str(i.bill) for i in ponte.open_installments())
    assert {bill: len(items[0]["installments"]) for bill, items in openings.items()} == dict(open_of)
    assert sum(map(len, told.values())) <= len(told) * 1.1, "little else is told"
