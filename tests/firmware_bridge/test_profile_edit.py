"""Poses written into profiles: one line changes, and what is not understood is refused."""

import tomllib
from pathlib import Path

import pytest

from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.hands.device_profile import DEVICE_PROFILES, parse_device
from neurograsp.firmware_bridge.profile_edit import with_pose
from neurograsp.firmware_bridge.profiles import PROFILES, parse_profile

FILES = sorted([*DEVICE_PROFILES.glob("*.toml"), *PROFILES.glob("*.toml")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("action", [HandAction.REST, HandAction.WRIST_SUPINATE])
def test_one_line_changes_in_every_profile_that_ships(path: Path, action: HandAction) -> None:
    data = path.read_bytes()
    before = tomllib.loads(data.decode())
    pose = {joint: 31 + place for place, joint in enumerate(before["joints"])}
    changed = with_pose(data, path.name, action, pose)
    parse = parse_device if path.parent == DEVICE_PROFILES else parse_profile
    assert action in parse(changed, path.name).actions
    before["actions"][action.name] = pose
    assert tomllib.loads(changed.decode()) == before
    lines, old = changed.decode().splitlines(), data.decode().splitlines()
    assert len([line for line in lines if line not in old]) == 1
    assert len(lines) - len(old) == (action.name not in tomllib.loads(data.decode())["actions"])


TEXT = """# mine
[joints]
a = { id = 1 }

[actions] # of the hand
OPEN = { a = 0 }
GRIP =   {a=1}  # not too hard

# the end
[policy]
limp = 1
"""


def test_comments_and_order_stay() -> None:
    changed = with_pose(TEXT.encode(), "my.toml", HandAction.GRIP, {"a": 70}).decode()
    assert changed == TEXT.replace("GRIP =   {a=1}  #", "GRIP = { a = 70 }  #")
    more = with_pose(changed.encode(), "my.toml", HandAction.FIST, {"a": 100}).decode()
    assert more == changed.replace("hard\n", "hard\nFIST = { a = 100 }\n")


@pytest.mark.parametrize("action", [HandAction.OPEN, HandAction.GRIP, HandAction.FIST])
def test_ends_of_lines_of_another_system_stay(action: HandAction) -> None:
    here = with_pose(TEXT.encode(), "my.toml", action, {"a": 70})
    there = with_pose(TEXT.replace("\n", "\r\n").encode(), "my.toml", action, {"a": 70})
    assert there == here.replace(b"\n", b"\r\n")


def test_what_only_looks_like_an_end_of_a_line_is_none() -> None:
    text = TEXT.replace("# mine", "# mine\u2028 and yours\x85")
    changed = with_pose(text.encode(), "my.toml", HandAction.OPEN, {"a": 7}).decode()
    assert changed == text.replace("{ a = 0 }", "{ a = 7 }")


@pytest.mark.parametrize(
    "text",
    [
        "[actions.GRIP]\na = 1\n",
        "actions = { GRIP = { a = 1 } }\n",
        "actions.GRIP = { a = 1 }\n",
        "[actions]\nGRIP.a = 1\n",
        '[actions]\n"GRIP" = { a = 1 }\n',
        'about = """\n[actions]\nGRIP = { a = 1 }\n"""\n[actions]\nOPEN = { a = 1 }\n',
        "actions = 3\n",
        "name = 'x'\n",
        "",
    ],
)
def test_actions_in_another_form_are_refused(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^my\.toml: its actions cannot be changed here: write each as a line"
    ):
        with_pose(text.encode(), "my.toml", HandAction.GRIP, {"a": 70})


@pytest.mark.parametrize("text", ["[actions", "a = 1\na = 2\n"])
def test_what_is_no_toml_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=r"my\.toml: not valid TOML"):
        with_pose(text.encode(), "my.toml", HandAction.GRIP, {"a": 70})
