"""Nothing that is validated on has been trained on: not a window, not a row."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from toys import CONFIG, REPOSITORY

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Labels, Recording, open_recordings
from neurograsp.train.datasets.recording import split_at_jumps
from neurograsp.train.signal_fit import build_spec
from neurograsp.train.splits import Split, split, take_rows, unseen
from neurograsp.train.windows import cut, training_set

CONFIGS = sorted((REPOSITORY / "examples/configs").glob("*.toml"))
Kind = Literal["events", "states"]


def recording(subject: str, session: str, frame_index: npt.NDArray[np.int64]) -> Recording:
    """Every count is unique to subject, session and frame."""
    n = len(frame_index)
    start = np.arange(0, n - 9, 10)
    tag = 1_000_000 * int(subject) + 100_000 * int(session)
    return Recording(
        counts=(tag + np.stack([frame_index, -frame_index], axis=1)).astype(np.int32),
        rate_hz=100.0,
        channels=("a", "b"),
        lsb_uv=None,
        pieces=split_at_jumps(frame_index),
        frame_index=frame_index,
        labels=Labels(("rest", "fist"), start, start + 10, np.arange(len(start)) % 2),
        subject=subject,
        session=session,
        source=f"{subject}/{session}",
    )


def keys(recordings: list[Recording]) -> set[tuple[str, str, int]]:
    return {(one.subject, one.session, int(frame)) for one in recordings for frame in one.frame_index}


WHOLE = np.arange(500)
PIECES = np.concatenate([np.arange(start, start + 50) for start in range(0, 10_000, 1000)])


@pytest.mark.parametrize(
    ("kind", "index", "sessions"),
    [
        ("states", WHOLE, 1),
        ("states", PIECES, 1),
        ("events", PIECES, 1),
        ("states", WHOLE, 3),
        ("events", PIECES, 3),
    ],
    ids=["states in one", "states in pieces", "events in pieces", "three sessions", "three of pieces"],
)
def test_every_row_is_on_one_side(kind: Kind, index: npt.NDArray[np.int64], sessions: int) -> None:
    recordings = [
        recording(subject, str(session), index) for subject in "12" for session in range(1, sessions + 1)
    ]
    train, validation = split(recordings, kind)
    assert keys(train).isdisjoint(keys(validation))
    assert keys(train) | keys(validation) == keys(recordings)
    assert {one.subject for one in validation} == {"1", "2"}


def test_the_last_session_of_each_subject_validates() -> None:
    recordings = [recording("1", session, WHOLE) for session in "123"] + [recording("2", "1", WHOLE)]
    train, validation = split(recordings, "states")
    assert [(one.subject, one.session) for one in train] == [("1", "1"), ("1", "2"), ("2", "1")]
    assert [(one.subject, one.session) for one in validation] == [("1", "3"), ("2", "1")]
    assert [len(one.counts) for one in validation] == [500, 100]


def test_of_one_session_the_end_validates() -> None:
    (train,), (validation,) = split([recording("1", "1", WHOLE)], "states")
    assert (train.frame_index.max(), validation.frame_index.min()) == (399, 400)
    (train,), (validation,) = split([recording("1", "1", PIECES)], "events")
    assert (len(train.pieces), len(validation.pieces)) == (8, 2)
    with pytest.raises(RecordingError, match="too few pieces"):
        split([recording("1", "1", WHOLE)], "events")
    with pytest.raises(RecordingError, match="1/1: too short"):
        split([recording("1", "1", WHOLE[:1])], "states")


PEOPLE = [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2"), ("3", "1"), ("3", "2")]


@pytest.mark.parametrize(
    ("how", "validating", "lengths"),
    [
        ("auto", [("1", "2"), ("2", "2"), ("3", "2")], {500}),
        ("cross-session", [("1", "2"), ("2", "2"), ("3", "2")], {500}),
        ("cross-subject", [("3", "1"), ("3", "2")], {500}),
        ("within-session", PEOPLE, {100}),
    ],
)
def test_kinds_of_split(how: Split, validating: list[tuple[str, str]], lengths: set[int]) -> None:
    recordings = [recording(*name, WHOLE) for name in PEOPLE]
    train, validation = split(recordings, "states", how)
    assert [(one.subject, one.session) for one in validation] == validating
    assert {one.n_frames for one in validation} == lengths
    assert keys(train).isdisjoint(keys(validation))
    assert keys(train) | keys(validation) == keys(recordings)
    if how == "cross-subject":
        assert {one.subject for one in train} == {"1", "2"}
    if how == "within-session":
        for early, late in zip(train, validation):
            assert early.frame_index.max() < late.frame_index.min()


def test_a_split_that_is_not_possible_is_refused() -> None:
    alone = recording("1", "1", WHOLE)
    with pytest.raises(ConfigError, match=r"'cross-subject' with one subject \(1\)"):
        split([alone, recording("1", "2", WHOLE)], "states", "cross-subject")
    with pytest.raises(ConfigError, match=r"subject 2 has one session \(3\).*'within-session'"):
        split([alone, recording("1", "2", WHOLE), recording("2", "3", WHOLE)], "states", "cross-session")
    with pytest.raises(RecordingError, match="too few pieces"):
        split([alone, recording("1", "2", WHOLE)], "events", "within-session")


@pytest.mark.parametrize(
    ("name", "worth"),
    [
        ("1/1", "seen"),
        ("1/2", "cross-session"),
        ("1/10", "cross-session"),
        ("10/1", "cross-subject"),
        ("2/1", "cross-subject"),
    ],
)
def test_what_a_score_is_worth(name: str, worth: str) -> None:
    assert unseen(name, {"1/1"}) == worth


def test_without_anything_known_everybody_is_somebody_else() -> None:
    assert unseen("1/1", ()) == "cross-subject"


def test_a_part_keeps_counts_frames_and_labels_together() -> None:
    whole = recording("1", "1", PIECES)
    part = take_rows(whole, np.array([[5, 50], [60, 60], [105, 130]]))
    assert part.pieces.tolist() == [[0, 45], [45, 70]]
    assert part.frame_index.tolist() == [*range(5, 50), *range(2005, 2030)]
    assert np.array_equal(part.counts[:, 0] - 1_100_000, part.frame_index)
    before = {
        (int(whole.frame_index[row]), int(code))
        for start, stop, code in zip(whole.labels.start, whole.labels.stop, whole.labels.code)
        for row in range(start, stop)
    }
    after = {
        (int(part.frame_index[row]), int(code))
        for start, stop, code in zip(part.labels.start, part.labels.stop, part.labels.code)
        for row in range(start, stop)
    }
    kept = set(part.frame_index.tolist())
    assert after == {(frame, code) for frame, code in before if frame in kept}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_window_of_the_examples_leaks(path: Path) -> None:
    """The rows behind every training window and every validation window of the shipped data are apart."""
    config = parse_config(TrainConfig, path.read_text(), path.name)
    recordings = open_recordings(path.parent / config.data.path, config.data.subjects, config.data.sessions)
    train, validation = split(recordings, config.labels.kind, config.data.split)
    spec = build_spec(config, train)
    assert not rows_seen(train, spec) & rows_seen(validation, spec)
    trained_on, validated_on = (
        {row.tobytes() for one in part for row in one.counts} for part in (train, validation)
    )
    assert len(trained_on & validated_on) < 0.01 * len(validated_on), "the same signal in both"


def rows_seen(recordings: list[Recording], spec: Any) -> set[tuple[str, str, int]]:
    seen: set[tuple[str, str, int]] = set()
    for one in recordings:
        windows = cut(one, spec)
        assert len(windows.x) > 0
        for first, end in zip(windows.first, windows.end):
            frames = one.frame_index[[first, end]]
            assert frames[1] - frames[0] == end - first, "a window reaches across a gap"
            seen.update((one.subject, one.session, frame) for frame in range(frames[0], frames[1] + 1))
    return seen


def test_the_scale_comes_from_the_training_recordings_alone(toy_data: Path) -> None:
    config = parse_config(TrainConfig, CONFIG, "toy.toml")
    first, second = open_recordings(toy_data / "data", None, [1, 2])
    louder = Recording(**{**vars(second), "counts": second.counts * 50})
    assert build_spec(config, [first]) != build_spec(config, [louder])
    train, _ = split([first, louder], "states")
    assert build_spec(config, train) == build_spec(config, [first])


@pytest.mark.parametrize(("n_frames", "most"), [(1, 1.6), (25, 3.2), (500, 3.2)])
def test_the_scale_does_not_follow_an_artefact(n_frames: int, most: float, toy_data: Path) -> None:
    """A thousand times too large, in 24 s, with the ringing of a notch and a high-pass after it."""
    config = parse_config(TrainConfig, CONFIG, "toy.toml")
    (clean,) = open_recordings(toy_data / "data", None, [1])
    counts = clean.counts.copy()
    counts[1000 : 1000 + n_frames] += (1000 * clean.counts.std(axis=0)).astype(np.int32)
    spoilt = Recording(**{**vars(clean), "counts": counts})

    def factors(recording: Recording) -> npt.NDArray[np.float64]:
        scale = build_spec(config, [recording]).scale
        return np.array(scale.multiplier) / 2.0 ** np.array(scale.shift)

    ratio = factors(clean) / factors(spoilt)
    assert (1 / most < ratio).all()
    assert (ratio < most).all()


def test_a_scaled_signal_has_the_size_the_network_expects(toy_data: Path) -> None:
    """A root mean square of 16 steps, so that the real values have one of 1."""
    config = parse_config(TrainConfig, CONFIG, "toy.toml")
    recordings = open_recordings(toy_data / "data", None, [1, 2])
    windows = cut(recordings[0], build_spec(config, recordings[:1]))
    rms = np.sqrt(np.mean(windows.x[:].astype(float) ** 2, axis=(0, 1)))
    assert rms == pytest.approx(np.full(16, 16.0), rel=0.1)


def test_state_windows_hold_one_state_only(toy_data: Path, tmp_path: Path) -> None:
    config = parse_config(TrainConfig, CONFIG, "toy.toml")
    recordings = open_recordings(toy_data / "data", None, [1])
    spec = build_spec(config, recordings)
    examples = training_set(recordings, {"1": spec}, config.labels, config.actions, tmp_path / "frames.npy")
    assert (examples.y.sum(axis=1) == 1).all()
    # 2 s blocks, windows of 0.4 s every 0.08 s: about 20 of 25 fit into one block.
    assert len(examples) == pytest.approx(12 * 20.5, abs=6)
    loud = np.abs(examples.x[:].astype(float)).mean(axis=(1, 2))
    assert loud[examples.y[:, 1] == 1].min() > np.median(loud[examples.y[:, 0] == 1])


def test_labels_that_name_no_action_are_refused(toy_data: Path, tmp_path: Path) -> None:
    overrides = ["actions.labels={rest=['T7'], fist=['T8']}"]
    config = parse_config(TrainConfig, CONFIG, "toy.toml", overrides=overrides)
    recordings = open_recordings(toy_data / "data", None, [1])
    spec = build_spec(config, recordings)
    with pytest.raises(RecordingError, match=r"none of its labels \(T0, T1, T2\) .* set actions\.labels"):
        training_set(recordings, {"1": spec}, config.labels, config.actions, tmp_path / "frames.npy")
    overrides = ["actions.labels={rest=['T0'], fist=['T2']}"]
    config = parse_config(TrainConfig, CONFIG, "toy.toml", overrides=overrides)
    with pytest.raises(RecordingError, match="no example of action 'fist'"):
        training_set(recordings, {"1": spec}, config.labels, config.actions, tmp_path / "frames.npy")


def test_held_out_recordings_validate() -> None:
    everyone = [recording(subject, session, WHOLE) for subject in "12" for session in "123"]
    train, validation = split(everyone, "states", "cross-session", [2])
    assert [(one.subject, one.session) for one in validation] == [("1", "2"), ("2", "2")]
    assert len(train) == 4 and not keys(train) & keys(validation)
    train, validation = split(everyone, "states", "cross-subject", ["1"])
    assert {one.subject for one in train} == {"2"} and {one.subject for one in validation} == {"1"}


@pytest.mark.parametrize(
    ("how", "held_out", "text"),
    [
        ("cross-session", [9], "no session 9; there are 1, 2, 3"),
        ("cross-session", [], "names no session"),
        ("cross-session", [1, 2, 3], "holds out every session"),
        ("cross-subject", [3], "no subject 3; there are 1, 2"),
    ],
)
def test_what_cannot_be_held_out(how: Any, held_out: list[int], text: str) -> None:
    everyone = [recording(subject, session, WHOLE) for subject in "12" for session in "123"]
    with pytest.raises(ConfigError, match=f"data.held_out: {text}"):
        split(everyone, "states", how, held_out)


def test_held_out_says_of_what() -> None:
    text = CONFIG.replace("sessions = [1, 2]", "held_out = [1]")
    with pytest.raises(ConfigError, match="data.held_out: set data.split"):
        parse_config(TrainConfig, text, "toy.toml")
