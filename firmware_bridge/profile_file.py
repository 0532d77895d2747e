"""What the files of all profiles have in common, of our firmware's hands and of other devices'."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.strict import nearest, show

NAME_MAX = 15
MAX_FILE = 100_000


@dataclass(frozen=True, slots=True)
class Way:
    """From open to closed, in the unit of the hand; `closed` may be the smaller number.

    Attributes:
        open, closed: its ends.
    """

    open: int
    closed: int

    def at(self, percent: int) -> int:
        """`percent` of the way, rounded to the nearest, halves towards closed."""
        way = (abs(self.closed - self.open) * percent + 50) // 100
        return self.open + (way if self.closed > self.open else -way)

    def percent(self, at: int) -> int:
        """How much of the way is done at `at`: 0 to 100, also outside of it."""
        return min(max(round(100 * (at - self.open) / (self.closed - self.open)), 0), 100)


_NAME = re.compile(r"[a-z][a-z0-9_]*")


def shipped(folder: Path) -> tuple[str, ...]:
    """Names of the profiles in a folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def is_file(which: str | Path) -> bool:
    """Whether this names a file rather than a profile that ships."""
    return isinstance(which, Path) or "/" in which or which.endswith(".toml")


def read(which: str | Path, folder: Path, what: str) -> tuple[bytes, str]:
    """The text and the file name of a profile.

    Args:
        which: the name of a shipped one, or a file (anything with a `/` or `.toml` in it).
        folder: of those that ship.
        what: kind of profile, for messages.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    if is_file(which):
        return _contents(Path(which)), str(which)
    known = shipped(folder)
    if which not in known:
        raise ConfigError(
            f"no {what} {show(which)}{nearest(str(which), known)} (a file of your own is named with its "
            "folder, or ends in .toml)"
        )
    return _contents(folder / f"{which}.toml"), f"{which}.toml"


def _contents(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE:
        raise ConfigError(f"{path}: longer than {MAX_FILE} bytes, which no profile is")
    return data


def parse(data: bytes, name: str) -> dict[str, Any]:
    """TOML in UTF-8. Raises ConfigError, which names the file."""
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from error


def check_range(key: str, value: int, low: int, high: int, unit: str) -> None:
    """Raises ValueError for a number out of range."""
    if not low <= value <= high:
        raise ValueError(f"{key} is {show(value)}, must be {low} to {high} {unit}".rstrip())


def check_names(name: str, joints: Iterable[str]) -> None:
    """Raises ValueError for what is no name of a profile or of a joint."""
    for key, word in (("name", name), *(("joints", joint) for joint in joints)):
        if not _NAME.fullmatch(word) or len(word) > NAME_MAX:
            raise ValueError(
                f"{key}: {show(word)} must be up to {NAME_MAX} lower-case letters, digits and underscores, a "
                "letter first"
            )


def check_rest(actions: Mapping[str, Mapping[str, int]], joints: Iterable[str], what: str) -> None:
    """Raises ValueError where REST does not name every joint of a device that cannot say where they are."""
    unnamed = [joint for joint in joints if joint not in actions.get("REST", {})]
    if unnamed:
        raise ValueError(
            f"actions.REST: must name {', '.join(unnamed)} too: a {what} cannot say where its joints are, "
            "and goes there when it is armed"
        )


def check_actions(actions: Mapping[str, Mapping[str, int]], joints: Iterable[str]) -> None:
    """Raises ValueError for an action or a joint that there is not, or a percentage that is none."""
    joints = tuple(joints)
    for action, pose in actions.items():
        if action not in HandAction.__members__:
            near = nearest(action.upper(), HandAction.__members__)
            raise ValueError(f"actions: unknown action {show(action)}{near}")
        if action == HandAction.HOLD.name:
            raise ValueError("actions.HOLD: every hand has it and it moves nothing: leave it out")
        if not pose:
            raise ValueError(f"actions.{action}: moves no joint: name some, or leave the action out")
        for joint, percent in pose.items():
            if joint not in joints:
                raise ValueError(f"actions.{action}: unknown joint {show(joint)}{nearest(joint, joints)}")
            check_range(f"actions.{action}.{joint}", percent, 0, 100, "% of the way from open to closed")
