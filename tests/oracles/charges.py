"""The late charges of tests/oracles in plain Python decimals: the yardstick of `cargo bench --bench quotes`.

    python3 tests/oracles/charges.py 1000000

Makes the same invented installments as the benchmark (a linear congruential generator), charges each with the same formula, and prints one line of
JSON with the processor seconds the charging took and the sum, which must equal the benchmark's to the cent.
"""

import datetime
import json
import sys
import time
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
MONTH = Decimal(30)
PRO_RATA, INTEREST, FINE, FEE = Decimal("0.0054"), Decimal("0.01"), Decimal("0.02"), Decimal("0.10")
ON = datetime.date(2021, 11, 19)


def installments(count):
    state, rows = 295, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        cents = 10_000 + (state >> 33) % 1_000_000
        days = 1 + (state >> 20) % 1_500
        rows.append((Decimal(cents).scaleb(-2), ON - datetime.timedelta(days=days)))
    return rows


def charge(rows):
    total = Decimal(0)
    for value, due in rows:
        days = (ON - due).days
        pro_rata = (value * PRO_RATA * days / MONTH).quantize(CENT, ROUND_HALF_UP)
        interest = ((value + pro_rata) * INTEREST * days / MONTH).quantize(CENT, ROUND_HALF_UP)
        fine = ((value + pro_rata + interest) * FINE).quantize(CENT, ROUND_HALF_UP)
        updated = value + pro_rata + interest + fine
        total += updated + (updated * FEE).quantize(CENT, ROUND_HALF_UP)
    return total


if __name__ == "__main__":
    rows = installments(int(sys.argv[1]))
    start = time.process_time()
    total = charge(rows)
    print(json.dumps({"installments": len(rows), "seconds": time.process_time() - start, "total": str(total)}))
