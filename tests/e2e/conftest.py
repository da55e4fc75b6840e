"""A small stack per test module: free ports, a temporary folder, a small world."""

from __future__ import annotations

import datetime
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from infra import tenant as tenants  # noqa: E402
from infra.local import build, compare, processes  # noqa: E402
from infra.local.demo import set_up_tenant  # noqa: E402
from infra.local.memory import Memory  # noqa: E402
from infra.local.processes import Child  # noqa: E402
from infra.local.report import Report  # noqa: E402
from infra.local.scenario import Scenario, wait_until_settled  # noqa: E402
from infra.local.simulator import Simulator  # noqa: E402
from infra.local.stack import LocalStack  # noqa: E402

TENANT = "617"
WORLD = ["--seed", "11", "--contracts", "40", "--installments", "2400", "--time-scale", "600"]
# Short, so that a message of a killed function comes back within a test. Schedules stay quiet:
# the tests say what runs when.
PARAMETERS = {"ApplyTimeoutSeconds": "10", "Schedules": "DISABLED", "LogLevel": "info,ponte=debug"}


def some_minutes_ago() -> str:
    """As the journal writes instants."""
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    return then.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Ponte:
    """A running system with one tenant, as a test uses it."""

    stack: LocalStack
    simulator: Simulator
    sienge: tenants.Sienge
    memory: Memory
    creditors: list[int]
    processes: dict[str, Child]

    @property
    def token(self) -> str:
        """The token Sienge sends with its webhooks."""
        return self.memory.get("token")

    def scenario(self) -> Scenario:
        """The main job's chapters, without a word on the screen."""
        return Scenario(self.stack, self.simulator, TENANT, self.creditors, Report(quiet=True))

    def reconcile(self) -> None:
        """The batimento of every creditor."""
        self.scenario().reconcile("batimento")

    def settle(self, timeout_seconds: float = 180) -> None:
        """Waits until every webhook was delivered and processed."""
        wait_until_settled(self.stack, self.simulator, timeout_seconds)

    def differences(self) -> list[str]:
        """What the portfolio and the simulator say differently."""
        return compare.compare(self.scenario().truth(), compare.held(self.stack)).differences

    def let_leases_run_out(self) -> None:
        """As if the invocations that died had died a quarter of an hour ago."""
        for item in self.stack.scan("Control"):
            if "expires_ms" in item and "owner" in item:
                self.stack.client("dynamodb").update_item(
                    TableName=self.stack.outputs["ControlTableName"],
                    Key={"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}},
                    UpdateExpression="SET expires_ms = :past",
                    ExpressionAttributeValues={":past": {"N": "1"}},
                )

    def let_pending_webhooks_grow_old(self) -> None:
        """As if the webhooks still pending had arrived five minutes ago."""
        for item in self.stack.scan("Journal", IndexName="pending"):
            self.stack.client("dynamodb").update_item(
                TableName=self.stack.outputs["JournalTableName"],
                Key={"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}},
                UpdateExpression="SET #at = :past",
                ExpressionAttributeNames={"#at": "at"},
                ExpressionAttributeValues={":past": {"S": some_minutes_ago()}},
            )

    def restart_simulator(self) -> None:
        """Kills the simulator as a crash would and starts it again on its stored world."""
        self.processes["simulator"].kill()
        self.processes["simulator"] = start_simulator(self.stack, self.sienge)

    def open_installments(self) -> list:
        """What is open in Sienge now."""
        return [i for i in self.scenario().truth() if i.open]


def start_simulator(stack: LocalStack, sienge: tenants.Sienge, world: list[str] = WORLD) -> Child:
    """The simulator with the tests' small world, or another one."""
    return stack.start_simulator([*world, "--user", sienge.user, "--password", sienge.password])


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The functions and the simulator, built for this machine."""
    return build.build()


@pytest.fixture(scope="module")
def ponte(binaries: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest):
    """A fresh system with the tenant set up, its world and creditors the module's own where it names them; everything is ended after the module."""
    world, creditors = getattr(request.module, "WORLD", WORLD), getattr(request.module, "CREDITORS", 1)
    stack = LocalStack(tmp_path_factory.mktemp("ponte"), processes.free_port(), processes.free_port(), "ponte-test")
    try:
        aws = stack.start_aws()
        stack.deploy(binaries, PARAMETERS)
        sienge = tenants.Sienge(f"{stack.simulator_url}/teste/public/api", "integracao", "senha-de-teste")
        running = {"aws": aws, "simulator": start_simulator(stack, sienge, world)}
        memory = Memory(stack.folder)
        # One creditor in most modules: a batimento reads each of its windows in bulk, and Sienge allows 20 bulk calls a minute.
        creditors = set_up_tenant(stack, memory, sienge, TENANT, register=True, at_most=creditors)
        yield Ponte(stack, Simulator(stack.simulator_url), sienge, memory, creditors, running)
    finally:
        for child in stack.children():
            child.kill()
