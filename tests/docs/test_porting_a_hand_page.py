"""docs/porting-a-hand.md: its profile, keys, lines and program are real."""

import dataclasses
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurograsp.edge_runtime.cli import main
from neurograsp.firmware_bridge import profiles
from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.host_firmware import SimulatedHand, read_trace
from neurograsp.firmware_bridge.profiles import parse_profile, shipped_profiles
from neurograsp.firmware_bridge.protocol import HandAction

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/porting-a-hand.md").read_text()
(CLAW,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_every_key_is_described() -> None:
    def fields(cls: type) -> set[str]:
        return {field.name for field in dataclasses.fields(cls)}

    described = set(
        re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`[a-z].*?) \|", PAGE, re.MULTILINE)))
    )
    written = fields(profiles._File) - {"policy", "joints", "actions"}
    assert written | fields(profiles._JointTable) | fields(profiles._Policy) <= described


def test_every_action_and_every_profile_is_described() -> None:
    assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)?\b", PAGE)) > set(HandAction.__members__)
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) >= set(shipped_profiles())


def test_the_line_that_it_shows() -> None:
    (shown,) = re.findall(r"neurograsp hand: (claw\.toml.*)", PAGE)
    with pytest.raises(ConfigError, match=rf"^{re.escape(shown)}$"):
        parse_profile(CLAW.replace("rate_us", "rate", 1).encode(), "claw.toml")


def test_its_profile_grasps_what_the_bundle_in_the_package_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "claw.toml").write_text(CLAW)
    (command,) = re.findall(r"neurograsp (run .*sim:claw.toml) \\\n +(.*)", PAGE)
    arguments = " ".join(command).split()
    arguments = [word.replace("edge_runtime", str(REPOSITORY / "edge_runtime")) for word in arguments]
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--seconds", "3"]) == 0
    moved = re.search(r"joints moved by +(\d+), (\d+) us", capsys.readouterr().out)
    assert moved is not None
    assert all(int(us) > 50 for us in moved.groups())


def test_its_servos_are_turned_by_the_command_of_step_3(tmp_path: Path) -> None:
    (tmp_path / "claw.toml").write_text(CLAW)
    (words,) = re.findall(r"`neurograsp (hand teach .* --profile claw.toml)` asks", PAGE)
    trace = tmp_path / "trace.csv"
    with SimulatedHand(trace, tmp_path / "claw.toml") as hand:
        command = [sys.executable, "-m", "neurograsp.edge_runtime.cli"]
        command += words.replace("/dev/ttyACM0", hand.url).split()
        pipe = subprocess.PIPE
        with subprocess.Popen([*command, "--yes"], cwd=tmp_path, stdin=pipe, stdout=pipe) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            while b"stand still" not in program.stdout.readline():
                pass
            program.stdin.write(b"h")
            program.stdin.flush()
            until = time.monotonic() + 10
            while read_trace(trace)[-1].joints_us != (1496, 1500) and time.monotonic() < until:
                time.sleep(0.02)
            program.communicate(b"q")
    assert program.returncode == 0
    pulses = [row.joints_us for row in read_trace(trace) if any(row.joints_us)]
    assert abs(pulses[0][0] - 1500) <= 1, "at rest, or the first step away from it"
    assert pulses[-1] == (1496, 1500)
