"""`neurograsp relay` in a process of its own, and its source here."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from emulators import RAIL, Cyton, FreeEEG32, noise
from toys import toy_signal

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import ConfigError, SourceError, UsageError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.sources import relay_source
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.board_layout import LSB_UV, OTHER_LSB_UV
from neurograsp.edge_runtime.sources.relay_protocol import Codec, Role, Type
from neurograsp.edge_runtime.sources.relay_source import Address, RelaySource, connect

CLI = (sys.executable, "-m", "neurograsp.edge_runtime.cli")
TOKEN = "a secret of both machines"
HOST = "127.0.0.1"
SYNTHETIC = replace(toy_signal(n_channels=8), lsb_uv=OTHER_LSB_UV)
CYTON = replace(toy_signal(n_channels=8, adc_bits=24), lsb_uv=LSB_UV["CYTON_BOARD"])


@contextmanager
def relay(source: str = "synthetic", token: str = TOKEN) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A relay and the port where it listens."""
    command = [
        sys.executable,
        "-m",
        "neurograsp.edge_runtime.cli",
        "relay",
        "--source",
        source,
        "--port",
        "0",
        "-v",
    ]
    environment = {**os.environ, "NEUROGRASP_RELAY_TOKEN": token}
    process = subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"listening on 127\.0\.0\.1, port (\d+)", said)
        assert found, said + process.stderr.read()
        yield int(found[1]), process
    finally:
        process.kill()
        process.communicate()


def read_for(source: RelaySource, seconds: float) -> Block:
    blocks, end = [source.read()], time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.005)
        blocks.append(source.read())
    return Block(
        np.concatenate([block.counts for block in blocks]),
        np.concatenate([block.frame_index for block in blocks]),
    )


def connected(port: int, spec: SignalSpec = SYNTHETIC, token: str = TOKEN) -> RelaySource:
    return RelaySource(connect(Address(HOST, port, token.encode())), spec)


def test_a_boards_frames_arrive_as_they_are_with_their_gaps() -> None:
    """A Cyton on a pty -> BrainFlow -> relay -> TCP -> source: every integer, every number."""
    pytest.importorskip("brainflow")
    signal_ = noise(8, peak=RAIL)
    with Cyton(signal_) as board, relay(f"board:cyton:{board.port}") as (port, process):
        source = connected(port, CYTON)
        try:
            assert source._connection.layout.rate_hz == 250.0
            source.start()
            before = read_for(source, 0.5)
            board.drop(7)
            after = read_for(source, 0.5)
        finally:
            source.stop()
        counts = np.concatenate([before.counts, after.counts])
        index = np.concatenate([before.frame_index, after.frame_index])
        assert [int(step) for step in np.diff(index) if step != 1] == [8]
        assert len(index) > 150
        (first,) = np.flatnonzero((signal_ == counts[0]).all(axis=1))
        assert np.array_equal(counts, signal_[(first + index - index[0]) % len(signal_)])
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
        assert process.returncode == 130
        assert re.search(r"relayed +\d+ frames to 1 receivers, 0 dropped", out)


def test_one_receiver_at_a_time_and_the_next_after_it() -> None:
    with relay() as (port, _):
        first = connected(port)
        first.start()
        with pytest.raises(SourceError, match=rf"^relay {HOST}:{port}: it has another receiver"):
            connected(port)
        assert len(read_for(first, 0.2).frame_index) > 20
        first.stop()
        first.stop()
        time.sleep(0.1)
        second = connected(port)
        second.start()
        assert set(np.diff(read_for(second, 0.2).frame_index)) == {1}
        second.stop()


@pytest.mark.parametrize("token", ["", "another secret than that"])
def test_a_receiver_with_another_token_gets_nothing(token: str) -> None:
    with relay() as (port, _):
        with pytest.raises(SourceError, match="NEUROGRASP_RELAY_TOKEN the same on both"):
            connected(port, token=token)
        source = connected(port)  # and the relay goes on
        source.stop()


