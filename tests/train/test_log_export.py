"""`neurograsp export`: a session's log as a recording, whose counts are the ones that the amplifier gave."""

import io
import json
import os
import resource
import signal
import stat
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from loop_world import World
from mcap.exceptions import McapError
from mcap.reader import NonSeekingReader, make_reader
from session_maker import SampleLog, record, write_log
from toy_run import Signals, toy_session
from toys import CONFIG, REPOSITORY, Toy

from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.sources import read_frames
from neurograsp.edge_runtime.sources.file_player import FilePlayer
from neurograsp.edge_runtime.telemetry import whole_log
from neurograsp.edge_runtime.telemetry.messages import (
    Command,
    Counts,
    Decided,
    Message,
    to_bytes,
    topic_of,
)
from neurograsp.edge_runtime.telemetry.reader import SessionLog, read_log
from neurograsp.train.datasets import Recording, open_recordings


def exported(log: Path, out: Path, *options: object) -> Recording:
    assert main(["export", str(log), "--out", str(out), *map(str, options)]) == 0
    (recording,) = open_recordings(out)
    return recording


def frames(messages: list[Message]) -> tuple[np.ndarray, np.ndarray]:
    """Frame numbers and counts of all that was read, what came twice once."""
    read = [one for one in messages if isinstance(one, Counts)]
    index = np.concatenate([one.frame_index for one in read])
    counts = np.concatenate([one.counts for one in read])
    fresh = index > np.concatenate([[index[0] - 1], np.maximum.accumulate(index)[:-1]])
    return index[fresh], counts[fresh]


def labels(recording: Recording) -> dict[str, list[tuple[int, int]]]:
    """Of each name the stretches, in the source's frame numbers since the first."""
    found: dict[str, list[tuple[int, int]]] = {}
    number = recording.frame_index - recording.frame_index[0]
    for start, stop, code in zip(recording.labels.start, recording.labels.stop, recording.labels.code):
        stretch = int(number[start]), int(number[stop - 1]) + 1
        found.setdefault(recording.labels.names[code], []).append(stretch)
    return found


@pytest.fixture(scope="module")
def toy_messages(core: Any) -> list[Message]:
    """Three seconds with frames that are lost, and some that come twice."""

    def faults(world: World, source: Signals) -> None:
        world.after(0.8, lambda: setattr(source, "jump", 40))
        world.after(1.6, lambda: setattr(source, "jump", 30))

    world = World(core)
    asked = ((0.3, Request.ARM), (1.5, Request.DISARM))
    messages = toy_session(world, seconds=2.9, fists=((0.5, 1.2), (1.9, 2.4)), asked=asked, faults=faults)
    world.hand.close()
    return messages


@pytest.fixture(scope="module")
def toy_log(toy_messages: list[Message], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("toy-log") / "toy.mcap", toy_messages)


@pytest.mark.parametrize("suffix", [".bdf", ".edf"])
def test_the_counts_are_the_ones_that_were_read(suffix: str, sample_log: SampleLog, tmp_path: Path) -> None:
    index, counts = frames(sample_log.messages)
    recording = exported(sample_log.path, tmp_path / f"subj3_session2{suffix}")
    assert np.array_equal(recording.counts, counts)
    assert np.array_equal(recording.frame_index - recording.frame_index[0], index - index[0])
    assert recording.rate_hz == 500.0
    assert recording.lsb_uv is None
    assert recording.channels == open_bundle(sample_log.bundle).manifest.signal.channels


def test_fif_gives_the_same_counts_and_gaps(
    toy_log: Path, toy_messages: list[Message], tmp_path: Path
) -> None:
    """`train` reads FIF in steps of 0.01 uV; a count of these sources is one microvolt."""
    index, counts = frames(toy_messages)
    assert len(index) < index[-1] - index[0], "some are lost"
    recording = exported(toy_log, tmp_path / "toy.fif")
    assert np.array_equal(recording.counts, counts * 100)
    assert np.array_equal(recording.frame_index - recording.frame_index[0], index - index[0])


Stored = list[tuple[str, int, int, bytes]]


