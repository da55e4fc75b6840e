"""A first load of many contracts whose rows come by due date, not bill by bill."""

from __future__ import annotations

import collections
import sys
from pathlib import Path

import pytest
from conftest import TENANT
from test_crashes import runtimes

WORLD = ["--seed", "11", "--contracts", "200", "--installments", "24000", "--row-order", "due"]
CREDITORS = 3
MEGABYTE = 1024


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak in /proc")
def test_no_run_of_it_took_more_than_half_of_its_memory(ponte):
    """The function has 512 MB; what it holds does not grow with the answer."""
    peaks = [peak(pid) for pid in runtimes(ponte, "reconcile")]
    assert peaks and max(peaks) < 256 * MEGABYTE, peaks


def peak(pid: int) -> int:
    """The most memory a process had, in KB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