def test_the_command_line_says_what_is_wrong_with_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with relay() as (port, _):
        source = f"relay:{HOST}:{port}"
        for token, code, message in (
            ("too short", 2, "NEUROGRASP_RELAY_TOKEN: 9 characters, at least 16 are needed"),
            (
                "another secret than that",
                5,
                f"relay {HOST}:{port}: it hung up; is NEUROGRASP_RELAY_TOKEN the same",
            ),
        ):
            monkeypatch.setenv("NEUROGRASP_RELAY_TOKEN", token)
            assert (
                main(["record", "--source", source, "--actions", "a", "--out", str(tmp_path / "x")]) == code
            )
            assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_without_a_token_it_is_for_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NEUROGRASP_RELAY_TOKEN", raising=False)
    assert main(["relay", "--source", "synthetic", "--listen", "0.0.0.0", "--port", "0"]) == 2
    assert "other machines can connect" in capsys.readouterr().err
    monkeypatch.setattr(relay_source, "is_loopback", lambda address: False)
    with relay(token="") as (port, _), pytest.raises(UsageError, match="anybody could send frames"):
        connected(port, token="")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--listen", "203.0.113.7"], "cannot listen on 203.0.113.7, port 7007"),
        (["--port", "99999"], "cannot listen on 127.0.0.1, port 99999"),
        (["--listen", "nowhere.invalid"], "cannot listen on nowhere.invalid"),
    ],
)
def test_where_it_cannot_listen(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["relay", "--source", "synthetic", *options]) == 4
    assert message in capsys.readouterr().err


