"""Every driver with its emulator, for what is asked of all of them."""

from collections.abc import Callable

import ability_hand
import beetroot_hand
import dynamixel_bus
import feetech_bus
import firmata_board
import inspire_hand
import lx16a_bus
import robotiq_gripper
from bench import Clock, EmulatedLine, Emulator

from neurograsp.firmware_bridge.hands import open_device
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device

FINGERS = range(1, 6)

EMULATORS: dict[str, Callable[[], Emulator]] = {
    "ability_hand": ability_hand.AbilityHand,
    "brunel": beetroot_hand.BrunelHand,
    "firmata_servos": lambda: firmata_board.FirmataBoard(
        {pin: firmata_board.Servo(1500) for pin in (3, 5, 6, 9, 10)}
    ),
    "inspire_rh56": inspire_hand.InspireHand,
    "lx16a_fingers": lambda: lx16a_bus.Lx16aBus({one: lx16a_bus.Servo(400) for one in FINGERS}),
    "robotiq_2f85": robotiq_gripper.Gripper,
    "scs_fingers": lambda: feetech_bus.FeetechBus(
        {one: feetech_bus.Servo("SCS0009", 400 + one) for one in FINGERS}
    ),
    "sts_fingers": lambda: feetech_bus.FeetechBus(
        {one: feetech_bus.Servo("STS3215", 1600 + one) for one in FINGERS}
    ),
    "xl330_fingers": lambda: dynamixel_bus.DynamixelBus(
        {one: dynamixel_bus.Servo(1600 + one) for one in FINGERS}
    ),
}
"""By the profile that ships for the device."""


def hand_on(line: EmulatedLine, profile: str, clock: Clock) -> DeviceHand:
    """The driver of a profile on an emulated line, on the test's clock."""
    loaded = load_device(profile)
    device = open_device.driver_of(loaded, line, clock, line.sleep)
    return DeviceHand(device, loaded, accept_no_watchdog=True, clock=clock)
