"""A pose into the text of a profile: one line changes, and all that people wrote stays, ends of lines too."""

import re
from collections.abc import Mapping

from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.profile_file import parse

_TABLE = re.compile(r"\s*\[\s*actions\s*\]\s*(#.*)?")
_KEY = re.compile(r"\s*(\w+)(\s*)=")
_COMMENT = re.compile(r"[^#]*\}(\s*#.*)")


def with_pose(data: bytes, name: str, action: HandAction, percent: Mapping[str, int]) -> bytes:
    """The text of a profile with this pose, in place of an older one.

    Args:
        data: TOML in UTF-8, with a table `[actions]`.
        name: of the file, for messages.
        action: whose pose.
        percent: of each joint, in the order of the profile.

    Raises:
        ConfigError: not TOML, or its actions are not a line each in one table `[actions]`.
    """
    wanted = parse(data, name)
    actions = wanted.setdefault("actions", {})
    if isinstance(actions, dict):
        actions[action.name] = dict(percent)
    lines = data.decode().removesuffix("\n").split("\n")
    pose = ", ".join(f"{joint} = {value}" for joint, value in percent.items())
    changed = ("\n".join(_replaced(lines, action.name, f"{{ {pose} }}")) + "\n").encode()
    try:
        if parse(changed, name) == wanted:
            return changed
    except ConfigError:
        pass
    raise ConfigError(
        f"{name}: its actions cannot be changed here: write each as a line of a table [actions]"
    )


def _replaced(lines: list[str], action: str, pose: str) -> list[str]:
    """Lines with the action's line replaced, or one more after the last action."""
    start = next((at for at, line in enumerate(lines) if _TABLE.fullmatch(line)), len(lines) - 1)
    ending = "\r" if lines[start].endswith("\r") else ""
    end, width, old = start + 1, 0, None
    for at in range(start + 1, len(lines)):
        if lines[at].lstrip().startswith("["):
            break
        if match := _KEY.match(lines[at]):
            width = max(width, len(match[1] + match[2]) - 1)
            old = at if match[1] == action else old
            end = at + 1
    comment = None if old is None else _COMMENT.fullmatch(lines[old].removesuffix("\r"))
    line = f"{action:<{width}} = {pose}{comment[1] if comment else ''}{ending}"
    return [*lines[:old], line, *lines[old + 1 :]] if old is not None else [*lines[:end], line, *lines[end:]]
