"""What the Makefile deletes and writes, in a folder of its own."""

import os
import subprocess
from pathlib import Path

import pytest
from toys import REPOSITORY

STAND_IN = """#!/bin/sh
for last; do :; done
case "$*" in *compile*-o*) echo made > "$last" ;; esac
"""
STALE = "edge_runtime/dsp/_kernel.abi3.so"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile with a stand-in for uv that installs nothing, and what earlier commands left."""
    files = {
        "Makefile": (REPOSITORY / "Makefile").read_text(),
        "pyproject.toml": "",
        "setup.py": "",
        "requirements/workstation.lock": "",
        STALE: "compiled from an older source",
        "runs/grasp/bundle/manifest.json": "hours of training",
        ".venv/bin/uv": STAND_IN,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / ".venv/bin/uv").chmod(0o755)
    return tmp_path


def make(folder: Path, target: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    subprocess.run(["make", target], cwd=folder, env=environment, check=True, capture_output=True)


def test_an_installation_whose_kernel_does_not_compile_leaves_no_older_one(checkout: Path) -> None:
    make(checkout, "install")
    assert not (checkout / STALE).exists()


def test_clean_deletes_what_was_built_and_no_results(checkout: Path) -> None:
    make(checkout, "clean")
    assert not (checkout / STALE).exists()
    assert not (checkout / ".venv").exists()
    assert (checkout / "runs/grasp/bundle/manifest.json").read_text() == "hours of training"


def test_lock_writes_every_lock_file(checkout: Path) -> None:
    make(checkout, "lock")
    made = {path.name for path in (checkout / "requirements").glob("*.lock") if path.read_text() == "made\n"}
    assert made == {path.name for path in (REPOSITORY / "requirements").glob("*.lock")}
