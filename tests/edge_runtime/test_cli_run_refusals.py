"""What is damaged is refused although a hand waits to be armed, and that hand never gets a pulse."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.firmware_bridge.host_firmware import SimulatedHand, read_trace


@pytest.mark.parametrize("damaged", ["bundle", "recording"])
def test_what_is_damaged_never_arms_a_hand(damaged: str, tmp_path: Path, capsys: Any) -> None:
    bundle, recording = tmp_path / "copy.bundle", tmp_path / PRETRAINED_RECORDING.name
    shutil.copytree(PRETRAINED, bundle)
    shutil.copy(PRETRAINED_RECORDING, recording)
    file = bundle / "model.tflite" if damaged == "bundle" else recording
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    trace = tmp_path / "trace.csv"
    with SimulatedHand(trace) as hand:
        arguments = [
            "--bundle",
            str(bundle),
            "--source",
            f"playback:{recording}",
            "--hand",
            hand.url,
            "--arm",
        ]
        assert main(["run", *arguments, "--seconds", "3"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert file.name in line
    assert not any(any(row.joints_us) for row in read_trace(trace))
