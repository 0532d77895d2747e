"""A training that is ended midway leaves nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FOREVER_S = 60.0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_half_run_stays(toy_data: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "train", str(toy_data / "toy.toml")]
    options = ["--out", str(out), "--set", "fit.epochs=100000", "--set", "fit.patience=100000"]
    training = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    try:
        give_up = time.monotonic() + FOREVER_S
        while not list(tmp_path.glob(".run-*/frames_validation.npy")):
            assert time.monotonic() < give_up, "training did not begin"
            time.sleep(0.05)
        training.send_signal(number)
        _, said = training.communicate(timeout=FOREVER_S)
    finally:
        training.kill()
    # Where the signal meets code that C evaluates, Python ends by SIGINT itself: a shell says 130 of both.
    assert training.returncode in (130, -signal.SIGINT), said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
