"""Messages of a run: there and back, and nothing that is none gets through."""

import numpy as np
import pytest

from neurograsp.edge_runtime.contract.errors import ProtocolError
from neurograsp.edge_runtime.telemetry.messages import (
    MAX_BYTES,
    Command,
    Counts,
    Decided,
    Event,
    HandReport,
    Joint,
    Session,
    Tick,
    Topic,
    from_bytes,
    to_bytes,
    topic_of,
)

MESSAGES = [
    Session(
        1, "0.1.0", "2026-01-02T03:04:05+00:00", "gal.bundle", "ab" * 32, {"channels": ["Fp1", "Cz"]}, {},
        None, "synthetic", "arm", ("OPEN",), 1000, "stops and holds", (Joint("thumb", 600, 2400, "us"),),
        "key", True, 30.0, 20.0,
    ),
    Tick(7, 0.14, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 22.5, False, None, True, False, "stopped", "a gap", "doubt",
         "arm"),
    Decided(0.14, 0.1, 49, (None, 0.1), (0.5, 1 / 3), None, False, "STOP", 100, 40, "a gap", (0, 3)),
    Command(0.14, "act", "CLOSE", 100, 40, 1000, ""),
    HandReport(0.14, "ARMED", "NONE", "", True, (1500, None), (None, 31), {"sent": 3}),
    Event(0.14, "warning", "the recorder dropped something", {"counts": 3}),
]  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_there_and_back(message) -> None:
    assert from_bytes(topic_of(message), to_bytes(message)) == message


def test_counts_there_and_back() -> None:
    counts = np.array([[1, -(2**31)], [2**31 - 1, 4]], np.int32)
    back = from_bytes(Topic.COUNTS, to_bytes(Counts(0.25, np.array([5, 2**40]), counts)))
    assert isinstance(back, Counts)
    assert back.at_s == 0.25
    assert back.frame_index.tolist() == [5, 2**40]
    assert back.counts.dtype == np.int32
    np.testing.assert_array_equal(back.counts, counts)


@pytest.mark.parametrize("cut", [0, 5, 15, 17, 39])
def test_cut_counts_are_refused(cut: int) -> None:
    whole = to_bytes(Counts(0.25, np.arange(2), np.zeros((2, 2), np.int32)))
    with pytest.raises(ProtocolError, match="bytes"):
        from_bytes(Topic.COUNTS, whole[:cut])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"at_s": 1}',
        b'{"at_s": NaN, "level": "info", "text": "", "dropped": {}}',
        b"[" * 9000,
    ],
)
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match="a event|an event"):
        from_bytes(Topic.EVENT, raw)


def test_a_message_without_end_is_refused() -> None:
    with pytest.raises(ProtocolError, match="at most"):
        from_bytes(Topic.EVENT, b" " * (MAX_BYTES + 1))
