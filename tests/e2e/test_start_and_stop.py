"""A second start finds its data again, and stopping leaves nothing behind."""

from __future__ import annotations

import time

from conftest import PARAMETERS, start_simulator

from infra.local import processes


def test_a_second_start_is_quick_and_keeps_its_data(ponte, binaries):
    ponte.reconcile()
    before, tables = ponte.scenario().portfolio_snapshot(), dict(ponte.stack.outputs)
    assert set(ponte.stack.stop()) == {"simulator", "aws"}
    assert ponte.stack.children() == []

    began = time.monotonic()
    ponte.processes["aws"] = ponte.stack.start_aws()
    ponte.stack.deploy(binaries, PARAMETERS)
    ponte.processes["simulator"] = start_simulator(ponte.stack, ponte.sienge)
    assert time.monotonic() - began < 20
    assert ponte.stack.outputs == tables
    assert ponte.scenario().portfolio_snapshot() == before
    assert ponte.differences() == []


def test_a_taken_port_is_said_before_anything_starts(ponte):
    try:
        processes.require_free_port(ponte.stack.aws_port, "AWS local")
    except processes.StartError as error:
        assert str(ponte.stack.aws_port) in str(error) and "--ports" in str(error)
    else:
        raise AssertionError("nobody noticed that the port is taken")
