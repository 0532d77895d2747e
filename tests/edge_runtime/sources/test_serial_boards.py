"""BrainFlow's real serial drivers, and a board on a pty that things go wrong with."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from emulators import RAIL, Cyton, FreeEEG32, noise
from toys import toy_signal

from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.sources.base import Block, Source
from neurograsp.edge_runtime.sources.board_layout import LSB_UV
from neurograsp.edge_runtime.sources.board_port import set_port
from neurograsp.edge_runtime.sources.brainflow_board import BrainFlowSource

pytest.importorskip("brainflow")

BOARDS = {"FREEEEG32_BOARD": FreeEEG32, "CYTON_BOARD": Cyton}
each_board = pytest.mark.parametrize(
    "name", ["FREEEEG32_BOARD", pytest.param("CYTON_BOARD", marks=pytest.mark.slow)]
)


def spec_of(name: str) -> SignalSpec:
    board = BOARDS[name]
    spec = toy_signal(n_channels=board.N_CHANNELS, rate_hz=board.RATE_HZ, adc_bits=24)
    return replace(spec, lsb_uv=LSB_UV[name])


def read_for(source: Source, seconds: float) -> Block:
    blocks, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        blocks.append(source.read())
        time.sleep(0.005)
    return Block(
        np.concatenate([block.counts for block in blocks]),
        np.concatenate([block.frame_index for block in blocks]),
    )


@each_board
def test_every_count_arrives_as_the_converter_gave_it(name: str) -> None:
    """Over the whole range of 24 bits, over several turns of the counter, at the board's rate."""
    board_type = BOARDS[name]
    signal = noise(board_type.N_CHANNELS, peak=RAIL)
    signal[:, 0], signal[:, 1] = RAIL, -RAIL - 1
    with board_type(signal) as board:
        source = BrainFlowSource(name, board.port, spec_of(name))
        try:
            source.start()
            read_for(source, 0.1)
            got = read_for(source, 1.3)
        finally:
            source.stop()
    assert len(got.counts) == pytest.approx(1.3 * board_type.RATE_HZ, rel=0.1)
    assert set(np.diff(got.frame_index)) == {1}
    (first,) = np.flatnonzero((signal == got.counts[0]).all(axis=1))
    assert first % 256 == got.frame_index[0] % 256
    assert np.array_equal(got.counts, signal[(first + np.arange(len(got.counts))) % len(signal)])


@each_board
def test_lost_repeated_and_late_frames_show_in_the_numbers(name: str) -> None:
    with BOARDS[name]() as board:
        source = BrainFlowSource(name, board.port, spec_of(name))

        faults: tuple[Callable[[], None], ...] = (
            lambda: board.drop(5),
            lambda: board.drop(200),
            lambda: board.repeat(3),
            lambda: board.late(2),
            lambda: board.cut(1),
        )
        try:
            source.start()
            index = [read_for(source, 0.2).frame_index]
            for fault in faults:
                fault()
                index.append(read_for(source, 1.0 if fault is faults[1] else 0.2).frame_index)
            found = [int(step) for step in np.diff(np.concatenate(index)) if step != 1]
            assert found[:-1] == [6, 201, 0, 0, 0, 2, -2, 3]
            assert 2 <= found[-1] <= 8  # the driver loses some more until it is in step again
            board.hold({2: RAIL, 4: 0})
            read_for(source, 0.1)
            counts = read_for(source, 0.1).counts
            assert (counts[:, 2] == RAIL).all()
            assert (counts[:, 4] == 0).all()
            assert np.ptp(counts[:, 3]) > 0
        finally:
            source.stop()


@each_board
def test_a_stall_is_silence_and_a_stuck_board_repeats_itself(name: str) -> None:
    """Both are the control loop's to notice: BrainFlow says nothing."""
    with BOARDS[name]() as board:
        source = BrainFlowSource(name, board.port, spec_of(name))
        try:
            source.start()
            before = read_for(source, 0.2).frame_index
            board.freeze()
            lost = board.n_frames
            before = np.concatenate([before, read_for(source, 0.2).frame_index])
            assert len(read_for(source, 0.1).frame_index) == 0
            lost = board.n_frames - lost
            board.resume()
            after = read_for(source, 0.2).frame_index
            assert np.diff(np.concatenate([before, after])).max() == pytest.approx(lost + 1, abs=5)
            board.stick()
            read_for(source, 0.1)
            stuck = read_for(source, 0.1).frame_index
            assert len(stuck) > 10
            assert len(set(stuck)) == 1
        finally:
            source.stop()


@each_board
def test_unplugged_is_silence_and_replugged_it_can_be_opened_again(name: str) -> None:
    with BOARDS[name]() as board:
        source = BrainFlowSource(name, board.port, spec_of(name))
        source.start()
        assert len(read_for(source, 0.2).frame_index) > 10
        board.unplug()
        read_for(source, 0.1)
        assert len(read_for(source, 0.2).frame_index) == 0
        source.stop()
        board.replug()
        again = BrainFlowSource(name, board.port, spec_of(name))
        try:
            again.start()
            assert set(np.diff(read_for(again, 0.3).frame_index)) == {1}
        finally:
            again.stop()


def test_two_runtimes_on_one_port() -> None:
    """BrainFlow would let both read, and each would get half of the bytes."""
    with FreeEEG32() as board:
        spec = spec_of("FREEEEG32_BOARD")
        source = BrainFlowSource("freeeeg32", board.port, spec)
        source.start()
        command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "relay", "--port", "0"]
        second = subprocess.run(
            [*command, "--source", f"board:freeeeg32:{board.port}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 5
        assert f"port {board.port}: in use by another program; close that one first" in second.stderr
        assert len(read_for(source, 0.1).frame_index) > 10
        source.stop()
        again = BrainFlowSource("freeeeg32", board.port, spec)
        again.start()
        again.stop()


def test_ports_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("CYTON_BOARD")
    for port, message in (
        ("", r"^BrainFlow cyton: cannot be opened: name where it is: .* \(INVALID_ARGUMENTS_ERROR\)$"),
        ("/dev/null", r"cannot be opened: that is no serial port"),
        ("/dev/nowhere", r"^port /dev/nowhere: not there; `neurograsp ports`"),
    ):
        with pytest.raises(SourceError, match=message):
            BrainFlowSource("cyton", port, spec).start()

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceError, match=r"^port /dev/null: no permission; run `sudo usermod -aG dialout"):
        BrainFlowSource("cyton", "/dev/null", spec).start()


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("/dev/ttyUSB0", {"serial_port": "/dev/ttyUSB0"}),
        ("F4:0e:11:75:76:30", {"mac_address": "F4:0e:11:75:76:30"}),
        ("192.168.4.1", {"ip_address": "192.168.4.1", "ip_port": 0}),
        ("192.168.4.1:6677", {"ip_address": "192.168.4.1", "ip_port": 6677}),
        ("Muse-3B7A", {"serial_number": "Muse-3B7A"}),
        ("", {"serial_number": ""}),
    ],
)
def test_what_follows_a_boards_name(port: str, expected: dict[str, Any]) -> None:
    parameters = SimpleNamespace()
    set_port(parameters, port)
    assert vars(parameters) == expected
