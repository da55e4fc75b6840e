"""A second start finds its data again, and stopping leaves nothing behind."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest
from conftest import PARAMETERS, start_simulator

from infra.command import CommandError, secret_in
from infra.local import build, demo, processes
from infra.local.memory import Memory
from infra.local.scenario import Story
from infra.local.stack import LocalStack


def test_a_second_start_keeps_its_data(ponte, binaries):
    ponte.reconcile()
    before, tables = ponte.scenario().portfolio_snapshot(), dict(ponte.stack.outputs)
    assert set(ponte.stack.stop()) == {"simulator", "aws"}
    assert ponte.stack.children() == []

    ponte.processes["aws"] = ponte.stack.start_aws()
    ponte.stack.deploy(binaries, PARAMETERS)
    ponte.processes["simulator"] = start_simulator(ponte.stack, ponte.sienge)
    assert ponte.stack.outputs == tables
    assert ponte.scenario().portfolio_snapshot() == before
    assert ponte.differences() == []


def test_its_owner_alone_reads_what_a_local_stack_keeps(tmp_path):
    folder = tmp_path / "ponte"
    folder.mkdir(mode=0o755)
    kept, password = folder / "demo.json", tmp_path / "senha.txt"
    for file in (kept, password):
        file.write_text("{}")
        file.chmod(0o644)
    LocalStack(folder, 1, 2)
    Memory(folder).set(apiKey="ponte.617.0.x")
    assert (folder.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o700, 0o600)
    with pytest.raises(CommandError, match="chmod 600"):
        secret_in(str(password))
    password.chmod(0o600)
    assert secret_in(str(password)) == "{}"


def test_a_taken_port_is_said_before_anything_starts(ponte):
    try:
        processes.require_free_port(ponte.stack.aws_port, "AWS local")
    except processes.StartError as error:
        assert str(ponte.stack.aws_port) in str(error) and "--ports" in str(error)
    else:
        raise AssertionError("nobody noticed that the port is taken")


def test_a_demo_in_the_foreground_ends_quietly_when_it_is_stopped(binaries, tmp_path):
    def command(*words: str) -> list[str]:
        return [sys.executable, "-u", "-m", "infra.local", *words, "--folder", str(tmp_path)]

    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(command(*words), cwd=build.ROOT, capture_output=True, text=True, timeout=120, check=False)

    ports = f"{processes.free_port()},{processes.free_port()}"
    foreground = subprocess.Popen(
        command("demo", "--no-scenario", "--ports", ports), cwd=build.ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        said = ""
        for line in foreground.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        assert f'EVENT=events/payments-sweep.json ARGS="--folder {tmp_path}"' in said, said
        refused = run("invoke", "nope", "events/payments-sweep.json")
        assert refused.returncode == 1 and "Não há função nope" in refused.stderr and "Traceback" not in refused.stderr
        stopped = run("stop")
        assert stopped.returncode == 0 and "aws" in stopped.stdout and "simulator" in stopped.stdout
        said = foreground.communicate(timeout=60)[0]
        assert (foreground.returncode, "Erro" in said) == (0, False), said
        assert "Nada em execução" in run("stop").stdout
    finally:
        foreground.kill()
        run("stop")


@pytest.mark.parametrize(
    ("story", "code"),
    [(Story([1]), 0), (Story([1], last_reconciliation_wrote=["a bill"]), 1), (None, 0), (KeyboardInterrupt(), demo.INTERRUPTED)],
)
def test_the_exit_code_says_how_the_main_job_ended_also_after_ctrl_c(monkeypatch, tmp_path, story, code):
    def answer(value):
        def call(*_):
            if isinstance(value, BaseException):
                raise value
            return value

        return call

    parts = {"prepare": None, "connect": (None, None), "play": story, "addresses": None, "wait": KeyboardInterrupt()}
    for name, value in parts.items():
        monkeypatch.setattr(demo, name, answer(value))
    monkeypatch.setattr(demo.signal, "signal", answer(None))
    assert demo.demo(argparse.Namespace(folder=tmp_path, ports=(1, 2), detach=False)) == code
