"""The system's main job as a story: first reconciliation, a day of webhooks, the repairs, nothing left to do.

Each chapter drives the simulator or invokes a function as an operator would; the comparison at
the end is made against the simulator's own state, not against what a function says of itself.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from dataclasses import dataclass, field
from decimal import Decimal

from infra.local import compare
from infra.local.report import Report, number
from infra.local.simulator import Installment, Simulator
from infra.local.stack import LocalStack


BULK_A_MINUTE = 20


class ScenarioError(Exception):
    """The main job did not end as it must."""


@dataclass
class Story:
    """What happened, for the report and for the tests."""

    creditors: list[int]
    told: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    paid: list[tuple[int, int]] = field(default_factory=list)  # (bill, installment)
    reversed: tuple[int, int] | None = None
    summaries: list[tuple[str, dict]] = field(default_factory=list)
    last_reconciliation_wrote: list[str] = field(default_factory=list)
    last_reconciliation_refreshed: list[str] = field(default_factory=list)
    comparison: compare.Comparison | None = None


class Scenario:
    """The main job of one tenant on a running stack with its simulator."""

    def __init__(self, stack: LocalStack, simulator: Simulator, tenant: str, creditors: list[int], report: Report) -> None:
        self.stack = stack
        self.simulator = simulator
        self.tenant = tenant
        self.report = report
        self.story = Story(creditors)
        self._used: set[int] = set()

    def run(self) -> Story:
        """All chapters in order; raises when the end is not as it must be."""
        self.reconcile("Primeiro batimento")
        self.day_of_webhooks()
        self.repairs()
        self.last_reconciliation("Último batimento, que não deve encontrar nada")
        with self.report.step("Comparando a carteira com o Sienge, parcela a parcela"):
            self.story.comparison = compare.compare(self.truth(), compare.held(self.stack))
        return self.story

    def run_against_a_real_sienge(self) -> Story:
        """The same job without changing anything there: load, repairs, and a second batimento."""
        self.reconcile("Primeiro batimento")
        self.repairs()
        self.last_reconciliation("Segundo batimento, que não deve encontrar nada")
        return self.story

    # ------------------------------------------------------------ chapters

    def reconcile(self, title: str) -> None:
        """The batimento of every creditor."""
        for creditor in self.story.creditors:
            self.invoke("reconcile", {"tenant": self.tenant, "creditor": creditor}, f"{title}: credor {creditor}")

    def last_reconciliation(self, title: str) -> None:
        """A batimento after which the portfolio must be as it was before."""
        before = self.portfolio_snapshot()
        self.reconcile(title)
        after = self.portfolio_snapshot()
        changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        # Bills with all that is under them must be as they were. A batimento also reads every register, and may learn of
        # one nobody told of: Sienge has neither a webhook nor a filter for a unit freed by a distrato.
        self.story.last_reconciliation_wrote = [key for key in changed if "#bill#" in key]
        self.story.last_reconciliation_refreshed = [key for key in changed if "#bill#" not in key]

    def day_of_webhooks(self) -> None:
        """What happens in Sienge on an ordinary day: what it tells of, and then, when that is applied, what it does not."""
        try:
            with self.report.step("Um dia no Sienge: pagamentos, alterações, um distrato, avisos repetidos e fora de ordem"):
                self.simulator.request("PUT", "webhooks", {"duplicates": 0.3, "reorder": 0.3, "reorderMilliseconds": 1500})
                open_now = [i for i in self.truth() if i.open]
                for change in (
                    self._partial_payment, self._total_payments, self._smaller_total, self._due_date, self._value,
                    self._added, self._removed, self._boleto, self._remake, self._cancellation,
                ):
                    change(open_now)
            self.settle("Aplicando os webhooks")
        finally:
            self.simulator.request("PUT", "webhooks", {})  # what is not named goes back to nothing
        # Only now: a reversal of a payment that was never applied would leave nothing to find.
        with self.report.step("O que o Sienge não avisa: um pagamento cujo webhook se perdeu, um estorno"):
            self._lost_payment(open_now)
            self._reversal()

    def repairs(self) -> None:
        """The payments run (sweep, then the day's redundancy) and the daily import."""
        self.invoke("payments", {}, "Varredura dos 10 minutos")
        for creditor in self.story.creditors:
            event = {"tenant": self.tenant, "creditor": creditor, "redundancy": True}
            self.invoke("payments", event, f"Redundância diária de pagamentos: credor {creditor}")
        for creditor in self.story.creditors:
            self.invoke("import", {"tenant": self.tenant, "creditor": creditor}, f"Importação diária: credor {creditor}")
        self.settle("Esperando a fila esvaziar")

    # ------------------------------------------------------------ what changes in Sienge

    def _pick(self, among: list[Installment], contract_only: bool = False) -> Installment:
        """An open installment of a bill no other change has touched."""
        for each in among:
            if each.bill not in self._used and not each.receipts and (each.document == "CT" or not contract_only):
                self._used.add(each.bill)
                return each
        raise ScenarioError("o simulador tem poucos títulos abertos para o cenário")

    def _do(self, text: str, operation: str, **body) -> dict:
        answer = self.simulator.change(operation, **body)
        (self.story.untold if body.get("silent") or operation == "reverse" else self.story.told).append(text)
        return answer

    def _partial_payment(self, among: list[Installment]) -> None:
        i = self._pick(among)
        value = (i.balance / 3).quantize(Decimal("0.01"))
        self._do("pagamento parcial", "receive", billId=i.bill, installmentId=i.id, value=str(value))

    def _total_payments(self, among: list[Installment]) -> None:
        for _ in range(5):
            i = self._pick(among)
            self._do("pagamento total", "receive", billId=i.bill, installmentId=i.id)
            self.story.paid.append(i.key)

    def _smaller_total(self, among: list[Installment]) -> None:
        i = self._pick(among)
        value = (i.balance * Decimal("0.9")).quantize(Decimal("0.01"))
        self._do("quitação com valor menor", "receive", billId=i.bill, installmentId=i.id, value=str(value), total=True)

    def _due_date(self, among: list[Installment]) -> None:
        i = self._pick(among)
        later = datetime.date.fromisoformat(i.due) + datetime.timedelta(days=15)
        self._do("vencimento alterado", "change", billId=i.bill, installmentId=i.id, dueDate=later.isoformat())

    def _value(self, among: list[Installment]) -> None:
        i = self._pick(among)
        self._do("valor alterado", "change", billId=i.bill, installmentId=i.id, value=str(i.original + Decimal("12.34")))

    def _added(self, among: list[Installment]) -> None:
        i = self._pick(among)
        new = [{"dueDate": i.due, "value": "777.77", "conditionTypeId": "PM"}]
        self._do("parcela criada", "add", billId=i.bill, installments=new)

    def _removed(self, among: list[Installment]) -> None:
        i = self._pick(among)
        self._do("parcela removida", "remove", billId=i.bill, installmentId=i.id)

    def _boleto(self, among: list[Installment]) -> None:
        i = self._pick([each for each in among if not each.boleto])
        self._do("boleto criado", "boleto", billId=i.bill, installmentId=i.id)

    def _remake(self, among: list[Installment]) -> None:
        i = self._pick(among)
        self._do("reparcelamento", "remake", billId=i.bill, installmentId=i.id, count=3)

    def _cancellation(self, among: list[Installment]) -> None:
        i = self._pick(among, contract_only=True)
        self._do("distrato", "cancel", billId=i.bill)

    def _lost_payment(self, among: list[Installment]) -> None:
        i = self._pick(among)
        self._do("pagamento cujo webhook se perdeu", "receive", billId=i.bill, installmentId=i.id, silent=True)

    def _reversal(self) -> None:
        """Of a payment of today that its webhook brought: Sienge has no webhook for the reversal."""
        bill, installment = self.story.reversed = self.story.paid[-1]
        self._do("estorno (o Sienge não avisa)", "reverse", billId=bill, installmentId=installment)

    # ------------------------------------------------------------ helpers

    def truth(self) -> list[Installment]:
        """What Sienge holds of the tenant's creditors."""
        return [i for i in self.simulator.installments() if i.company in self.story.creditors]

    def invoke(self, function: str, event: dict, title: str) -> dict:
        """Calls a function as an operator would, showing that it lives; raises when it did not do its work."""
        with self.report.step(title, self._progress):
            answer = run_to_the_end(self.stack, function, event)
        self.story.summaries.append((title, answer))
        return answer

    def _progress(self) -> str:
        table = self.stack.outputs["PortfolioTableName"]
        items = self.stack.client("dynamodb").describe_table(TableName=table)["Table"]["ItemCount"]
        text = f"{number(items)} itens na carteira"
        return f"cota do Sienge: {BULK_A_MINUTE} consultas em massa por minuto; {text}" if self._bulk_is_used_up() else text

    def _bulk_is_used_up(self) -> bool:
        """Whether the minute's bulk calls are used up (the last is kept for people), or Sienge said so itself."""
        now = time.time() * 1000
        for quota in self.stack.scan("Control"):
            if quota["pk"].startswith("quota#") and quota["sk"] == "bulk":
                grants = [grant.split(":") for grant in quota["grants"].split()]
                used = sum(int(count) for at, count, _ in grants if float(at) > now - 63_000)
                if used >= BULK_A_MINUTE - 1 or quota["blocked_until_ms"] > now:
                    return True
        return False

    def settle(self, title: str, timeout_seconds: float = 300) -> None:
        """Waits until Sienge has delivered every webhook and each one was processed."""
        with self.report.step(title, lambda: f"{self.stack.waiting()}"):
            wait_until_settled(self.stack, self.simulator, timeout_seconds)

    def portfolio_snapshot(self) -> dict[str, str]:
        """A hash of every item of the portfolio by its key: tells whether a run wrote anything at all."""

        def digest(item: dict) -> str:
            return hashlib.sha256(json.dumps(item, sort_keys=True, default=str).encode()).hexdigest()

        return {f"{item['pk']} {item['sk']}": digest(item) for item in self.stack.scan("Portfolio")}


def run_to_the_end(stack: LocalStack, function: str, event: dict, timeout_seconds: float = 1800) -> dict:
    """Invokes a task until it is done: one that goes on in a new invocation is asked again, one that failed raises."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = stack.invoke(function, event)
        state = answer.get("situacao")
        if state in ("concluído", "solicitado"):
            return answer
        if state not in ("continua", "já em execução") or time.monotonic() > deadline:
            raise ScenarioError(f"{function} {event}: {state}. {answer.get('resumo', answer)}")
        time.sleep(2)


def wait_until_settled(stack: LocalStack, simulator: Simulator | None, timeout_seconds: float = 300) -> None:
    """Returns when nothing is on its way any more; twice in a row, because a message may be between two places."""
    deadline = time.monotonic() + timeout_seconds
    calm = 0
    while calm < 2:
        if time.monotonic() > deadline:
            raise ScenarioError(f"ainda há trabalho pendente depois de {timeout_seconds:.0f} s: {stack.waiting()}")
        waiting = stack.waiting()
        undelivered = simulator.undelivered() if simulator else 0
        calm = calm + 1 if waiting["pending"] == 0 and waiting["queued"] == 0 and undelivered == 0 else 0
        time.sleep(0.5)
