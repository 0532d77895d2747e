"""Profiles from TOML: what is read, and the line for everything that can be wrong."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.profiles import (
    KEEP,
    LIMP_NEVER,
    MAX_RATE_US,
    PROFILES,
    PULSE_US,
    WATCHDOG_MS,
    Profile,
    load_profile,
    parse_profile,
    shipped_profiles,
)
from neurograsp.firmware_bridge.protocol import HandAction

CLAW = """\
name = "claw"
about = "two fingers"

[policy]
watchdog_ms = 250
limp = 2000
max_ttl_ms = 10000

[joints]
left = { min_us = 900, max_us = 1900, rate_us = 20, rest = 10 }
right = { min_us = 1100, max_us = 2105, rate_us = 25, rest = 10, inverted = true }

[actions]
OPEN = { left = 0, right = 0 }
GRIP = { left = 75, right = 75 }
TOUCH = { left = 50 }
"""


def claw(old: str = "", new: str = "") -> Profile:
    assert old in CLAW
    return parse_profile(CLAW.replace(old, new, 1).encode(), "claw.toml")


def test_positions_become_pulses() -> None:
    profile = claw()
    assert (profile.name, profile.about) == ("claw", "two fingers")
    assert (profile.watchdog_ms, profile.limp_ms, profile.max_ttl_ms) == (250, 2000, 10000)
    assert (profile.stall_ms, profile.battery_ms) == (0, 0)
    left, right = profile.joints
    assert (left.name, left.min_us, left.max_us, left.rate_us, left.rest_us) == ("left", 900, 1900, 20, 1000)
    assert (left.inverted, right.inverted) == (False, True)
    assert (left.travel_ms, right.travel_ms) == (1000, 820)
    assert profile.rest == (1000, 2004)
    assert profile.poses == {
        HandAction.HOLD: (KEEP, KEEP),
        HandAction.OPEN: (900, 2105),
        HandAction.TOUCH: (1400, KEEP),
        HandAction.GRIP: (1650, 1351),
    }
    assert profile.actions == {HandAction.HOLD, HandAction.OPEN, HandAction.TOUCH, HandAction.GRIP}


@pytest.mark.parametrize(
    ("written", "limp_ms"), [('"at once"', 0), ("0", 0), ("65534", 65534), ('"never"', LIMP_NEVER)]
)
def test_limp(written: str, limp_ms: int) -> None:
    assert claw("limp = 2000", f"limp = {written}").limp_ms == limp_ms


def test_ends_that_are_allowed() -> None:
    for old, new in (
        ("min_us = 900, max_us = 1900", "min_us = 600, max_us = 2400"),
        ("min_us = 900, max_us = 1900", "min_us = 1000, max_us = 1001"),
        ("rate_us = 20", "rate_us = 1"),
        ("rate_us = 20", "rate_us = 200"),
        ("rest = 10", "rest = 0"),
        ("rest = 10", "rest = 100"),
        ("watchdog_ms = 250", "watchdog_ms = 100"),
        ("watchdog_ms = 250", "watchdog_ms = 1000"),
        ("max_ttl_ms = 10000", "max_ttl_ms = 1"),
        ("max_ttl_ms = 10000", "max_ttl_ms = 60000\nstall_ms = 10000\nbattery_ms = 10000"),
        ('"claw"', '"fifteen_letters"'),
        ('about = "two fingers"\n', ""),
    ):
        claw(old, new)


JOINT = "{ min_us = 1000, max_us = 2000, rate_us = 20, rest = 0 }"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        # Keys
        ('name = "claw"\n', "", "claw.toml: the key 'name' is missing"),
        (
            'name = "claw"',
            'name = "claw"\ndevice = "lx16a"',
            "claw.toml: is the profile of a device with electronics of its own ('lx16a'), not",
        ),
        ("about", "abuot", "claw.toml: unknown key 'abuot'; did you mean 'about'?"),
        ("[policy]", "[polcy]", "claw.toml: unknown key 'polcy'; did you mean 'policy'?"),
        (
            "[joints]",
            "[servos]",
            "claw.toml: unknown key 'servos'; known are about, actions, joints",
        ),
        ("watchdog_ms", "watchdog", "claw.toml.policy: unknown key 'watchdog'; did you mean 'watchdog_ms'?"),
        ("max_ttl_ms = 10000\n", "", "claw.toml.policy: the key 'max_ttl_ms' is missing"),
        ("rate_us", "rate", "claw.toml.joints.left: unknown key 'rate'; did you mean 'rate_us'?"),
        ("rest = 10", "rest_us = 1000", "claw.toml.joints.left: unknown key 'rest_us'; did you mean 'rest'?"),
        (", rest = 10", "", "claw.toml.joints.left: the key 'rest' is missing"),
        ("GRIP", "GRPI", "claw.toml: actions: unknown action 'GRPI'; did you mean 'GRIP'?"),
        ("GRIP", "grip", "claw.toml: actions: unknown action 'grip'; did you mean 'GRIP'?"),
        ("left = 50", "lfet = 50", "claw.toml: actions.TOUCH: unknown joint 'lfet'; did you mean 'left'?"),
        ("left = 50", "thumb = 50", "claw.toml: actions.TOUCH: unknown joint 'thumb'; known are left, right"),
        # Types
        ("= 250", "= 250.0", "claw.toml.policy.watchdog_ms: expected a whole number, got 250.0"),
        ("left = 50", 'left = "50 %"', "claw.toml.actions.TOUCH.left: expected a whole number, got '50 %'"),
        ("left = 50", "left = true", "claw.toml.actions.TOUCH.left: expected a whole number, got True"),
        ("inverted = true", "inverted = 1", "claw.toml.joints.right.inverted: expected true or false, got 1"),
        ("{ left = 50 }", "50", "claw.toml.actions.TOUCH: expected a table, got 50"),
        # Numbers
        ("= 900", "= 599", "claw.toml.joints.left: min_us is 599, must be 600 to 2400 us"),
        ("= 1900", "= 2401", "claw.toml.joints.left: max_us is 2401, must be 600 to 2400 us"),
        (
            "min_us = 900, max_us = 1900",
            "min_us = 1900, max_us = 900",
            "claw.toml.joints.left: min_us is 1900 and max_us 900: put the smaller pulse into min_us, and "
            "inverted = true where the hand is open at the larger one",
        ),
        (
            "max_us = 1900",
            "max_us = 900",
            "claw.toml.joints.left: min_us is 900 and max_us 900: put",
        ),
        (
            "rate_us = 20",
            "rate_us = 0",
            "claw.toml.joints.left: rate_us is 0, must be 1 to 200 us",
        ),
        ("rate_us = 20", "rate_us = 201", "claw.toml.joints.left: rate_us is 201, must be 1 to 200 us"),
        (
            "rest = 10",
            "rest = 1000",
            "claw.toml.joints.left: rest is 1000, must be 0 to 100 % of the way",
        ),
        ("rest = 10", "rest = -1", "claw.toml.joints.left: rest is -1, must be 0 to 100 %"),
        (
            "left = 75",
            "left = 101",
            "claw.toml: actions.GRIP.left is 101, must be 0 to 100 % of the way",
        ),
        ("left = 75", "left = -1", "claw.toml: actions.GRIP.left is -1, must be 0 to 100 %"),
        ("= 250", "= 99", "claw.toml.policy: watchdog_ms is 99, must be 100 to 1000 ms"),
        ("= 250", "= 1001", "claw.toml.policy: watchdog_ms is 1001, must be 100 to 1000 ms"),
        ("= 2000", "= -1", 'claw.toml.policy: limp is -1, must be 0 to 65534 ms, or "at once" or "never"'),
        ("= 2000", "= 65535", "claw.toml.policy: limp is 65535, must be 0 to 65534 ms"),
        ("= 2000", '= "nevr"', "claw.toml.policy.limp: 'nevr' is not possible; did you mean 'never'?"),
        ("= 10000", "= 0", "claw.toml.policy: max_ttl_ms is 0, must be 1 to 60000 ms"),
        ("= 10000", "= 60001", "claw.toml.policy: max_ttl_ms is 60001, must be 1 to 60000 ms"),
        ("[joints]", "stall_ms = -1\n[joints]", "claw.toml.policy: stall_ms is -1, must be 0 to 10000 ms"),
        (
            "[joints]",
            "battery_ms = 10001\n[joints]",
            "claw.toml.policy: battery_ms is 10001, must be",
        ),
        # Names, joints, actions
        ('"claw"', '"Claw"', "claw.toml: name: 'Claw' must be up to 15 lower-case letters, digits and"),
        ('"claw"', '"sixteen__letters"', "claw.toml: name: 'sixteen__letters' must be up to 15"),
        ('"claw"', '"2claw"', "claw.toml: name: '2claw' must be"),
        ('"claw"', '"cläw"', "claw.toml: name: 'cläw' must be"),
        ('"claw"', '""', "claw.toml: name: '' must be"),
        ('"claw"', '"joints"', "claw.toml: name: 'joints' is a word of the firmware's own: choose another"),
        ("left = {", '"le ft" = {', "claw.toml: joints: 'le ft' must be up to 15 lower-case letters"),
        (
            "right =",
            "\n".join(f"j{i} = {JOINT}" for i in range(7)) + "\nright =",
            "claw.toml: joints: 9 of them, must be 1 to 8",
        ),
        (
            CLAW[CLAW.index("left =") : CLAW.index("[actions]")],
            "",
            "claw.toml: joints: 0 of them, must be 1 to 8",
        ),
        ("TOUCH", "HOLD", "claw.toml: actions.HOLD: every hand has it and it moves nothing: leave it out"),
        (
            "{ left = 50 }",
            "{}",
            "claw.toml: actions.TOUCH: moves no joint: name some, or leave the action out",
        ),
        # TOML
        ("right = {", "left = {", "claw.toml: not valid TOML: Cannot overwrite a value (at line 11, column"),
        ("max_us = 1900,", "max_us = ,", "claw.toml: not valid TOML: Invalid value (at line 10, column"),
        ("GRIP = {", "GRIP = {\n", "claw.toml: not valid TOML: "),
    ],
)
def test_a_mistake_is_one_line(old: str, new: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        claw(old, new)
    message = str(caught.value)
    assert message.startswith(line)
    assert "\n" not in message
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"name = " + b"[" * 9000, b"x" * 1000, CLAW.encode("utf-16")]
)
def test_what_is_no_profile_at_all(data: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^claw\.toml: ") as caught:
        parse_profile(data, "claw.toml")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_which_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "claw.toml").write_text(CLAW)
    (tmp_path / "claw").write_text(CLAW)
    for which in ("claw.toml", "./claw.toml", "./claw", tmp_path / "claw"):
        assert load_profile(which) == claw()
    for which, line in {
        "amr": "no hand profile 'amr'; did you mean 'arm'? (a file of your own is named with its folder",
        "claw": "no hand profile 'claw'; known are arm, gripper, hackberry, hand5, inmoov (a file",
        "": "no hand profile ''; known are",
        "arm.toml": "arm.toml: cannot be read: No such file or directory",
        "./": ".: cannot be read: Is a directory",
    }.items():
        with pytest.raises(ConfigError, match=rf"^{re.escape(line)}"):
            load_profile(which)
    (tmp_path / "long.toml").write_bytes(b"#" * 100_001)
    with pytest.raises(ConfigError, match=r"^long\.toml: longer than 100000 bytes"):
        load_profile("long.toml")


@pytest.mark.parametrize("name", shipped_profiles())
def test_shipped(name: str) -> None:
    """Cautious: within the servos' range, slow, able to open and to close, letting go in the end."""
    profile = load_profile(name)
    assert profile.name == name
    assert profile.about
    assert {HandAction.REST, HandAction.OPEN, HandAction.GRIP, HandAction.RELEASE} < profile.actions
    assert all(joint.travel_ms >= 600 for joint in profile.joints)
    assert profile.limp_ms <= 2000
    assert profile.stall_ms and profile.battery_ms
    text = (PROFILES / f"{name}.toml").read_text()
    assert all(len(line) <= 120 for line in text.splitlines())


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,14}", fullmatch=True)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Any profile that is valid."""
    joints = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    lines = [f'name = "{draw(NAMES)}"', "[policy]"]
    lines += [f"watchdog_ms = {draw(st.integers(*WATCHDOG_MS))}", f"limp = {draw(st.integers(0, 65534))}"]
    lines += [f"max_ttl_ms = {draw(st.integers(1, 60000))}", "[joints]"]
    for joint in joints:
        low = draw(st.integers(PULSE_US[0], PULSE_US[1] - 1))
        high = draw(st.integers(low + 1, PULSE_US[1]))
        rest, rate = draw(st.integers(0, 100)), draw(st.integers(1, MAX_RATE_US))
        inverted = draw(st.sampled_from(["true", "false"]))
        lines.append(
            f"{joint} = {{min_us = {low}, max_us = {high}, "
            f"rate_us = {rate}, rest = {rest}, inverted = {inverted}}}"
        )
    lines.append("[actions]")
    for action in draw(st.sets(st.sampled_from([*HandAction]))) - {HandAction.HOLD}:
        pose = draw(st.dictionaries(st.sampled_from(joints), st.integers(0, 100), min_size=1))
        lines.append(f"{action.name} = {{{', '.join(f'{name} = {at}' for name, at in pose.items())}}}")
    return "\n".join(lines)


