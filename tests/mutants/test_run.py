"""The runner itself, without a build: it must not take a fault that was never made for one that was found."""

import subprocess
from pathlib import Path

import pytest
import run

PASSES = subprocess.CompletedProcess([], 0, "", "")
FAILS = subprocess.CompletedProcess([], 101, "run one alone with PONTE_SEED=7", "")


def a_mutant(old: str) -> dict[str, str]:
    return {"name": "a fault of two words", "file": "a.rs", "old": old, "new": "two"}


@pytest.mark.parametrize(
    ("old", "seeds", "said", "fails"),
    [("one", FAILS, "found by seed 7", 0), ("one", PASSES, "SURVIVES", 1), ("gone", FAILS, "TEXT NOT FOUND", 1)],
)
def test_only_a_fault_that_was_made_and_found_is_found(
    old: str,
    seeds: subprocess.CompletedProcess[str],
    said: str,
    fails: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "a.rs"
    source.write_text("one")
    monkeypatch.setattr(run, "copy", lambda: tmp_path)
    monkeypatch.setattr(run, "seeds", lambda _: seeds)
    monkeypatch.setattr(run, "mutants", lambda _: [a_mutant(old)])
    assert run.main("") == fails
    assert capsys.readouterr().out == f"a fault of two words: {said}\n"
    assert source.read_text() == "one"


def test_a_phrase_chooses_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    every = [mutant["name"] for mutant in run.mutants("")]
    phrase = next(name for name in every if " " in name)
    assert [mutant["name"] for mutant in run.mutants(phrase)] == [phrase]
    assert run.main("no such name") == 1
    assert "no such name" in capsys.readouterr().out


def test_the_text_of_every_fault_stands_in_its_file() -> None:
    for mutant in run.mutants(""):
        assert mutant["old"] in (run.ROOT / mutant["file"]).read_text(), mutant["name"]
