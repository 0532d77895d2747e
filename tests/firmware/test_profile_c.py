"""The C that is made from profiles: up to date, and saying the same."""

import ctypes
import re
from dataclasses import replace
from pathlib import Path

import pytest
from core_bench import compile_c

from neurograsp.firmware_bridge import payloads, profile_file, profiles
from neurograsp.firmware_bridge.host_firmware import FIRMWARE
from neurograsp.firmware_bridge.profile_c import profile_c, shipped_c, symbol
from neurograsp.firmware_bridge.profiles import LIMP_NEVER, Profile, load_profile, shipped_profiles
from neurograsp.firmware_bridge.protocol import HandAction

ACTIONS = len(HandAction)
NAMES = sorted(path.name for path in FIRMWARE.glob("src/hand_profile*") if path.name != "hand_profile.h")


class CJoint(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint16) for name in ("min_us", "max_us", "rate_us", "rest_us")]


class CProfile(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 16),
        ("joints", ctypes.c_uint8),
        ("features", ctypes.c_uint8),
        *(
            (name, ctypes.c_uint16)
            for name in ("watchdog_ms", "limp_ms", "max_ttl_ms", "stall_ms", "battery_ms")
        ),
        ("actions", ctypes.c_uint32),
        ("joint", CJoint * payloads.MAX_JOINTS),
        ("pose", ctypes.c_uint16 * payloads.MAX_JOINTS * ACTIONS),
    ]


def widest() -> Profile:
    """Everything at its largest."""
    joint = profiles.Joint("fifteen_letters", 600, 2400, profiles.MAX_RATE_US, 2400, True)
    poses = {action: (2400,) * payloads.MAX_JOINTS for action in HandAction if action is not HandAction.HOLD}
    poses[HandAction.HOLD] = (profiles.KEEP,) * payloads.MAX_JOINTS
    joints = (joint,) * payloads.MAX_JOINTS
    return Profile("fifteen_letters", "/* */ \\", joints, poses, 1000, LIMP_NEVER, 60000, 10000, 10000)


def test_the_files_in_the_firmware_are_up_to_date() -> None:
    files = shipped_c()
    assert sorted(files) == NAMES
    for name, text in files.items():
        assert (FIRMWARE / "src" / name).read_text() == text, "python -m neurograsp.firmware_bridge.profile_c"


@pytest.mark.parametrize(
    "profile",
    [
        *map(load_profile, shipped_profiles()),
        widest(),
        replace(load_profile("gripper"), limp_ms=0, stall_ms=0, battery_ms=0),
    ],
    ids=lambda profile: profile.name,
)
def test_c_says_the_same(profile: Profile, tmp_path: Path) -> None:
    source = tmp_path / f"{symbol(profile)}.c"
    source.write_text(profile_c(profile))
    library = ctypes.CDLL(str(compile_c([source], tmp_path / "profile.so", "-shared", "-fPIC")))
    c = CProfile.in_dll(library, symbol(profile))
    for name in ("watchdog_ms", "limp_ms", "max_ttl_ms", "stall_ms", "battery_ms"):
        assert getattr(c, name) == getattr(profile, name)
    assert (c.name.decode(), c.joints, c.features) == (profile.name, len(profile.joints), 0)
    assert c.actions == sum(1 << action for action in profile.actions)
    for in_c, joint in zip(c.joint, profile.joints):
        for name in ("min_us", "max_us", "rate_us", "rest_us"):
            assert getattr(in_c, name) == getattr(joint, name)
    for action, pose in profile.poses.items():
        assert tuple(c.pose[action][: c.joints]) == pose


def test_bounds_are_those_of_the_core() -> None:
    header = (FIRMWARE / "src" / "hand_profile.h").read_text()
    for name, value in {
        "MAX_JOINTS": payloads.MAX_JOINTS,
        "NAME_MAX": profile_file.NAME_MAX,
        "FRAME_MS": profiles.FRAME_MS,
        "PULSE_MIN_US": profiles.PULSE_US[0],
        "PULSE_MAX_US": profiles.PULSE_US[1],
        "WATCHDOG_MIN_MS": profiles.WATCHDOG_MS[0],
        "WATCHDOG_MAX_MS": profiles.WATCHDOG_MS[1],
        "KEEP": profiles.KEEP,
        "LIMP_NEVER": LIMP_NEVER,
    }.items():
        assert int(header.partition(f"#define HAND_{name} ")[2].split("u")[0], 0) == value


def test_no_profile_has_the_name_of_a_function() -> None:
    sources = "".join(path.read_text() for path in FIRMWARE.rglob("*.[ch]"))
    functions = set(re.findall(r"\bhand_profile_(\w+)\(", sources))
    assert functions == set(profiles._TAKEN)