@given(texts())
def test_every_pulse_of_every_profile_is_within_its_limits(text: str) -> None:
    profile = parse_profile(text.encode(), "any.toml")
    for pose in (profile.rest, *profile.poses.values()):
        for joint, us in zip(profile.joints, pose, strict=True):
            assert us == KEEP or joint.min_us <= us <= joint.max_us
    assert KEEP not in profile.rest


@given(st.integers(0, 100), st.integers(600, 2399), st.integers(1, 1800))
def test_inverted_is_the_mirror_image(percent: int, low: int, way: int) -> None:
    high = min(low + way, 2400)

    def at(inverted: str) -> int:
        joint = f"{{min_us = {low}, max_us = {high}, rate_us = 20, rest = {percent}, inverted = {inverted}}}"
        text = CLAW[: CLAW.index("left =")] + f"left = {joint}\n[actions]\nOPEN = {{left = 0}}"
        return parse_profile(text.encode(), "any.toml").rest[0]

    assert at("true") == low + high - at("false")
    assert abs(at("false") - (low + (high - low) * percent / 100)) <= 0.5


@given(st.integers(0, len(CLAW)), st.integers(0, 40), st.one_of(st.text(), st.sampled_from(CLAW.split())))
def test_whatever_a_file_holds_is_a_profile_or_one_line(at: int, cut: int, new: str) -> None:
    data = (CLAW[:at] + new + CLAW[at + cut :]).encode(errors="surrogatepass")
    try:
        parse_profile(data, "claw.toml")
    except ConfigError as error:
        assert str(error).startswith("claw.toml")
        assert "\n" not in str(error)
        assert len(str(error)) < 600
