"""What fails on a busy machine is tried again from the start, and is never lost."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import loaded
import patience
import pytest
from hand_client import SESSION, Client
from host_rig import HostRig
from loaded import TRIES, again_when_loaded
from patience import BUSY_MS, again_when_busy

from neurograsp.firmware_bridge.protocol import Arm, HandState


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "PAUSE_S", 0.0)


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Client]:
    rig = HostRig(tmp_path / "trace")
    yield Client(rig)
    rig.close()


def load(monkeypatch: pytest.MonkeyPatch, programs: int) -> None:
    """So many want to run."""
    monkeypatch.setattr(os, "getloadavg", lambda: (float(programs), 0.0, 0.0))


def stalled(hand: Client, ms: float) -> None:
    """What was seen so far is this."""
    assert isinstance(hand.rig, HostRig)
    hand.rig.stall_ms = ms


def test_each_try_is_the_first(hand: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, 1000)
    seen = []

    @again_when_busy
    def test(_: object, hand: Client) -> None:
        seen.append((hand.session, hand.seq, hand.state, [*hand.heard, *hand.pulses], hand.monitor.count))
        hand.connect(43)
        hand.ask(Arm())
        hand.run(50)
        hand.monitor.violations.append("wrong")
        assert len(seen) == 3
        hand.monitor.violations.clear()

    test(None, hand)
    assert seen == [(SESSION, 0, HandState.BOOT, [], 0)] * 3


@pytest.mark.parametrize("programs", [0, 1000])
@pytest.mark.parametrize("stall_ms", [0, BUSY_MS, BUSY_MS + 1])
def test_what_fails_each_time_has_failed(
    programs: int, stall_ms: float, hand: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(monkeypatch, programs)
    tries = []

    @again_when_busy
    def test(_: object, hand: Client) -> None:
        tries.append(hand)
        stalled(hand, stall_ms)
        raise AssertionError(f"try {len(tries)}")

    busy = programs > 0 or stall_ms > BUSY_MS
    with pytest.raises(AssertionError, match=f"try {TRIES if busy else 1}"):
        test(None, hand)


@pytest.mark.parametrize(("programs", "tries"), [(0, 1), (1000, TRIES)])
def test_processes_get_a_folder_for_each_try(
    programs: int, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(monkeypatch, programs)
    folders = []

    @again_when_loaded
    def test(tmp_path: Path, name: str) -> None:
        assert not [*tmp_path.iterdir()]
        folders.append(tmp_path)
        raise AssertionError(f"{name} {len(folders)}")

    with pytest.raises(AssertionError, match=f"try {tries}"):
        test(tmp_path=tmp_path, name="try")
    assert len(set(folders)) == tries


def test_what_the_monitor_finds_has_failed(hand: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, 1000)
    test = again_when_busy(lambda _, hand: hand.monitor.violations.append("a step of 99 us"))
    with pytest.raises(AssertionError, match="a step of 99 us"):
        test(None, hand)


def test_what_the_hand_has_not_got_is_skipped(hand: Client) -> None:
    test = again_when_busy(lambda _, hand: pytest.skip("no such input"))
    with pytest.raises(pytest.skip.Exception, match="no such input"):
        test(None, hand)


def test_all_of_a_contract_is_patient() -> None:
    class Contract:
        def test_it(self, hand: Client) -> None: ...

        def helper(self) -> None: ...

    patient = patience.on_a_busy_machine(Contract)
    assert patient.__name__ == "Contract"
    assert patient.test_it is not Contract.test_it
    assert patient.helper is Contract.helper


@pytest.mark.parametrize("after_ms", [0, 100])
def test_a_hand_without_a_turn_is_seen(after_ms: float, hand: Client) -> None:
    """Also before its first servo frame."""
    rig = hand.rig
    assert isinstance(rig, HostRig)
    hand.run(after_ms)
    os.kill(rig.hand.pid, signal.SIGSTOP)
    hand.run(100)
    assert rig.stall_ms > 50
    rig.power_on()
    assert rig.stall_ms == 0
