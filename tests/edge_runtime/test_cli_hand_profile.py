"""`neurograsp hand profile`, and `--hand sim:PROFILE`."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.edge_runtime.cli.hands import open_hand
from neurograsp.firmware_bridge.profile_c import profile_c
from neurograsp.firmware_bridge.profiles import PROFILES, load_profile, shipped_profiles
from neurograsp.firmware_bridge.protocol import HandAction

CLAW = """
name = "claw"
[policy]
watchdog_ms = 300
limp = "never"
max_ttl_ms = 5000
stall_ms = 400
[joints]
left = { min_us = 900, max_us = 1900, rate_us = 20, rest = 10 }
right = { min_us = 1100, max_us = 2100, rate_us = 25, rest = 10, inverted = true }
[actions]
OPEN = { left = 0, right = 0 }
FIST = { left = 75, right = 80 }
TOUCH = { left = 50 }
"""


@pytest.fixture
def claw(tmp_path: Path) -> Path:
    path = tmp_path / "claw.toml"
    path.write_text(CLAW)
    return path


def test_table(claw: Path, capsys: Any) -> None:
    assert main(["hand", "profile", str(claw)]) == 0
    assert (
        capsys.readouterr().out
        == """\
  claw
  stops 300 ms after the last heartbeat and holds for good
  an action lives 5000 ms at most
  stall: lets go after 400 ms
  low battery: not watched

  joint (us)   0 %  100 %  rest  a frame  full travel
  0 left       900   1900  1000       20       1.00 s
  1 right     2100   1100  2000       25       0.80 s

  action (us)  left  right
  HOLD            -      -
  OPEN          900   2100
  TOUCH        1400      -
  FIST         1650   1300
