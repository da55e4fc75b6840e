"""Something dies in the middle: the work completes afterwards and nothing is done twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time

from conftest import TENANT


def hold(ponte, route: str = "", after: int = 0) -> None:
    """Sienge answers `after` more calls of the route and keeps the later ones waiting: whoever asks is in the middle until `release`."""
    ponte.simulator.request("PUT", "faults", [{"kind": "hold", "route": route, "skip": after}])


def held(ponte) -> bool:
    """Whether a call waits for its answer."""
    return ponte.simulator.request("GET", "held")["calls"] > 0


def release(ponte) -> None:
    """Sienge answers again."""
    ponte.simulator.request("DELETE", "faults")


def runtimes(ponte, function: str) -> list[int]:
    """The processes of a function: children of the local AWS that run its `bootstrap`."""
    shown = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    ).stdout
    own = [line.split(None, 2) for line in shown.splitlines()]
    children = [int(pid) for pid, parent, command in own if int(parent) == ponte.processes["aws"].pid and "bootstrap" in command]
    wanted = f"AWS_LAMBDA_FUNCTION_NAME={ponte.stack.name}-{function}"
    return [pid for pid in children if wanted in _environment(pid)]


def _environment(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/environ") as file:
            return file.read()
    except FileNotFoundError:  # macOS has no /proc
        return subprocess.run(["ps", "-Eww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def kill_at_work(ponte, function: str) -> None:
    """Ends the function's process while Sienge keeps a call of it waiting."""
    wait_until(lambda: held(ponte) and bool(runtimes(ponte, function)), f"{function} was never seen at work")
    for pid in runtimes(ponte, function):
        os.kill(pid, signal.SIGKILL)


def in_background(work) -> threading.Thread:
    """Runs `work` beside the test; its error is the crash we are after."""

    def quietly() -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - a killed function answers with an error
            pass

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    return thread


def test_a_first_reconciliation_killed_half_way_is_resumed_by_the_sweep(ponte):
    """Nobody invokes it again: the sweep finds the run without an owner and asks for the rest on the bus."""
    creditor = ponte.creditors[0]
    # In the middle: the contracts are written, and their customers wait for Sienge.
    hold(ponte, "v1/customers")
    work = in_background(lambda: ponte.stack.invoke("reconcile", {"tenant": TENANT, "creditor": creditor}))
    kill_at_work(ponte, "reconcile")
    release(ponte)
    work.join(timeout=120)
    assert unread_customers(ponte), "half of it is missing"
    ponte.let_leases_run_out()
    assert "1 execução(ões) retomada(s)" in ponte.stack.invoke("payments", {})["resumo"]
    wait_until(lambda: not unread_customers(ponte), "the run was not resumed")
    assert ponte.differences() == []
    assert ponte.stack.waiting()["dead"] == 0


def unread_customers(ponte) -> list[dict]:
    """Customers of whom only the id is known."""
    return [item for item in ponte.stack.scan("Portfolio") if item.get("document_key") == f"tenant#{TENANT}#unread"]


def test_a_run_in_progress_is_not_run_twice_at_once(ponte):
    """The retry of an asynchronous call meets the lease of the run that died: it answers and changes nothing."""
    creditor = ponte.creditors[0]
    hold(ponte)
    work = in_background(lambda: ponte.stack.invoke("reconcile", {"tenant": TENANT, "creditor": creditor}))
    wait_until(lambda: held(ponte) and lease_held(ponte), "the run did not begin")
    answer = ponte.stack.invoke("reconcile", {"tenant": TENANT, "creditor": creditor})
    assert answer["situacao"] == "já em execução"
    release(ponte)
    work.join(timeout=120)


def lease_held(ponte) -> bool:
    """Whether some run owns a creditor now."""
    now = time.time() * 1000
    return any("owner" in item and item.get("expires_ms", 0) > now for item in ponte.stack.scan("Control"))


