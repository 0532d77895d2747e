"""What a test of the firmware needs of whatever runs it: one hand, its line, and the hand's own time."""

from dataclasses import dataclass
from typing import Protocol

from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.profiles import FRAME_MS, LIMP_NEVER, Joint, Profile, load_profile

__all__ = ["ARM", "BYTE_US", "FRAME_MS", "LIMP_NEVER", "Joint", "Profile", "Pulse", "Rig", "UnsupportedInput"]

BYTE_US = 10 * 1e6 / 115200
"""One byte on the line."""


class UnsupportedInput(Exception):
    """The board has no such input."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One servo pulse.

    Attributes:
        at_us: when it began, on the clock of `Rig.now_ms`.
    """

    at_us: float
    joint: int
    width_us: float


class Rig(Protocol):
    """One hand and the line to it. Time is the hand's own, simulated where the hand is.

    Attributes:
        slack_ms: how exact its times are: 0 where the test owns the clock, tens on a live process.
        tolerance_us: how exact a pulse's width is.
        frame_slack_ms: how much two servo frames may come closer than FRAME_MS.
    """

    name: str
    profile: Profile
    slack_ms: float
    tolerance_us: float
    frame_slack_ms: float

    @property
    def now_ms(self) -> float:
        """Never goes back, not at power_on either."""

    def power_on(self) -> None:
        """From cold, again if it was on; inputs inactive, nothing on the line."""

    def send(self, data: bytes) -> None:
        """Onto the line, at its speed, behind what is still on it."""

    def run(self, ms: float) -> bytes:
        """Let that much time pass; what the hand sent meanwhile."""

    def inputs(self, active: HandInput) -> None:
        """Those named are active from now on, the others are not. Raises UnsupportedInput."""

    def pulses(self) -> list[Pulse]:
        """All that began since the last call, in order."""

    def close(self) -> None:
        """Ends what runs the firmware; twice is allowed."""


ARM = load_profile("arm")
"""The default profile."""
