"""Figures of a line to a hand."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

RTT_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class LinkStats:
    """Figures since `connect`.

    Attributes:
        sent: requests, without their repetitions.
        acked, nacks: requests done and refused.
        retries: repetitions.
        unanswered: requests given up: after three tries, for a newer one, at STOP or at an unhealthy tick.
        beats, stops: heartbeats and STOP frames sent.
        states: STATE frames received.
        crc_errors: received frames with a wrong CRC.
        bad_frames: everything received that was no valid frame of this session (CRC errors included).
        rtt_ms_p50, rtt_ms_p99, rtt_ms_max: request to answer, as the caller of `service` sees it (so not
            below its tick); only requests that needed no repetition; None before the first.
    """

    sent: int
    acked: int
    nacks: int
    retries: int
    unanswered: int
    beats: int
    stops: int
    states: int
    crc_errors: int
    bad_frames: int
    rtt_ms_p50: float | None
    rtt_ms_p99: float | None
    rtt_ms_max: float | None


class RoundTripTimes:
    """The newest `RTT_KEPT`, by size as well: to look at them costs a control loop nothing."""

    def __init__(self) -> None:
        self.by_size: list[float] = []
        self._newest: deque[float] = deque()

    def append(self, ms: float) -> None:
        if len(self._newest) == RTT_KEPT:
            del self.by_size[bisect_left(self.by_size, self._newest.popleft())]
        self._newest.append(ms)
        insort(self.by_size, ms)


class RoundTrips(TypedDict):
    """Part of `LinkStats`."""

    rtt_ms_p50: float | None
    rtt_ms_p99: float | None
    rtt_ms_max: float | None


def round_trips(rtt_ms: RoundTripTimes) -> RoundTrips:
    """Median, 99th percentile and maximum; None where there are none."""
    rtt = rtt_ms.by_size
    return {
        "rtt_ms_p50": rtt[len(rtt) // 2] if rtt else None,
        "rtt_ms_p99": rtt[len(rtt) * 99 // 100] if rtt else None,
        "rtt_ms_max": rtt[-1] if rtt else None,
    }


def device_stats(count: Mapping[str, int], broken: int, rtt_ms: RoundTripTimes) -> LinkStats:
    """Of a line to a device without our firmware.

    Args:
        count: of `sent`, `answered`, `refused`, `retries`, `unanswered` and `strange`.
        broken: what was no answer.
        rtt_ms: of its answers.
    """
    return LinkStats(
        sent=count["sent"],
        acked=count["answered"],
        nacks=count["refused"],
        retries=count["retries"],
        unanswered=count["unanswered"],
        beats=0,
        stops=0,
        states=count["answered"],
        crc_errors=broken,
        bad_frames=broken + count["strange"],
        **round_trips(rtt_ms),
    )
