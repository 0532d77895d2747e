"""Profiles of devices that our firmware does not drive: which joints, how far, how fast, which grips.

In the file a position is a percentage of a joint's way, 0 where the hand is open, as in the profiles of the
firmware (`profiles.py`); the ends are in the device's own counts, which may be negative: of an Ability Hand
hundredths of a degree.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.profile_file import (
    Way,
    check_actions,
    check_names,
    check_range,
    check_rest,
    parse,
    read,
    shipped,
)
from neurograsp.firmware_bridge.strict import decode, nearest, show

DEVICE_PROFILES = Path(__file__).resolve().parent / "profiles"
MAX_JOINTS = 16
MAX_ID = 252
WATCHDOG_MS = (100, 1000)
MAX_LIMP_MS = 600_000
MAX_TTL_MS = 60_000
TRAVEL_MS = (200, 60_000)

BAUD = (1200, 4_000_000)

Kind = Literal[
    "feetech_sts",
    "feetech_scs",
    "dynamixel",
    "lx16a",
    "firmata",
    "ability_hand",
    "inspire_rh56",
    "robotiq",
    "brunel",
]
"""What there is a driver for."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What a kind of device leaves to its profile.

    Attributes:
        counts: the lowest and the highest position.
        joints: of a whole hand, which are numbered from 0 and all have to be there; None on a bus of servos.
        lets_go: its motors can be switched off.
        addresses: the lowest and the highest of a whole hand; None: it is alone on its line.
        ids: the highest of a joint.
        knows: it can say where its joints are.
        unit: of the counts, for people.
    """

    counts: tuple[int, int]
    joints: int | None = None
    lets_go: bool = True
    addresses: tuple[int, int] | None = (0, 255)
    ids: int = MAX_ID
    knows: bool = True
    unit: str = "counts"


_BOUNDS: dict[Kind, _Bounds] = {
    "ability_hand": _Bounds(counts=(-15_000, 15_000), joints=6),
    "dynamixel": _Bounds(counts=(0, 4095), addresses=None),
    "feetech_scs": _Bounds(counts=(0, 1023), addresses=None),
    "feetech_sts": _Bounds(counts=(0, 4095), addresses=None),
    "inspire_rh56": _Bounds(counts=(0, 1000), joints=6, lets_go=False),
    "lx16a": _Bounds(counts=(0, 1000), addresses=None),
    "brunel": _Bounds(counts=(0, 100), joints=4, lets_go=False, addresses=None, unit="%"),
    "firmata": _Bounds(counts=(600, 2400), addresses=None, ids=127, knows=False, unit="us"),
    "robotiq": _Bounds(counts=(0, 255), joints=1, lets_go=False, addresses=(1, 247)),
}


@dataclass(frozen=True, slots=True)
class DeviceJoint:
    """One joint.

    Attributes:
        name: for people.
        id: of its servo on the bus, or its number in the device.
        way: from open to closed, counts; its ends are the limits.
        rate: largest change, counts a second.
    """

    name: str
    id: int
    way: Way
    rate: float

    @property
    def low(self) -> int:
        """Lower limit, counts."""
        return min(self.way.open, self.way.closed)

    @property
    def high(self) -> int:
        """Upper limit, counts."""
        return max(self.way.open, self.way.closed)


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """What a device is.

    Attributes:
        name: up to 15 lower-case letters, digits and underscores.
        about: one line for people.
        kind: its driver.
        joints: in the order of goals.
        poses: of each action the goals of the joints that it names, by their place. HOLD is always there.
        speeds: of actions that go slower than the rates of their joints, percent of these.
        watchdog_s: a host that is not healthy for so long is a fault.
        limp_s: from a fault to motors without torque; None: they hold for good.
        max_ttl_ms: longest time to live of an action.
        baud: of its line, bits a second; None: as the maker delivers it.
        address: of a whole hand on its line; None: as the maker delivers it.
    """

    name: str
    about: str
    kind: Kind
    joints: tuple[DeviceJoint, ...]
    poses: dict[HandAction, dict[int, int]]
    speeds: dict[HandAction, int]
    watchdog_s: float
    limp_s: float | None
    max_ttl_ms: int
    baud: int | None = None
    address: int | None = None

    @property
    def actions(self) -> frozenset[HandAction]:
        """What it can be asked to do."""
        return frozenset(self.poses)

    @property
    def unit(self) -> str:
        """Of its counts, for people."""
        return _BOUNDS[self.kind].unit


def shipped_devices() -> tuple[str, ...]:
    """Names of the device profiles in this package."""
    return shipped(DEVICE_PROFILES)


def load_device(which: str | Path) -> DeviceProfile:
    """A device profile by the name of a shipped one, or from a file (anything with a `/` or `.toml` in it).

    Raises:
        ConfigError: no such profile, or what is wrong in the file, at which key.
    """
    return parse_device(*read(which, DEVICE_PROFILES, "device profile"))


def parse_device(data: bytes, name: str) -> DeviceProfile:
    """A device profile from the text of its file.

    Args:
        data: TOML in UTF-8.
        name: of the file, for messages.

    Raises:
        ConfigError: what is wrong, at which key.
    """
    return decode(_File, parse(data, name), name).profile()


@dataclass(frozen=True)
class _JointTable:
    id: int
    open: int
    closed: int
    travel_ms: int

    def __post_init__(self) -> None:
        check_range("travel_ms", self.travel_ms, *TRAVEL_MS, "ms from open to closed")
        if self.open == self.closed:
            raise ValueError(f"open and closed are both {self.open}: such a joint cannot move")

    @property
    def way(self) -> Way:
        return Way(self.open, self.closed)

    def joint(self, name: str) -> DeviceJoint:
        return DeviceJoint(name, self.id, self.way, abs(self.closed - self.open) / self.travel_ms * 1000)


@dataclass(frozen=True)
class _Policy:
    limp: int | Literal["at once", "never"]
    watchdog_ms: int = 250
    max_ttl_ms: int = 10_000

    def __post_init__(self) -> None:
        check_range("watchdog_ms", self.watchdog_ms, *WATCHDOG_MS, "ms")
        check_range("max_ttl_ms", self.max_ttl_ms, 1, MAX_TTL_MS, "ms")
        if isinstance(self.limp, int):
            check_range("limp", self.limp, 0, MAX_LIMP_MS, 'ms, or "at once" or "never"')

    @property
    def limp_s(self) -> float | None:
        if isinstance(self.limp, int):
            return self.limp / 1000
        return 0.0 if self.limp == "at once" else None


@dataclass(frozen=True)
class _File:
    name: str
    device: Kind
    joints: dict[str, _JointTable]
    policy: _Policy
    actions: dict[str, dict[str, int]]
    speeds: dict[str, int] = field(default_factory=dict)
    about: str = ""
    baud: int | None = None
    address: int | None = None

    def __post_init__(self) -> None:
        check_names(self.name, self.joints)
        if self.baud is not None:
            check_range("baud", self.baud, *BAUD, "bits a second")
        if not 1 <= len(self.joints) <= MAX_JOINTS:
            raise ValueError(f"joints: {len(self.joints)} of them, must be 1 to {MAX_JOINTS}")
        ids = [table.id for table in self.joints.values()]
        twice = {number for number in ids if ids.count(number) > 1}
        if twice:
            raise ValueError(f"joints: id {min(twice)} is given to two of them")
        bounds = _BOUNDS[self.device]
        self._check_bounds(bounds)
        check_actions(self.actions, self.joints)
        for action, percent in self.speeds.items():
            if action not in self.actions:
                raise ValueError(
                    f"speeds: {show(action)} is none of the actions{nearest(action, self.actions)}"
                )
            check_range(f"speeds.{action}", percent, 1, 100, "% of the joints' rates")
        if not bounds.knows:
            check_rest(self.actions, self.joints, self.device)

    def _check_bounds(self, bounds: _Bounds) -> None:
        if self.address is not None:
            if bounds.addresses is None:
                raise ValueError(f"address: a {self.device} has none; what a joint has is its `id`")
            check_range("address", self.address, *bounds.addresses, "")
        for name, table in self.joints.items():
            check_range(f"joints.{name}.id", table.id, 0, bounds.ids, "")
            for key, count in (("open", table.open), ("closed", table.closed)):
                check_range(f"joints.{name}.{key}", count, *bounds.counts, bounds.unit)
        ids = {table.id for table in self.joints.values()}
        if bounds.joints is not None and ids != set(range(bounds.joints)):
            raise ValueError(
                f"joints: a {self.device} is driven as a whole; name all of it, ids 0 to {bounds.joints - 1}"
            )
        if not bounds.lets_go and self.policy.limp != "never":
            raise ValueError(f'policy.limp: a {self.device} cannot let go; say limp = "never"')

    def profile(self) -> DeviceProfile:
        places = {name: place for place, name in enumerate(self.joints)}
        poses: dict[HandAction, dict[int, int]] = {HandAction.HOLD: {}}
        for action, pose in self.actions.items():
            poses[HandAction[action]] = {
                places[name]: self.joints[name].way.at(percent) for name, percent in pose.items()
            }
        return DeviceProfile(
            self.name,
            self.about,
            self.device,
            tuple(table.joint(name) for name, table in self.joints.items()),
            poses,
            {HandAction[action]: percent for action, percent in self.speeds.items()},
            self.policy.watchdog_ms / 1000,
            self.policy.limp_s,
            self.policy.max_ttl_ms,
            self.baud,
            self.address,
        )