def test_a_relay_with_another_token_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that stands in for the real one and takes everybody."""
    listener = socket.create_server((HOST, 0))
    port = listener.getsockname()[1]

    def answer(sock: socket.socket, token: bytes, until: float) -> None:
        peer, _ = listener.accept()
        codec = Codec(Role.RELAY, b"what a stranger guesses", bytes(16))
        theirs = Codec(Role.RECEIVER, token, bytes(16))
        codec.feed(theirs.opening)
        peer.sendall(codec.opening + codec.message(Type.LAYOUT, b"{}"))
        return shake_hands(sock, token, until)

    shake_hands = relay_source._shake_hands
    monkeypatch.setattr(relay_source, "_shake_hands", answer)
    with listener, pytest.raises(SourceError, match="has another token, or the bytes were changed"):
        connect(Address(HOST, port, TOKEN.encode()))


def test_a_stopped_source_can_be_started_again() -> None:
    with relay() as (port, process):
        source = connected(port)
        for _ in range(2):
            source.start()
            assert len(read_for(source, 0.2).frame_index) > 20
            source.stop()
            time.sleep(0.1)
        process.kill()
        process.wait()
        with pytest.raises(SourceError, match="nothing listens there"):
            source.start()
        source.stop()


def test_what_does_not_fit_is_refused() -> None:
    with relay() as (port, _):
        for spec, message in (
            (toy_signal(n_channels=3), r"8 channels \(E1, E2, E3, E4, \.\.\.\) at 250 Hz, but .* 3 channels"),
            (toy_signal(n_channels=8, rate_hz=500.0), "at 250 Hz, but .* at 500 Hz"),
            (replace(SYNTHETIC, lsb_uv=None), "but the bundle was trained on counts without a unit"),
        ):
            with pytest.raises(ConfigError, match=message):
                connected(port, spec)
            time.sleep(0.05)
        source = connected(port, replace(toy_signal(n_channels=2), channels=("E3", "e1"), lsb_uv=1.0))
        source.start()
        assert np.abs(read_for(source, 0.3).counts).max() < 200  # microvolts, no longer 32nds of one
        source.stop()


def test_a_relay_that_dies_is_a_lost_source() -> None:
    with relay() as (port, process):
        source = connected(port)
        source.start()
        read_for(source, 0.1)
        process.kill()
        process.wait()
        with pytest.raises(SourceError, match=rf"^relay {HOST}:{port}: (it hung up|lost)"):
            read_for(source, 1.0)
        source.stop()


@pytest.mark.slow
def test_the_end_of_a_recording_is_its_end_here(tmp_path: Path) -> None:
    """A relay plays from its own start on."""
    pytest.importorskip("brainflow")
    delta = np.random.default_rng(0).integers(-9, 10, (2, 750)).astype(np.int16)
    np.savez(tmp_path / "a.npz", eeg_delta=delta, sfreq=250.0, channels=np.array(["C0", "C1"]))
    counts = np.cumsum(delta, axis=1, dtype=np.int16).T
    with relay(f"playback:{tmp_path / 'a.npz'}") as (port, process):
        source = connected(port, replace(toy_signal(n_channels=2), lsb_uv=None))
        source.start()
        blocks, end = [], time.monotonic() + 10
        while not source.finished():
            assert time.monotonic() < end
            blocks.append(source.read())
            time.sleep(0.005)
        source.stop()
        _, said = process.communicate(timeout=5)
        assert process.returncode == 0, said
    index = np.concatenate([block.frame_index for block in blocks])
    assert index.tolist() == list(range(index[0], 750))
    assert len(index) > 250
    assert np.array_equal(np.concatenate([block.counts for block in blocks]), counts[index])


@pytest.mark.slow
def test_a_source_that_is_lost_is_told() -> None:
    pytest.importorskip("brainflow")
    with Cyton() as board, relay(f"board:cyton:{board.port}") as (port, process):
        source = connected(port, CYTON)
        source.start()
        read_for(source, 0.1)
        board.unplug()
        with pytest.raises(SourceError, match="its source is lost: BrainFlow cyton .* no frame for 2 s"):
            read_for(source, 8.0)
        source.stop()
        _, said = process.communicate(timeout=10)
        assert process.returncode == 5
        assert "no frame for 2 s" in said


@pytest.mark.slow
def test_a_receiver_that_does_not_read_loses_frames_and_nothing_piles_up() -> None:
    """What it reads later is a row of frames with gaps, and then the newest."""
    pytest.importorskip("brainflow")
    spec = replace(toy_signal(n_channels=32, rate_hz=512.0, adc_bits=24), lsb_uv=LSB_UV["FREEEEG32_BOARD"])
    with FreeEEG32() as board, relay(f"board:freeeeg32:{board.port}") as (port, _):
        source = connected(port, spec)
        source.start()
        blocks = [read_for(source, 0.1)]
        begin = board.n_frames
        time.sleep(5.0)
        blocks.append(read_for(source, 0.5))
        slept = board.n_frames - begin
        source.stop()
    index = np.concatenate([block.frame_index for block in blocks])
    assert (np.diff(index) >= 1).all()
    assert len(blocks[1].frame_index) < 0.8 * slept
    assert index[-1] - index[0] == pytest.approx(slept, rel=0.3)


def test_strangers_do_not_disturb_it() -> None:
    with relay() as (port, _):
        for data in (b"", b"GET / HTTP/1.1\r\n\r\n", bytes(1000)):
            with socket.create_connection((HOST, port)) as stranger:
                stranger.sendall(data)
                time.sleep(0.05)
        source = connected(port)
        source.start()
        assert len(read_for(source, 0.2).frame_index) > 20
        source.stop()


@pytest.mark.parametrize("address", ["nowhere.invalid:7007", f"{HOST}:1"])
def test_where_no_relay_is(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["record", "--source", f"relay:{address}", "--actions", "a", "--out", "/nonexistent/x"])
    assert code == 5
    assert re.search(rf"relay {address}: (no such host|nothing listens there)", capsys.readouterr().err)


@pytest.mark.parametrize("text", ["relay:host", "relay::7007", "relay:host:port", "relay:host:0"])
def test_addresses_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "--source", text, "--actions", "a", "--out", "/nonexistent/x"]) == 2
    assert "relay:HOST:PORT" in capsys.readouterr().err
