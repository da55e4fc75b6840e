"""From a webhook to the portfolio on the idle local stack, and what of it is the stack's own fixed cost.

    python -m tests.bench.latency FOLDER_OF_THE_FUNCTIONS

Prints one JSON object. The fixed cost is measured beside it, in turns: a request that the function refuses without asking AWS
anything, and a message that names nothing, from the queue to its deletion.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from infra import tenant as tenants
from infra.local import processes
from infra.local.demo import set_up_tenant
from infra.local.memory import Memory
from infra.local.report import Report
from infra.local.scenario import Scenario, wait_until_settled
from infra.local.simulator import Simulator
from infra.local.stack import LocalStack

TENANT = "617"
REPETITIONS = 8
WORLD = ["--seed", "11", "--contracts", "20", "--installments", "1200"]
WAIT_SECONDS = 60
NOBODYS = {"tenant": TENANT, "key": f"tenant#{TENANT}#webhook#nobody"}


def instant(text: str) -> float:
    """Seconds of an instant as the journal writes it."""
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Latency:
    """A stack with a filled portfolio."""

    def __init__(self, stack: LocalStack, simulator: Simulator) -> None:
        self.stack = stack
        self.simulator = simulator

    def until(self, what: str, found):
        """Asks until there is an answer."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            answer = found()
            if answer is not None:
                return answer
            time.sleep(0.05)
        raise SystemExit(f"{what} took more than {WAIT_SECONDS} s")

    def webhook(self, bill: int, installment: int) -> float:
        """Seconds from a payment in Sienge until it is in the portfolio and noted as done."""
        began = time.time()
        self.simulator.change("receive", billId=bill, installmentId=installment)
        time.sleep(0.3)

        def finished():
            items = self.stack.scan("Journal")
            ends = [i["finished_at"] for i in items if i["kind"] == "webhook" and i["state"] == "done" and instant(i["at"]) > began - 0.01]
            return max(map(instant, ends)) if ends else None

        return self.until("a webhook", finished) - began

    def request(self) -> float:
        """Seconds of a request that the function answers by itself: 404, an unknown receiver."""
        url = f"{self.stack.api_url}/webhook/nothing?IdAssessoria={TENANT}"
        began = time.monotonic()
        try:
            urllib.request.urlopen(urllib.request.Request(url, data=b"{}", method="POST"), timeout=10).read()
        except urllib.error.HTTPError as error:
            error.read()
        return time.monotonic() - began

    def message(self) -> float:
        """Seconds of a message that names a webhook that is not there, until it is deleted."""
        queue = self.stack.outputs["InboxQueueUrl"]
        sqs = self.stack.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        began = time.monotonic()
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(NOBODYS))

        def gone():
            got = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
            return time.monotonic() if all(int(got[name]) == 0 for name in names) else None

        return self.until("a message", gone) - began


def measure(latency: Latency, payable: list) -> dict:
    """Medians, in milliseconds."""
    latency.request()
    latency.message()
    seconds: dict[str, list[float]] = {"webhook": [], "request": [], "message": []}
    for each in payable[:REPETITIONS]:
        seconds["request"].append(latency.request())
        seconds["message"].append(latency.message())
        seconds["webhook"].append(latency.webhook(each.bill, each.id))
    return {name: statistics.median(values) * 1000 for name, values in seconds.items()}


def main() -> None:
    """Starts everything, measures, ends everything."""
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder), processes.free_port(), processes.free_port(), "ponte-bench")
        try:
            stack.start_aws()
            stack.deploy(Path(sys.argv[1]), {"Schedules": "DISABLED"})
            sienge = tenants.Sienge(f"{stack.simulator_url}/bench/public/api", "integracao", "senha")
            stack.start_simulator([*WORLD, "--user", sienge.user, "--password", sienge.password])
            simulator = Simulator(stack.simulator_url)
            creditors = set_up_tenant(stack, Memory(stack.folder), sienge, TENANT, register=True, at_most=1)
            scenario = Scenario(stack, simulator, TENANT, creditors, Report(quiet=True))
            scenario.reconcile("batimento")
            wait_until_settled(stack, simulator)
            bills: dict[int, object] = {}
            for row in scenario.truth():
                if row.open and not row.receipts and row.document == "CT":
                    bills.setdefault(row.bill, row)
            print(json.dumps(measure(Latency(stack, simulator), list(bills.values()))))
        finally:
            for child in stack.children():
                child.kill()


if __name__ == "__main__":
    main()
