import json
import subprocess
import sys
from pathlib import Path

import pytest
from core_bench import Bench, compile_c

from neurograsp.firmware_bridge import frames
from neurograsp.firmware_bridge.host_firmware import FIRMWARE
from neurograsp.firmware_bridge.protocol import Clear, Nack, NackCode

VECTORS = Path(frames.__file__).parent / "vectors.json"
UNACCEPTABLE = json.loads(VECTORS.read_text())["unacceptable"]
C_TEST = FIRMWARE / "extras" / "test"


def test_c_half_agrees_with_every_vector(tmp_path: Path) -> None:
    sources = [C_TEST / "test_vectors.c", FIRMWARE / "src" / "hand_frames.c"]
    program = compile_c(sources, tmp_path / "test_vectors")
    text = subprocess.run(
        [sys.executable, C_TEST / "vectors_txt.py", VECTORS], capture_output=True, text=True, check=True
    ).stdout
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    vectors = json.loads(VECTORS.read_text())
    count = sum(len(vectors[kind]) for kind in ("messages", "broken", "unacceptable"))
    assert done.stdout == f"{count} vectors, 0 failures\n"


@pytest.mark.parametrize("vector", UNACCEPTABLE, ids=lambda vector: vector["name"])
def test_armed_hand_refuses(hand: Bench, vector: dict[str, object]) -> None:
    hand.seq = 2
    hand.arm()
    assert (hand.session, hand.seq) == (vector["session"], 4)
    before = hand.pulses
    data = bytes.fromhex(str(vector["hex"]))
    (answer,) = hand.exchange(data)
    assert isinstance(answer, Nack)
    assert (answer.code, answer.request) == (NackCode[str(vector["nack"])], vector["type"])
    assert list(answer.detail) == vector["detail"]
    hand.wait(100)
    assert hand.pulses == before


def test_hand_takes_no_frame_with_a_flipped_bit(hand: Bench) -> None:
    hand.connect()
    hand.ask(Clear())
    vectors = json.loads(VECTORS.read_text())
    for vector in vectors["messages"] + vectors["unacceptable"]:
        data = bytes.fromhex(vector["hex"])
        for bit in range(8, 8 * (len(data) - 1)):
            flipped = (int.from_bytes(data, "little") ^ 1 << bit).to_bytes(len(data), "little")
            assert hand.exchange(flipped) == []
    status = hand.status()
    assert (status.frames, status.refusals, status.duplicates) == (1, 0, 0)
    assert status.errors > 0
