"""Device profiles: what a particular hand is, read from a TOML file (docs/porting-a-hand.md).

In the file a position is a percentage of a joint's way, 0 where the hand is open: when the ends of a servo
are measured anew, every grip follows. A `Profile` has microseconds, as the firmware has.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.hands.hand import JointRange
from neurograsp.firmware_bridge.payloads import MAX_JOINTS
from neurograsp.firmware_bridge.profile_file import (
    Way,
    check_actions,
    check_names,
    check_range,
    parse,
    read,
    shipped,
)
from neurograsp.firmware_bridge.strict import decode, show

PROFILES = Path(__file__).resolve().parent / "firmware" / "profiles"

FRAME_MS = 20
PULSE_US = (600, 2400)
"""No pulse is shorter or longer, whatever a profile says."""
MAX_RATE_US = 200
"""Of one servo frame; a servo of 0.1 s/60 degrees does 130."""
WATCHDOG_MS = (100, 1000)
MAX_TTL_MS = 60_000
MAX_INPUT_MS = 10_000
LIMP_NEVER = 0xFFFF
"""`Profile.limp_ms` of a hand that holds for good."""
KEEP = 0
"""In a pose: the joint stays where it is."""
_TAKEN = ("joints", "watchdog_ms")
"""hand_profile_NAME is something else in C."""


@dataclass(frozen=True, slots=True)
class Joint:
    """One servo.

    Attributes:
        name: for people.
        min_us, max_us: limits of its pulses.
        rate_us: largest change in one servo frame.
        rest_us: the first pulse after power-up.
        inverted: the hand is open at `max_us`.
    """

    name: str
    min_us: int
    max_us: int
    rate_us: int
    rest_us: int
    inverted: bool

    @property
    def way(self) -> Way:
        """From open to closed, us."""
        return Way(self.max_us, self.min_us) if self.inverted else Way(self.min_us, self.max_us)

    @property
    def travel_ms(self) -> int:
        """Time from one end to the other at full speed."""
        return -(-(self.max_us - self.min_us) // self.rate_us) * FRAME_MS


@dataclass(frozen=True, slots=True)
class Profile:
    """What a hand is.

    Attributes:
        name: up to 15 lower-case letters, digits and underscores.
        about: one line for people.
        joints: in the order of their outputs, which is their number on the wire.
        poses: of each action a pulse for every joint, or KEEP. HOLD is always there.
        watchdog_ms: silence of the host that stops the hand.
        limp_ms: from that stop to outputs without pulses; LIMP_NEVER.
        max_ttl_ms: longest time to live of an action.
        stall_ms: this long under stall the hand stops and lets go; 0: the input is not watched.
        battery_ms: this long under a low battery the hand stops; 0: the input is not watched.
    """

    name: str
    about: str
    joints: tuple[Joint, ...]
    poses: dict[HandAction, tuple[int, ...]]
    watchdog_ms: int
    limp_ms: int
    max_ttl_ms: int
    stall_ms: int
    battery_ms: int

    @property
    def rest(self) -> tuple[int, ...]:
        """The first pulses after power-up."""
        return tuple(joint.rest_us for joint in self.joints)

    @property
    def actions(self) -> frozenset[HandAction]:
        """What it can be asked to do."""
        return frozenset(self.poses)


def labelled(ranges: tuple[JointRange, ...], profile: Profile) -> tuple[JointRange, ...]:
    """Joints with the names that `profile` has for them; unchanged where its limits are not theirs."""
    theirs = [(joint.min_us, joint.max_us, joint.rate_us * 1000 / FRAME_MS) for joint in profile.joints]
    if theirs != [(joint.low, joint.high, joint.rate) for joint in ranges]:
        return ranges
    return tuple(
        replace(joint, label=named.name) for joint, named in zip(ranges, profile.joints, strict=True)
    )


def shipped_profiles() -> tuple[str, ...]:
    """Names of the profiles in this package."""
    return shipped(PROFILES)


def load_profile(which: str | Path) -> Profile:
    """A profile by the name of a shipped one, or from a file (anything with a `/` or `.toml` in it).

    Raises:
        ConfigError: no such profile, or what is wrong in the file, at which key.
    """
    return parse_profile(*read(which, PROFILES, "hand profile"))


def parse_profile(data: bytes, name: str) -> Profile:
    """A profile from the text of its file.

    Args:
        data: TOML in UTF-8.
        name: of the file, for messages.

    Raises:
        ConfigError: what is wrong, at which key.
    """
    found = parse(data, name)
    if "device" in found:
        raise ConfigError(
            f"{name}: is the profile of a device with electronics of its own ({show(found['device'])}), not "
            "of our firmware: --hand FILE:PORT takes it"
        )
    return decode(_File, found, name).profile()


@dataclass(frozen=True)
class _JointTable:
    min_us: int
    max_us: int
    rate_us: int
    rest: int
    inverted: bool = False

    def __post_init__(self) -> None:
        check_range("min_us", self.min_us, *PULSE_US, "us")
        check_range("max_us", self.max_us, *PULSE_US, "us")
        if self.min_us >= self.max_us:
            raise ValueError(
                f"min_us is {self.min_us} and max_us {self.max_us}: put the smaller pulse into min_us, and "
                "inverted = true where the hand is open at the larger one"
            )
        check_range("rate_us", self.rate_us, 1, MAX_RATE_US, f"us in a servo frame of {FRAME_MS} ms")
        check_range("rest", self.rest, 0, 100, "% of the way from open to closed")

    @property
    def way(self) -> Way:
        return Way(self.max_us, self.min_us) if self.inverted else Way(self.min_us, self.max_us)

    def joint(self, name: str) -> Joint:
        rest_us = self.way.at(self.rest)
        return Joint(name, self.min_us, self.max_us, self.rate_us, rest_us, self.inverted)


@dataclass(frozen=True)
class _Policy:
    watchdog_ms: int
    limp: int | Literal["at once", "never"]
    max_ttl_ms: int
    stall_ms: int = 0
    battery_ms: int = 0

    def __post_init__(self) -> None:
        check_range("watchdog_ms", self.watchdog_ms, *WATCHDOG_MS, "ms")
        if isinstance(self.limp, int):
            check_range("limp", self.limp, 0, LIMP_NEVER - 1, 'ms, or "at once" or "never"')
        check_range("max_ttl_ms", self.max_ttl_ms, 1, MAX_TTL_MS, "ms")
        check_range("stall_ms", self.stall_ms, 0, MAX_INPUT_MS, "ms (0: not watched)")
        check_range("battery_ms", self.battery_ms, 0, MAX_INPUT_MS, "ms (0: not watched)")

    @property
    def limp_ms(self) -> int:
        if isinstance(self.limp, int):
            return self.limp
        return 0 if self.limp == "at once" else LIMP_NEVER


@dataclass(frozen=True)
class _File:
    name: str
    joints: dict[str, _JointTable]
    policy: _Policy
    actions: dict[str, dict[str, int]]
    about: str = ""

    def __post_init__(self) -> None:
        check_names(self.name, self.joints)
        if self.name in _TAKEN:
            raise ValueError(f"name: {show(self.name)} is a word of the firmware's own: choose another")
        if not 1 <= len(self.joints) <= MAX_JOINTS:
            raise ValueError(f"joints: {len(self.joints)} of them, must be 1 to {MAX_JOINTS}")
        check_actions(self.actions, self.joints)

    def profile(self) -> Profile:
        poses: dict[HandAction, tuple[int, ...]] = {HandAction.HOLD: (KEEP,) * len(self.joints)}
        for action, pose in sorted(self.actions.items(), key=lambda item: HandAction[item[0]]):
            poses[HandAction[action]] = tuple(
                table.way.at(pose[name]) if name in pose else KEEP for name, table in self.joints.items()
            )
        return Profile(
            self.name,
            self.about,
            tuple(table.joint(name) for name, table in self.joints.items()),
            poses,
            self.policy.watchdog_ms,
            self.policy.limp_ms,
            self.policy.max_ttl_ms,
            self.policy.stall_ms,
            self.policy.battery_ms,
        )
