"""What `neurograsp hand teach` has to know of a hand: joints, profile, and where that is written."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurograsp.edge_runtime.cli.hands import OpenHand, device_of, is_simulated, profile_of
from neurograsp.edge_runtime.contract.errors import ConfigError, UsageError
from neurograsp.edge_runtime.files import write_whole
from neurograsp.edge_runtime.hand_teach import STORABLE, TaughtJoint
from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.hands.device_profile import DEVICE_PROFILES, load_device, parse_device
from neurograsp.firmware_bridge.profile_edit import with_pose
from neurograsp.firmware_bridge.profile_file import is_file, read
from neurograsp.firmware_bridge.profiles import PROFILES, labelled, load_profile, parse_profile


@dataclass(frozen=True)
class Lesson:
    """Attributes:
    joints, unit: of the hand.
    which: its profile, the name of one that ships or a file.
    folder: of those that ship.
    out: where the profile goes.
    check: refuses a profile that is none.
    """

    joints: tuple[TaughtJoint, ...]
    unit: str
    which: str
    folder: Path
    out: Path
    check: Callable[[bytes, str], object]

    def store(self, action: HandAction, percent: dict[str, int]) -> str:
        """One more pose in the file, which changes as a whole; what to say of it.

        Raises:
            ConfigError: it cannot be changed or written.
        """
        write_whole(self.out, self._changed(action, percent))
        return f"stored in {self.out}"

    def try_all(self) -> None:
        """Whether a pose of any action could be stored; nothing is.

        Raises:
            ConfigError: the file cannot be changed.
        """
        for action in STORABLE:
            self._changed(action, {joint.name: 0 for joint in self.joints})

    def _changed(self, action: HandAction, percent: dict[str, int]) -> bytes:
        newest = self.out if self.out.exists() else self.which
        changed = with_pose(*read(newest, self.folder, "hand profile"), action, percent)
        self.check(changed, str(self.out))
        return changed


def lesson_of(arguments: argparse.Namespace, hand: OpenHand) -> Lesson:
    """Of a hand that is connected.

    Raises:
        UsageError: nobody says which profile it has, or where to write.
        ConfigError: the profile is not that of this hand, or the file to write is there already.
    """
    device = None if is_simulated(arguments.hand) else device_of(arguments.hand)
    if arguments.profile is not None and (device is not None or is_simulated(arguments.hand)):
        raise UsageError(f"--profile: --hand {arguments.hand} names it already")
    which = device[0] if device is not None else _built_in(arguments, hand)
    out = arguments.out or (Path(which) if is_file(which) else None)
    if out is None:
        raise UsageError(
            f"the profile {which} ships and stays as it is; --out my_{which}.toml keeps the poses"
        )
    if out.exists() and not (is_file(which) and out.samefile(which)):
        raise ConfigError(f"{out}: is there already; name another file, or that one in --hand")
    if device is not None:
        profile = load_device(which)
        joints = tuple(TaughtJoint(joint.name, joint.way) for joint in profile.joints)
        return Lesson(joints, profile.unit, which, DEVICE_PROFILES, out, parse_device)
    joints = tuple(TaughtJoint(joint.name, joint.way) for joint in load_profile(which).joints)
    return Lesson(joints, "us", which, PROFILES, out, parse_profile)


def _built_in(arguments: argparse.Namespace, hand: OpenHand) -> str:
    """The profile of a hand with our firmware, whose limits must be those that the hand says."""
    assert hand.link is not None
    which = arguments.profile or hand.profile
    if not which:
        if profile_of(hand) is None:
            raise UsageError(f"{hand.name}: not a profile that ships; name its file with --profile")
        which = hand.link.caps.name
    profile = load_profile(which)
    ranges = hand.link.ranges()
    if labelled(ranges, profile) == ranges:
        raise ConfigError(
            f"{hand.name}: its limits are not those of {which}; was it built with another profile?"
        )
    return str(which)
