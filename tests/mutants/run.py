"""Shows that the simulation finds each fault of mutants.toml: builds the code with the fault and runs seeds until one fails.

Works on a copy of the sources under target/mutants, with a target folder of its own.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "mutants"
SEEDS = "2000"


def mutants(wanted: str) -> list[dict[str, str]]:
    """Those whose name contains a phrase."""
    found = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())["mutant"]
    return [mutant for mutant in found if wanted in mutant["name"]]


def copy() -> Path:
    sources = WORK / "sources"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, tracked.decode().split("\0")):
        there, here = sources / name, ROOT / name
        if here.is_file() and (not there.is_file() or there.read_bytes() != here.read_bytes()):
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(here, there)
    return sources


def seeds(sources: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(WORK / "target"), "PONTE_SEEDS": SEEDS, "PONTE_FIRST": "1", "RUST_BACKTRACE": "0",
    }
    command = ["cargo", "test", "--locked", "-p", "simulation", "--", "whatever_happens"]
    return subprocess.run(command, cwd=sources, env=environment, capture_output=True, text=True)


def outcome(ran: subprocess.CompletedProcess[str]) -> str:
    if ran.returncode == 0:
        return "SURVIVES"
    found = re.search(r"run one alone with PONTE_SEED=(\d+)", ran.stdout + ran.stderr)
    return f"found by seed {found[1]}" if found else "DOES NOT BUILD"


def found(sources: Path, mutant: dict[str, str]) -> str:
    """What the seeds say of the code with the fault."""
    file = sources / mutant["file"]
    before = file.read_text()
    if mutant["old"] not in before:
        return "TEXT NOT FOUND"
    file.write_text(before.replace(mutant["old"], mutant["new"], 1))
    try:
        return outcome(seeds(sources))
    finally:
        file.write_text(before)


def main(wanted: str) -> int:
    chosen = mutants(wanted)
    if not chosen:
        print(f"no mutant's name contains {wanted!r}")
        return 1
    sources = copy()
    lost = 0
    for mutant in chosen:
        said = found(sources, mutant)
        lost += not said.startswith("found")
        print(f"{mutant['name']}: {said}", flush=True)
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
