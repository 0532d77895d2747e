"""`neurograsp replay` as a user types it, on a session of the bundle in the package."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from session_maker import SampleLog, write_log

from neurograsp.edge_runtime.bundle import manifest_hash_line
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.telemetry.messages import Decided, Session


@pytest.fixture
def other(sample_log: SampleLog, tmp_path: Path) -> Path:
    """The same bundle with higher thresholds, and so another hash."""
    folder = tmp_path / "other.bundle"
    shutil.copytree(sample_log.bundle, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["decision"]["on"] = [0.9] * 6
    raw = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(raw)
    (folder / "manifest.sha256").write_bytes(manifest_hash_line(hashlib.sha256(raw).hexdigest()))
    return folder


def test_the_same_bundle(sample_log: SampleLog, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(sample_log.path)]) == 0
    said = capsys.readouterr().out
    assert "SAME: every decision and command, byte for byte." in said
    assert "times real time" in said


def test_a_difference_is_shown(
    sample_log: SampleLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = next(n for n, one in enumerate(sample_log.messages) if isinstance(one, Decided) and one.started)
    one = sample_log.messages[place]
    assert isinstance(one, Decided)
    changed = [*sample_log.messages]
    changed[place] = replace(one, action="Replace", logits=(0.5, *one.logits[1:]))
    log = write_log(tmp_path / "changed.mcap", changed)
    assert main(["replay", str(log)]) == 1
    said = capsys.readouterr().out
    assert "DIFFERENT: 1 differences; the first:" in said
    assert f"{one.at_s:.2f} s  decision  action Replace" in said
    assert main(["replay", str(log), "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["same"]["differences"]
    assert found["recorded"] == "action Replace"
    assert found["replayed"] == f"action {one.action}"
    assert (found["at_s"], found["what"]) == (one.at_s, "decision")


def test_scores_of_another_machine_and_version_get_their_hints(
    sample_log: SampleLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, *others = sample_log.messages
    assert isinstance(session, Session)
    place = next(n for n, one in enumerate(others) if isinstance(one, Decided))
    one = others[place]
    assert isinstance(one, Decided)
    others[place] = replace(one, logits=(0.5, *one.logits[1:]))
    log = write_log(tmp_path / "changed.mcap", [replace(session, neurograsp="0.0.9"), *others])
    assert main(["replay", str(log)]) == 1
    said = capsys.readouterr().out
    assert "Only scores differ: another kind of processor rounds in other places." in said
    assert "recorded by neurograsp 0.0.9, and this is" in said


def test_another_bundle(sample_log: SampleLog, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(sample_log.path), "--against", str(other)]) == 0
    said = capsys.readouterr().out
    assert "of the time the same is asked of the hand" in said
    assert "Other commands in" in said
    assert "p 0." in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--bundle", "{other}"], 4, "its SHA-256 is"),
        (["--bundle", "nowhere"], 4, "no such bundle"),
        (["--calibration", "x.json"], 2, "--calibration goes with --against"),
        (["--against", "nowhere"], 4, "no such bundle"),
        (["--bundle", "a", "--against", "b"], 2, "not allowed with"),
    ],
)
def test_refusals(
    arguments: list[str], code: int, words: str, sample_log: SampleLog, other: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    command = ["replay", str(sample_log.path), *(one.format(other=other) for one in arguments)]
    try:
        ended = main(command)
    except SystemExit as error:
        ended = error.code
    assert ended == code
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_bundle_that_is_no_longer_there(
    sample_log: SampleLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, *others = sample_log.messages
    assert isinstance(session, Session)
    log = write_log(tmp_path / "moved.mcap", [replace(session, bundle="/gone/a.bundle"), *others])
    assert main(["replay", str(log)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "/gone/a.bundle: the session's bundle is not there; say with --bundle" in line
    assert main(["replay", str(log), "--bundle", str(sample_log.bundle)]) == 0
