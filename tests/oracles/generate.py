"""Writes the oracle vectors the calculation's tests read, from libraries that share no code with it.

Run once, by hand, when a vector is missing:

    python3 -m venv /tmp/oracles && /tmp/oracles/bin/pip install -r tests/oracles/requirements.txt
    /tmp/oracles/bin/python tests/oracles/generate.py

price.json        one payment of a Price plan, from numpy-financial's pmt with Decimal arguments (exact, not float)
business_days.json every weekday bank holiday, due dates with their next business day, and each year's last business day with the next
                   year's first, from bizdays' ANBIMA calendar
"""

import datetime
import json
import pathlib
import random
from decimal import ROUND_HALF_UP, Decimal, getcontext

import bizdays
import numpy_financial

HERE = pathlib.Path(__file__).parent
SCRIPT = "tests/oracles/generate.py"
FIRST, LAST = 2001, 2077
FIRST_YEAR_END = 2005


def price():
    getcontext().prec = 60
    draw = random.Random(20261122)
    rates = ["0.01", "0.5", "0.9489", "1", "1.99", "2", "3.333333", "5", "12.5", "100"]
    counts = [1, 2, 3, 6, 12, 24, 36, 60, 120, 180]
    rows = []
    for rate in rates:
        for count in counts:
            for when in ("end", "begin"):
                base = Decimal(draw.randint(10_000, 100_000_000)) / 100
                payment = -numpy_financial.pmt(Decimal(rate) / 100, count, base, Decimal(0), when)
                cents = payment.quantize(Decimal("0.01"), ROUND_HALF_UP)
                rows.append([str(base.quantize(Decimal("0.01"))), rate, count, when == "begin", str(cents)])
    known = -numpy_financial.pmt(Decimal("0.02"), 12, Decimal(10_000))
    assert str(known).startswith("945.5959"), known
    return {"script": SCRIPT, "columns": ["base", "rate", "payments", "advance", "payment"], "rows": rows}


def business_days():
    calendar = bizdays.Calendar.load("ANBIMA")
    day, holidays = datetime.date(FIRST, 1, 1), []
    while day.year <= LAST:
        if day.weekday() < 5 and not calendar.isbizday(day):
            holidays.append(day.isoformat())
        day += datetime.timedelta(days=1)
    draw, span = random.Random(7089), (datetime.date(LAST, 12, 1) - datetime.date(FIRST, 1, 1)).days
    moved = []
    for _ in range(500):
        due = datetime.date(FIRST, 1, 1) + datetime.timedelta(days=draw.randint(0, span))
        moved.append([due.isoformat(), calendar.following(due).isoformat()])
    ends = []
    for year in range(FIRST_YEAR_END, LAST + 1):
        last = calendar.preceding(datetime.date(year, 12, 31))
        ends.append([last.isoformat(), calendar.offset(last, 1).isoformat()])
    return {
        "script": SCRIPT,
        "first_year": FIRST,
        "last_year": LAST,
        "weekday_holidays": holidays,
        "following": moved,
        "year_ends": ends,
    }


def write(name, vectors):
    lines = json.dumps(vectors, indent=None, separators=(",", ":"))
    (HERE / name).write_text(lines.replace("],[", "],\n[") + "\n")


if __name__ == "__main__":
    write("price.json", price())
    write("business_days.json", business_days())
