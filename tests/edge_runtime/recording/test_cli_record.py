"""`neurograsp record` as it is typed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toys import CHANNELS, RECORDING_S, write_recordings

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.recording.place import place_of
from neurograsp.edge_runtime.sources.board_layout import LSB_UV, board_layout
from neurograsp.train.datasets import open_recordings

pytest.importorskip("brainflow")

SHORT = ("--actions", "reach,grip", "--repeats", "2", "--cue-s", "2", "--rest-s", "1", "--speed", "50")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("played")
    write_recordings(folder, [1])
    return folder / "S001R01.npz"


def record(played: Path, out: Path, *more: str) -> int:
    return main(["record", "--source", f"playback:{played}", "--out", str(out), *SHORT, *more])


def test_a_session_and_the_next(played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(played, tmp_path / "mine", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["labels"] == {"rest": 5, "reach": 2, "grip": 2}
    (one,) = open_recordings(tmp_path / "mine")
    assert one.source == told["recording"]
    assert (one.subject, one.session, one.channels, one.rate_hz) == ("1", "1", CHANNELS, 250.0)
    (whole,) = open_recordings(played)
    first = np.flatnonzero((whole.counts == one.counts[0]).all(axis=1))[0]
    assert first / 250 >= 3.0, "what came while it settled is not kept"
    assert np.array_equal(whole.counts[first : first + len(one.counts)], one.counts)

    config = Path(told["config"])
    config.write_text("# my own\n")
    assert record(played, tmp_path / "mine") == 0
    text = capsys.readouterr().out
    assert "subj1_session2.bdf" in text
    assert f"neurograsp train {config}" in text
    assert config.read_text() == "# my own\n"
    assert [one.session for one in open_recordings(tmp_path / "mine")] == ["1", "2"]
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "subj1_session1.bdf",
        "subj1_session2.bdf",
        "train.toml",
    ]


def test_a_source_that_ends_early_keeps_what_it_gave(
    played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(played, tmp_path, "--repeats", "30") == 5
    assert "ended before the session did" in capsys.readouterr().err
    (one,) = open_recordings(tmp_path)
    assert 10 < one.duration_s < RECORDING_S - 3
    assert one.labels.stop[-1] == one.n_frames


def test_nothing_is_replaced(played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "subj1_session1.bdf").write_bytes(b"mine")
    assert record(played, tmp_path, "--session", "01") == 4
    assert "subj1_session1.bdf: is there already" in capsys.readouterr().err
    (tmp_path / "subj1_session2.bdf.part").write_bytes(b"mine too")
    assert record(played, tmp_path, "--session", "2") == 4
    assert "was not closed" in capsys.readouterr().err
    assert place_of(tmp_path, "1", None).session == "3"
    assert place_of(tmp_path, "2", None).session == "1"
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"mine", b"mine too"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--actions", "rest,grip"], 2, "'rest' is not possible"),
        (["--actions", "grip,grip"], 2, "distinct"),
        (["--actions", "BAD_lost"], 2, "not possible"),
        (["--actions", "a\x14b"], 2, "not possible"),
        (["--actions", ""], 2, "not possible"),
        (["--subject", "../x"], 2, "--subject"),
        (["--session", ""], 2, "--session"),
        (["--repeats", "0"], 2, "--repeats must be 1 to 1000"),
        (["--cue-s", "nan"], 2, "--cue-s must be 0.5 to 60"),
        (["--seed", "-1"], 2, "--seed"),
        (["--source", "board:nothing-such"], 2, "--speed is for"),
        (["--source", "playback:nowhere.npz"], 4, "nowhere.npz"),
        (["--source", "playback:"], 2, "expected playback:FILE"),
        (["--speed", "1", "--source", "board:nothing-such"], 4, "is not one of BrainFlow's"),
        (["--speed", "1", "--source", "board:streaming"], 4, "name the amplifier"),
        (["--speed", "1", "--source", "board:cyton:/dev/not-there"], 5, "not there; `neurograsp ports`"),
    ],
)
def test_refusals_leave_nothing(
    played: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    words: str,
) -> None:
    assert record(played, tmp_path / "out", *options) == code
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_layouts_of_boards() -> None:
    synthetic, cyton, free = map(board_layout, ("synthetic", "cyton", "freeeeg32"))
    assert (len(synthetic.channels), synthetic.channels[:2], synthetic.rate_hz) == (16, ("Fz", "C3"), 250.0)
    assert cyton.lsb_uv == LSB_UV["CYTON_BOARD"]
    assert free.channels == tuple(f"E{n}" for n in range(1, 33))


def test_no_hand_is_near(played: Path, tmp_path: Path) -> None:
    """Recording cannot move one: what could is not even loaded."""
    arguments = ["record", "--source", f"playback:{played}", "--out", str(tmp_path), *SHORT]
    code = (
        f"from neurograsp.edge_runtime.cli import main\nassert main({arguments!r}) == 0\n"
        "import sys\nprint(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "neurograsp.edge_runtime.recording.session" in loaded
    hand = {
        f"neurograsp.firmware_bridge.{name}" for name in ("link", "transports", "host_firmware", "exchange")
    }
    assert loaded.isdisjoint(hand | {"serial", "neurograsp.edge_runtime.loop"})
    assert {name.split(".")[0] for name in loaded}.isdisjoint({"mne", "scipy", "tensorflow", "matplotlib"})
