"""Profiles of devices: what ships, and what a kind of device does not leave to its profile."""

import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.hands.device_profile import (
    DEVICE_PROFILES,
    load_device,
    parse_device,
    shipped_devices,
)
from neurograsp.firmware_bridge.hands.open_device import open_device

GRASPS = {"REST", "OPEN", "REACH", "TOUCH", "GRIP", "LIFT", "REPLACE", "RELEASE"}


def changed(name: str, old: str, new: str) -> bytes:
    text = (DEVICE_PROFILES / f"{name}.toml").read_text()
    assert old in text
    return text.replace(old, new).encode()


@pytest.mark.parametrize("name", shipped_devices())
def test_what_ships_fits_the_grasp_and_lift_bundle(name: str) -> None:
    profile = load_device(name)
    assert profile.name == name
    assert {action.name for action in profile.actions} >= GRASPS


def test_counts_of_an_ability_hand_may_be_negative() -> None:
    rotator = load_device("ability_hand").joints[5]
    assert (rotator.low, rotator.high, rotator.id) == (-7000, -1000, 5)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("sts_fingers", "open = 1536", "open = -1", "joints.thumb.open is -1, must be 0 to 4095 counts"),
        ("sts_fingers", "open = 1536", "open = 4096", "joints.thumb.open is 4096, must be 0 to 4095"),
        ("scs_fingers", "closed = 664", "closed = 1024", "joints.thumb.closed is 1024, must be 0 to 1023"),
        ("xl330_fingers", "open = 1536", "open = 4096", "joints.thumb.open is 4096, must be 0 to 4095"),
        (
            "ability_hand",
            "closed = -7000",
            "closed = -15001",
            "joints.rotator.closed is -15001, must be -15000",
        ),
        ("ability_hand", "id = 5", "id = 6", "is driven as a whole; name all of it, ids 0 to 5"),
        ("ability_hand", "[policy]", "baud = 300\n[policy]", "baud is 300, must be 1200 to 4000000"),
        ("ability_hand", "[policy]", "address = 256\n[policy]", "address is 256, must be 0 to 255"),
        (
            "sts_fingers",
            "[policy]",
            "address = 1\n[policy]",
            "address: a feetech_sts has none; what a joint has",
        ),
        (
            "inspire_rh56",
            "closed = 700",
            "closed = 1001",
            "joints.rotation.closed is 1001, must be 0 to 1000",
        ),
        ("sts_fingers", "TOUCH   = 30", "TUCH = 30", "speeds: 'TUCH' is none of the actions; did you mean"),
        ("sts_fingers", "TOUCH   = 30", "TOUCH = 0", "speeds.TOUCH is 0, must be 1 to 100 % of the joints'"),
        ("inspire_rh56", 'limp = "never"', "limp = 2000", 'cannot let go; say limp = "never"'),
    ],
)
def test_what_a_kind_does_not_leave_to_its_profile(name: str, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_device(changed(name, old, new), "mine.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@contextmanager
def a_port() -> Iterator[tuple[str, int]]:
    end, other_end = os.openpty()
    tty.setraw(end)
    try:
        yield os.ttyname(other_end), other_end
    finally:
        os.close(end)
        os.close(other_end)


@pytest.mark.parametrize(
    ("name", "usual"),
    [("ability_hand", termios.B460800), ("inspire_rh56", termios.B115200), ("sts_fingers", termios.B1000000)],
)
def test_the_line_has_the_baud_rate_of_the_maker_or_of_the_profile(name: str, usual: int) -> None:
    slower = changed(name, "[policy]", "baud = 57600\n[policy]")
    for profile, speed in ((load_device(name), usual), (parse_device(slower, "mine.toml"), termios.B57600)):
        with a_port() as (port, descriptor):
            device = open_device(profile, port)
            assert termios.tcgetattr(descriptor)[5] == speed
            device.close()