"""
    )


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_profile_that_ships_is_listed_and_shown(name: str, capsys: Any) -> None:
    assert main(["hand", "profile", "--list"]) == 0
    assert f"  {name} " in capsys.readouterr().out
    assert main(["hand", "profile", name]) == 0
    shown = capsys.readouterr().out
    for word in (*HandAction.__members__, *(joint.name for joint in load_profile(name).joints)):
        actions = {action.name for action in load_profile(name).actions}
        assert bool(re.search(rf"\b{word}\b", shown)) == (word in actions or word.islower())


def test_c_is_written_whole_or_not_at_all(claw: Path, capsys: Any) -> None:
    out = claw.parent / "made" / "hand_profile_claw.c"
    assert main(["hand", "profile", str(claw), "--c", str(out)]) == 0
    assert out.read_text() == profile_c(load_profile(claw))
    assert f"{out} written; a port takes it with -DHAND_PROFILE=hand_profile_claw" in capsys.readouterr().out
    claw.write_text(CLAW.replace("left = 50", "left = 101"))
    assert main(["hand", "profile", str(claw), "--c", str(out)]) == 4
    assert "\n" not in capsys.readouterr().err.rstrip("\n")
    assert "1400" in out.read_text()
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_json(claw: Path, capsys: Any) -> None:
    assert main(["hand", "profile", str(claw), "--json"]) == 0
    (profile,) = json.loads(capsys.readouterr().out)["profiles"]
    assert profile["limp_ms"] is None
    assert profile["joints"][1]["inverted"]
    assert profile["poses"]["TOUCH"] == [1400, None]
    assert main(["hand", "profile", "--list", "--json"]) == 0
    names = [one["name"] for one in json.loads(capsys.readouterr().out)["profiles"]]
    assert names == list(shipped_profiles())


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        ([], 2, "name a profile, or --list"),
        (["--list", "arm"], 2, "name a profile, or --list"),
        (["--list", "--c", "x.c"], 2, "--c: name the profile"),
        (["hakberry"], 4, "did you mean 'hackberry'?"),
        (["no.toml"], 4, "no.toml: cannot be read: No such file"),
        (["arm", "--c", "/"], 4, "/: is there and is no file"),
        (["arm", "--c", "/proc/x.c"], 4, "/proc/x.c: cannot be written"),
    ],
)
def test_refusals(arguments: list[str], code: int, line: str, capsys: Any) -> None:
    assert main(["hand", "profile", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("neurograsp hand: ")
    assert line in captured.err
    assert captured.err.count("\n") == 1


def test_verbose_before_and_after_the_tool(capsys: Any) -> None:
    for arguments in (["hand", "-v", "profile", "--list"], ["hand", "profile", "--list", "--verbose"]):
        assert main(arguments) == 0


def test_the_simulated_hand_is_any_profile(claw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(claw.parent))  # built anew
    for which in (*shipped_profiles(), str(claw)):
        profile = load_profile(which)
        with open_hand(f"sim:{which}") as hand:
            assert hand.link is not None
            caps = hand.link.caps
            assert (caps.name, caps.joints) == (profile.name, len(profile.joints))
            assert set(caps.actions) == profile.actions
            assert (caps.watchdog_ms, caps.limp_ms) == (profile.watchdog_ms, profile.limp_ms)
            assert caps.max_ttl_ms == profile.max_ttl_ms


def test_a_profile_of_ones_own_takes_the_place_of_one_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = (PROFILES / "arm.toml").read_text()
    (tmp_path / "arm.toml").write_text(text.replace("watchdog_ms = 250", "watchdog_ms = 333"))
    with open_hand(f"sim:{tmp_path / 'arm.toml'}") as hand:
        assert hand.link is not None
        assert hand.link.caps.watchdog_ms == 333


def run(which: str, *arguments: str) -> int:
    source = f"playback:{PRETRAINED_RECORDING}"
    common = ["run", "--bundle", str(PRETRAINED), "--source", source, "--hand", f"sim:{which}"]
    return main([*common, "--speed", "8", *arguments])


@pytest.mark.parametrize(
    "name",
    [
        name if name == "arm" else pytest.param(name, marks=pytest.mark.long)
        for name in shipped_profiles()
        if name != "gripper"
    ],
)
def test_a_recording_moves_every_hand_that_has_the_actions(name: str, tmp_path: Path, capsys: Any) -> None:
    profile, out = load_profile(name), tmp_path / "session.json"
    assert run(name, "--seconds", "2", "--json", "--out", str(out)) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["hand"]["link"]["nacks"] == 0
    assert report["hand"]["name"].startswith(f"{name},")
    frames = [row["joints_us"] for row in json.loads(out.read_text())["trace"]]
    for joint, column in zip(profile.joints, zip(*frames, strict=True), strict=True):
        pulses = [us for us in column if us]
        assert pulses[0] == joint.rest_us
        assert all(joint.min_us <= us <= joint.max_us for us in pulses)
        assert all(abs(b - a) <= joint.rate_us for a, b in pairwise(pulses))
    fingers = [n for n, joint in enumerate(profile.joints) if joint.name not in ("flexion", "rotation")]
    assert all(report["hand"]["moved"]["travel_us"][n] > 50 for n in fingers)


@pytest.mark.slow
def test_a_hand_whose_actions_live_shorter_than_usual_gets_shorter_ones(tmp_path: Path, capsys: Any) -> None:
    text = (PROFILES / "hand5.toml").read_text()
    (tmp_path / "brief.toml").write_text(text.replace("max_ttl_ms = 10000", "max_ttl_ms = 300"))
    assert run(str(tmp_path / "brief.toml"), "--seconds", "2", "--json") == 0
    hand = json.loads(capsys.readouterr().out)["hand"]
    assert hand["link"]["nacks"] == 0
    assert hand["moved"]["travel_us"][0] > 50


def test_a_hand_without_the_bundles_actions_is_refused_before_arming(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "session.json"
    assert run("gripper", "--seconds", "3", "--out", str(out)) == 4
    error = capsys.readouterr().err
    assert "the bundle's commands LIFT, REACH, REPLACE, TOUCH are none of its actions" in error
    assert not out.exists()


def test_a_profile_with_a_mistake_is_refused(claw: Path, capsys: Any) -> None:
    claw.write_text(CLAW.replace("rate_us = 20", "rate_us = 2000"))
    assert run(str(claw)) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"neurograsp run: {claw}.joints.left: rate_us is 2000, must be 1 to 200 us")
