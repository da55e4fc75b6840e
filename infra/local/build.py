"""Builds the functions and the simulator for this machine: the code that deploys, without the long linking of what deploys."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

from infra.local.processes import StartError

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ("webhook", "apply", "payments", "import", "reconcile", "api")
SIMULATOR = "sienge-simulator"
# Cargo's profile, and the folder that its binaries lie in.
PROFILE = "local"


def build() -> Path:
    """Runs `cargo build --profile local` (quick when nothing changed); returns the folder of the binaries."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise StartError("Não achei o `cargo`. Instale o Rust (https://rustup.rs) e tente de novo.")
    # By package, so that test crates are not built and lend their features to nothing that deploys.
    command = [cargo, "build", "--profile", PROFILE, "--locked", "--bins"]
    for name in (*FUNCTIONS, SIMULATOR):
        command += ["--package", name]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise StartError("A compilação falhou (veja acima).")
    return target_folder(cargo) / PROFILE


def target_folder(cargo: str = "cargo") -> Path:
    """Cargo's target folder, wherever the settings put it."""
    told = os.environ.get("CARGO_TARGET_DIR")
    if told:
        return (ROOT / told).resolve()
    shown = subprocess.run(
        [cargo, "metadata", "--format-version=1", "--no-deps", "--offline"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    return Path(json.loads(shown.stdout)["target_directory"]) if shown.returncode == 0 else ROOT / "target"


def architecture() -> str:
    """The template's name for this machine's processor."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