def wait_until(condition, otherwise: str, timeout_seconds: float = 120) -> None:
    """Until the condition holds."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.3)


def test_apply_killed_with_a_batch_in_hand_loses_nothing(ponte):
    targets = [i for i in ponte.open_installments() if not i.receipts][:25]
    hold(ponte)
    for target in targets:
        ponte.simulator.change("receive", billId=target.bill, installmentId=target.id)
    kill_at_work(ponte, "apply")
    release(ponte)
    ponte.settle(240)  # the messages come back after the visibility time-out
    assert ponte.differences() == []
    assert ponte.stack.waiting()["dead"] == 0


def test_the_simulator_restarted_in_the_middle_of_a_day_loses_nothing(ponte):
    targets = [i for i in ponte.open_installments() if not i.receipts][:20]
    for target in targets[:10]:
        ponte.simulator.change("receive", billId=target.bill, installmentId=target.id)
    ponte.restart_simulator()
    for target in targets[10:]:
        ponte.simulator.change("receive", billId=target.bill, installmentId=target.id)
    ponte.settle(240)
    # What the simulator had not delivered when it died is lost news: the daily load repairs it.
    ponte.scenario().repairs()
    assert ponte.differences() == []


def test_the_simulator_restarted_during_a_reconciliation_delays_it_only(ponte):
    for target in [i for i in ponte.open_installments() if not i.receipts][:20]:
        ponte.simulator.change("receive", billId=target.bill, installmentId=target.id, silent=True)
    hold(ponte)
    work = in_background(ponte.reconcile)
    wait_until(lambda: held(ponte), "the run did not begin")
    ponte.restart_simulator()
    work.join(timeout=180)
    # Whatever the first try met, invoking again finishes the job.
    ponte.let_leases_run_out()
    ponte.reconcile()
    assert ponte.differences() == []


@contextlib.contextmanager
def nobody_takes_from_the_inbox(ponte):
    """Meanwhile `apply` is given nothing: what is sent stays in the queue."""
    client = ponte.stack.client("lambda")
    mapping = client.list_event_source_mappings()["EventSourceMappings"][0]["UUID"]
    client.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping, Enabled=True)


def test_a_crash_between_storing_and_queueing_is_healed_by_the_sweep(ponte):
    """The message of an accepted webhook is lost: the journal still says it is pending."""
    target = next(i for i in ponte.open_installments() if not i.receipts)
    sqs, queue = ponte.stack.client("sqs"), ponte.stack.outputs["InboxQueueUrl"]
    with nobody_takes_from_the_inbox(ponte):
        ponte.simulator.change("receive", billId=target.bill, installmentId=target.id)
        wait_until(lambda: ponte.stack.waiting()["queued"] > 0, "the webhook was not queued")
        sqs.purge_queue(QueueUrl=queue)
        assert ponte.stack.waiting()["pending"] > 0
    ponte.let_pending_webhooks_grow_old()
    assert "1 webhook(s) recolocado(s)" in ponte.stack.invoke("payments", {})["resumo"]
    ponte.settle()
    assert ponte.differences() == []


def test_a_dead_letter_moved_back_by_an_operator_takes_effect(ponte):
    """The message is put aside before anybody reads it, so that nothing but the command can bring its effect."""
    target = next(i for i in ponte.open_installments() if not i.receipts)
    sqs, queue, dead = ponte.stack.client("sqs"), ponte.stack.outputs["InboxQueueUrl"], ponte.stack.outputs["InboxDeadLettersUrl"]
    with nobody_takes_from_the_inbox(ponte):
        ponte.simulator.change("receive", billId=target.bill, installmentId=target.id)
        wait_until(lambda: ponte.stack.waiting()["queued"] > 0, "the webhook was not queued")
        (message,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        sqs.send_message(QueueUrl=dead, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    waiting = ponte.stack.waiting()
    assert (waiting["pending"], waiting["queued"], waiting["dead"]) == (1, 0, 1)
    assert ponte.differences(), "it took effect without the command"
    assert "1 mensagem(ns) devolvida(s)" in ponte.stack.invoke("payments", {"redrive": True})["resumo"]
    ponte.settle()
    assert ponte.stack.waiting()["dead"] == 0
    assert ponte.differences() == []
