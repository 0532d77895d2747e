"""Whatever fails, the hand stands within 0.4 s, and moves again only when somebody arms it.

    python -m pytest tests/end_to_end/test_faults.py -m slow -s

prints how long each took (docs/faults.md).
"""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from emulators import RAIL, Cyton
from runtime_rig import OutletRig, RelayRig, Rig
from toys import CONFIG, OPEN_GATES, write_recordings

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.decision_spec import Proportional
from neurograsp.edge_runtime.sources.board_layout import LSB_UV
from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.protocol import HandState

pytest.importorskip("tensorflow")
pytest.importorskip("brainflow")
pytestmark = pytest.mark.slow

LIMIT_S = 0.4
SLOW = Proportional("speed", least=20, most=20)
"""Then a fist takes 2.3 s, so that the end of a movement is never what stops the hand."""

CHANNELS = [f"E{number}" for number in range(1, Cyton.N_CHANNELS + 1)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network that knows a 12 Hz rhythm, with the unit of the Cyton."""
    from neurograsp.convert.bundle_writer import write_bundle

    folder = tmp_path_factory.mktemp("cyton")
    write_recordings(folder / "data", [1, 2])
    (folder / "toy.toml").write_text(CONFIG)
    chosen = ["--set", f"data.channels={json.dumps(CHANNELS)}", "--set", "fit.epochs=12"]
    assert main(["train", str(folder / "toy.toml"), "--out", str(folder / "run"), *chosen]) == 0
    assert main(["convert", str(folder / "run"), "--out", str(folder / "made"), *OPEN_GATES]) == 0
    made = open_bundle(folder / "made")
    manifest = made.manifest
    manifest = replace(
        manifest,
        signal=replace(manifest.signal, lsb_uv=LSB_UV["CYTON_BOARD"]),
        decision=replace(manifest.decision, proportional=SLOW),
    )
    write_bundle(folder / "bundle", manifest, made.files)
    return folder / "bundle"


@pytest.fixture
def rig(bundle: Path, tmp_path: Path) -> Iterator[Rig]:
    with Rig(bundle, tmp_path) as one:
        yield one


def say(what: str, seconds: float) -> None:
    print(f"\n{what}: the hand stood {seconds:.3f} s later")


FAULTS: dict[str, Callable[[Rig], object]] = {
    "board unplugged": lambda rig: rig.amplifier.unplug(),
    "stream frozen": lambda rig: rig.amplifier.freeze(),
    "the same frame for ever": lambda rig: rig.amplifier.stick(),
    "electrode off, at the rail": lambda rig: rig.amplifier.hold({3: RAIL}),
    "electrode off, flat": lambda rig: rig.amplifier.hold({3: 0}),
    "loop frozen (SIGSTOP)": lambda rig: rig.process.send_signal(signal.SIGSTOP),
    "process killed (SIGKILL)": lambda rig: rig.process.kill(),
    "process ended (SIGTERM)": lambda rig: rig.process.terminate(),
    "cable to the hand cut": lambda rig: rig.cable.cut(),
    "disarmed by a key": lambda rig: rig.key(b" "),
    "terminal closed": lambda rig: rig.process.send_signal(signal.SIGHUP),
    "emergency stop": lambda rig: rig.hand.set_inputs(HandInput.ESTOP),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_hand_stands_in_time(fault: str, rig: Rig) -> None:
    before = rig.wait_for_movement()
    FAULTS[fault](rig)
    time.sleep(2.5)  # long enough for another fist, were it still obeyed
    took = rig.stood_after(before)
    say(fault, took)
    assert took < LIMIT_S
    assert rig.rows()[-1].state not in (HandState.MOVING, HandState.HOLD, HandState.ARMED)
    if fault.startswith("loop frozen"):
        rig.process.send_signal(signal.SIGCONT)


def test_an_amplifier_that_comes_back_moves_nothing_until_somebody_arms(rig: Rig) -> None:
    rig.wait_for_movement()
    rig.amplifier.unplug()
    rig.wait_for("looking for it")
    unplugged_s = time.monotonic()
    time.sleep(1.0)
    rig.amplifier.replug()
    rig.wait_for("back again")
    time.sleep(4.5)
    assert rig.stood_after(unplugged_s) == 0
    rig.arm()
    armed_s = time.monotonic()
    rig.wait_for_movement()
    assert rig.stood_after(armed_s) > 0


def test_a_hand_that_comes_back_moves_nothing_until_somebody_arms(rig: Rig) -> None:
    rig.wait_for_movement()
    rig.cable.cut()
    rig.wait_for("looking for it")
    time.sleep(1.0)
    mended_s = time.monotonic()
    rig.cable.mend()
    rig.wait_for("back again")
    time.sleep(4.5)
    assert rig.stood_after(mended_s) == 0
    rig.arm()
    rig.wait_for_movement()


def test_a_bundle_that_is_swapped_meanwhile_changes_nothing(rig: Rig, bundle: Path) -> None:
    rig.wait_for_movement()
    kept = bundle.with_name("kept")
    shutil.copytree(bundle, kept)
    try:
        for path in bundle.iterdir():
            path.write_bytes(b"something else")
        swapped_s = time.monotonic()
        time.sleep(1.0)
        rig.wait_for_movement()
        assert rig.stood_after(swapped_s) > 0
    finally:
        shutil.rmtree(bundle)
        kept.rename(bundle)


def test_a_report_to_a_full_disk(bundle: Path, tmp_path: Path) -> None:
    """The hand is stopped before anything is written."""
    with Rig(bundle, tmp_path, report=Path("/dev/full")) as rig:
        before = rig.wait_for_movement()
        rig.process.terminate()
        rig.process.communicate(timeout=20)
        took = rig.stood_after(before)
        say("ended with a full disk", took)
        assert took < LIMIT_S
        assert rig.process.returncode == 1
        assert "no space left" in rig.log.read_text()
        assert "Traceback" not in rig.log.read_text()


def test_values_that_are_no_numbers(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("pylsl")
    with OutletRig(bundle, tmp_path) as rig:
        before = rig.wait_for_movement()
        rig.numbers = False
        time.sleep(2.5)
        took = rig.stood_after(before)
        say("values that are no numbers", took)
        assert took < LIMIT_S
        assert "no numbers" in rig.log.read_text()


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_clock_that_is_set_back_an_hour_changes_nothing(bundle: Path, tmp_path: Path) -> None:
    library, offset = tmp_path / "wall_clock.so", tmp_path / "offset"
    source = Path(__file__).with_name("wall_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", str(source), "-o", str(library)], check=True)
    offset.write_bytes(struct.pack("q", 0))
    environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET_FILE": str(offset)}
    asked = [sys.executable, "-c", "import time; print(time.time() - time.monotonic())"]

    def wall_clock() -> float:
        return float(subprocess.check_output(asked, env={**os.environ, **environment}))

    with Rig(bundle, tmp_path, environment=environment) as rig:
        rig.wait_for_movement()
        before = wall_clock()
        with offset.open("r+b") as file:
            file.write(struct.pack("q", -3600))
        set_back_s = time.monotonic()
        assert wall_clock() - before == pytest.approx(-3600, abs=1)
        time.sleep(1.0)
        rig.wait_for_movement()
        assert rig.stood_after(set_back_s) > 0
        assert rig.log.read_text().count("runtime armed") == 1
        assert "stopped" not in rig.log.read_text()


def test_two_runtimes_on_one_hand(rig: Rig, bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rig.wait_for_movement()
    code = main(["run", "--bundle", str(bundle), "--source", "synthetic", "--hand", str(rig.cable.port)])
    assert code == 5
    assert re.search(r"in use by .*\(process \d+.*\); close that one first", capfd.readouterr().err)
    rig.wait_for_movement()


RELAY_FAULTS: dict[str, Callable[[RelayRig], object]] = {
    "relay: board unplugged": lambda rig: rig.amplifier.unplug(),
    "relay: killed": lambda rig: rig.relay.kill(),
    "relay: frozen (SIGSTOP)": lambda rig: rig.relay.send_signal(signal.SIGSTOP),
}


@pytest.mark.parametrize("fault", RELAY_FAULTS)
def test_the_hand_stands_in_time_behind_a_relay(fault: str, bundle: Path, tmp_path: Path) -> None:
    with RelayRig(bundle, tmp_path) as rig:
        before = rig.wait_for_movement()
        RELAY_FAULTS[fault](rig)
        time.sleep(2.5)
        took = rig.stood_after(before)
        say(fault, took)
        assert took < LIMIT_S
        assert rig.rows()[-1].state not in (HandState.MOVING, HandState.HOLD, HandState.ARMED)


def test_a_relay_that_comes_back_moves_nothing_until_somebody_arms(bundle: Path, tmp_path: Path) -> None:
    with RelayRig(bundle, tmp_path) as rig:
        rig.wait_for_movement()
        rig.end_relay()
        stands_s = time.monotonic() + LIMIT_S
        rig.wait_for("looking for it")
        rig.start_relay()
        rig.wait_for("back again")
        time.sleep(4.5)
        assert rig.stood_after(stands_s) == 0
        rig.arm()
        armed_s = time.monotonic()
        rig.wait_for_movement()
        assert rig.stood_after(armed_s) > 0