def stored(path: Path) -> Stored:
    """Topic, time, number and bytes of each message, as MCAP's own reader finds them by the file's end."""
    reader = make_reader(io.BytesIO(path.read_bytes()), validate_crcs=True)
    assert reader.get_summary() is not None
    return [
        (channel.topic, message.log_time, message.sequence, message.data)
        for _, channel, message in reader.iter_messages(log_time_order=False)
    ]


@pytest.mark.parametrize("part", [0.4, 0.9, 1.0])
def test_a_log_that_was_cut_off_is_made_whole(
    part: float, toy_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MCAP's own readers want the end of the file; only what reads record by record does without it."""
    cut, out = tmp_path / "cut.mcap", tmp_path / "whole.mcap"
    raw = toy_log.read_bytes()
    cut.write_bytes(raw[: int(part * len(raw))])
    before = [(topic_of(one).value, to_bytes(one)) for one in read_log(cut)]
    if part < 1:
        with pytest.raises((McapError, struct.error)):
            stored(cut)
        with pytest.raises((McapError, struct.error)):
            next(NonSeekingReader(io.BytesIO(cut.read_bytes())).iter_messages())
    assert main(["export", str(cut), "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    Draft202012Validator(json.loads((REPOSITORY / "docs/schemas/export.schema.json").read_text())).validate(
        report
    )
    after = stored(out)
    assert [(topic, data) for topic, _, _, data in after] == before
    assert after == stored(toy_log)[: len(after)]
    assert report["messages"] == len(after)
    assert (report["cut"] is None) is (part == 1.0)
    again = SessionLog(out)
    assert len(list(again)) == len(after)
    assert again.cut is None
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert {one.name for one in tmp_path.iterdir()} == {"cut.mcap", "whole.mcap"}
    assert main(["export", str(cut), "--out", str(out)]) == 4
    assert "is there already" in capsys.readouterr().err


def test_a_long_log_is_written_in_parts(
    toy_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_log, "FLUSH_EVERY", 10)
    assert main(["export", str(toy_log), "--out", str(tmp_path / "whole.mcap")]) == 0
    assert stored(tmp_path / "whole.mcap") == stored(toy_log)


@pytest.mark.parametrize("suffix", [".bdf", ".edf", ".fif"])
def test_it_is_for_its_owner_alone_as_the_log_is(suffix: str, toy_log: Path, tmp_path: Path) -> None:
    shared, umask = tmp_path / "shared", os.umask(0o022)
    try:
        shared.mkdir()
        for out in (shared / f"toy{suffix}", tmp_path / f"new/mine/toy{suffix}"):
            assert main(["export", str(toy_log), "--out", str(out)]) == 0
            assert stat.S_IMODE(out.stat().st_mode) == 0o600
    finally:
        os.umask(umask)
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("shared", "new", "new/mine")}
    assert modes == {"shared": 0o755, "new": 0o700, "new/mine": 0o700}


def test_fif_of_counts_without_a_unit_is_for_mne_alone(sample_log: SampleLog, tmp_path: Path) -> None:
    mne = pytest.importorskip("mne")
    out = tmp_path / "session_raw.fif"
    assert main(["export", str(sample_log.path), "--out", str(out), "--subject", "P7"]) == 0
    raw = mne.io.read_raw_fif(out, verbose="ERROR")
    index, counts = frames(sample_log.messages)
    assert set(raw.get_channel_types()) == {"misc"}
    assert np.array_equal(raw.get_data().T[index - index[0]], counts)
    assert raw.info["subject_info"]["his_id"] == "P7"
    assert raw.info["meas_date"].isoformat().startswith("2026-03-05T23:59:50")


def test_what_the_controller_did_is_labelled_so_that_nobody_trains_on_it(
    toy_log: Path, toy_messages: list[Message], tmp_path: Path
) -> None:
    found = labels(exported(toy_log, tmp_path / "toy.bdf"))
    did = {"decided:fist", "sent:FIST", "sent:REST", "withheld:FIST", "withheld:REST"}
    assert set(found) == {*did, "armed", "disarmed", "stopped:the run ended"}
    first = next(one for one in toy_messages if isinstance(one, Counts)).frame_index[0]
    starts = [one.frame - first for one in toy_messages if isinstance(one, Decided) and one.started]
    assert [start for start, _ in found["decided:fist"]] == starts
    sent = [
        one for one in toy_messages if isinstance(one, Command) and (one.kind, one.name) == ("act", "FIST")
    ]
    assert len(found["sent:FIST"]) == len(sent)


def test_plain_names_only_when_asked_for(toy_log: Path, toy_messages: list[Message], tmp_path: Path) -> None:
    found = labels(exported(toy_log, tmp_path / "toy.bdf", "--labels", "decided"))
    assert found["fist"] == found["decided:fist"]
    first = next(one for one in toy_messages if isinstance(one, Counts)).frame_index[0]
    resting = {start for start, _ in found["rest"]}
    decided = {one.frame - first: one for one in toy_messages if isinstance(one, Decided)}
    for frame in resting:
        assert decided[frame].action is None
    for fist_start, fist_stop in found["fist"]:
        assert not any(start < fist_stop and fist_start < stop for start, stop in found["rest"])


@pytest.mark.parametrize(
    "text",
    [
        "onset\tduration\tlabel\n0.2\t0.3\trest\n0.5\t0.7\tgrip strong\n",
        "Onset,Duration,trial_type\n0.5,0.7,grip strong\n0.2,0.3,rest\n",
        "onset,sample,duration,description\n0.5,,0.7,grip strong\n0.2,,0.3,rest\n",
    ],
)
def test_labels_of_a_table(text: str, toy_log: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.txt"
    table.write_text(text)
    found = labels(exported(toy_log, tmp_path / "toy.bdf", "--labels", table))
    assert found["rest"] == [(50, 125)]
    assert found["grip strong"][0][0] == 125
    assert "fist" not in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("", "must name the columns onset, duration and label"),
        ("onset,label\n1,rest\n", "must name the columns onset, duration and label"),
        ("onset,duration,label\n", "0 labels; 1 to"),
        ("onset,duration,label\nsoon,1,rest\n", "row 2: onset and duration must be seconds"),
        ("onset,duration,label\n1,-1,rest\n", "row 2: onset and duration must be seconds from 0 on"),
        ("onset,duration,label\n1,nan,rest\n", "row 2: onset and duration must be seconds from 0 on"),
        ("onset,duration,label\n1,1,\n", "row 2: '' is no label"),
        ("onset,duration,label\n1,1,BAD_lost\n", "not beginning with BAD"),
        ("onset,duration,label\n1\n", "row 2: onset and duration must be seconds"),
        ('onset,duration,label\n1,1,"' + "x" * 140_000, "labels.csv: row 2: field larger than field limit"),
        ("onset,duration," + "x" * 140_000, "labels.csv: row 1: field larger than field limit"),
        ("onset,duration,label\n99,1,rest\n", "the label 'rest' at 99 s lies outside the"),
        ("onset,duration,label\n1,1," + "x" * 121, "is no label"),
        ("onset,duration,label\n1,1," + "\u00e9" * 61, "is no label"),
    ],
)
def test_tables_that_are_refused(
    text: str | None, words: str, toy_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    if text is not None:
        table.write_text(text)
    assert main(["export", str(toy_log), "--out", str(tmp_path / "toy.bdf"), "--labels", str(table)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert {one.name for one in tmp_path.iterdir()} <= {"labels.csv"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--out", "toy.xdf"], 2, "a recording is written as .bdf, .edf or .fif"),
        (["--out", "there.bdf"], 4, "there.bdf: is there already; name a new file"),
        (["--out", "there.bdf/toy.bdf"], 4, "cannot be written"),
        (["--out", "toy.mcap", "--labels", "decided"], 2, "--labels and --subject are for recordings"),
        (["--out", "toy.bdf", "--subject", "Jane Doe"], 2, "up to 20 letters, digits and -"),
    ],
)
def test_refusals(
    arguments: list[str], code: int, words: str, toy_log: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.bdf").write_text("something")
    assert main(["export", str(toy_log), *arguments]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert [one.name for one in tmp_path.iterdir()] == ["there.bdf"]


@pytest.mark.parametrize(
    ("suffix", "value", "words"),
    [
        (".edf", -(2**15), "do not fit into the 16 bits of EDF; write .bdf"),
        (".edf", 2**15, "do not fit into the 16 bits of EDF; write .bdf"),
        (".bdf", 2**23, "do not fit into the 24 bits of BDF; write .fif"),
    ],
)
def test_counts_that_do_not_fit_are_refused_not_rounded(
    suffix: str, value: int, words: str, toy_messages: list[Message], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place = [n for n, one in enumerate(toy_messages) if isinstance(one, Counts)][40]
    one = toy_messages[place]
    assert isinstance(one, Counts)
    odd = one.counts.copy()
    odd[2, 1] = value
    changed = [*toy_messages[:place], replace(one, counts=odd), *toy_messages[place + 1 :]]
    log = write_log(tmp_path / "odd.mcap", changed)
    assert main(["export", str(log), "--out", str(tmp_path / f"new{suffix}")]) == 4
    assert words in capsys.readouterr().err
    assert {one.name for one in tmp_path.iterdir()} == {"odd.mcap"}


def test_a_long_reason_in_any_script_is_cut_to_fit(toy_messages: list[Message], tmp_path: Path) -> None:
    *others, last = toy_messages
    assert isinstance(last, Command)
    log = write_log(tmp_path / "long.mcap", [*others, replace(last, reason="\u624b\u306e" * 200)])
    found = labels(exported(log, tmp_path / "long.bdf"))
    (name,) = [name for name in found if name.startswith("stopped:\u624b")]
    assert name.endswith("...")


def test_a_gap_without_end_is_no_recording(
    toy_messages: list[Message], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = [n for n, one in enumerate(toy_messages) if isinstance(one, Counts)][-1]
    one = toy_messages[place]
    assert isinstance(one, Counts)
    far = replace(one, frame_index=one.frame_index + 10**12)
    log = write_log(tmp_path / "far.mcap", [*toy_messages[:place], far, *toy_messages[place + 1 :]])
    assert main(["export", str(log), "--out", str(tmp_path / "new.bdf")]) == 4
    assert "a gap of more than 600 s" in capsys.readouterr().err
    assert {one.name for one in tmp_path.iterdir()} == {"far.mcap"}


@pytest.mark.parametrize("suffix", [".bdf", ".mcap"])
def test_a_full_disk_leaves_nothing(
    suffix: str, toy_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    out = tmp_path / f"new{suffix}"
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        assert main(["export", str(toy_log), "--out", str(out)]) == 4
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert f"new{suffix}: cannot be written: File too large" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_session_is_trained_on(
    toy: Toy, core: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs of the bundle, their labels corrected in a table, train the next one."""
    bundle = open_bundle(toy.bundle)
    table = tmp_path / "truth.tsv"
    rows = [f"{onset}\t2\t{('rest', 'fist')[onset // 2 % 2]}" for onset in range(0, 22, 2)]
    table.write_text("\n".join(["onset\tduration\tlabel", *rows, ""]))
    data = tmp_path / "data"
    data.mkdir()
    for session in (1, 2):
        world = World(core)
        recording = replace(read_frames(toy.data / f"S001R{session:02d}.npz"), lsb_uv=1.0)
        source = FilePlayer(recording, bundle.manifest.signal, clock=world.clock)
        messages = record(
            world, source, bundle.pipeline(), bundle.manifest.decision, seconds=23.0,
            asked=((0.5, Request.ARM),),
        )  # fmt: skip
        world.hand.close()
        log = write_log(tmp_path / f"{session}.mcap", messages)
        out = data / f"subj1_session{session}.bdf"
        assert main(["export", str(log), "--out", str(out), "--labels", str(table), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["labels"]["fist"] == 5
        (back,) = open_recordings(out)
        assert np.array_equal(back.counts, recording.counts[: len(back.counts)])
    config = tmp_path / "again.toml"
    config.write_text(CONFIG.replace('["T0"]', '["rest"]').replace('["T1"]', '["fist"]'))
    assert main(["train", str(config), "--out", str(tmp_path / "run"), "--set", "fit.epochs=1"]) == 0
    assert (tmp_path / "run" / "run.json").exists() or list((tmp_path / "run").iterdir())
