"""Which driver a device profile wants."""

import time
from collections.abc import Callable

from neurograsp.firmware_bridge.hands.ability_hand import driver as ability_hand
from neurograsp.firmware_bridge.hands.brunel import driver as brunel
from neurograsp.firmware_bridge.hands.device_profile import DeviceProfile, Kind
from neurograsp.firmware_bridge.hands.dynamixel import driver as dynamixel
from neurograsp.firmware_bridge.hands.feetech import driver as feetech
from neurograsp.firmware_bridge.hands.feetech.registers import SCS, STS
from neurograsp.firmware_bridge.hands.firmata import driver as firmata
from neurograsp.firmware_bridge.hands.hand import Device
from neurograsp.firmware_bridge.hands.inspire import driver as inspire
from neurograsp.firmware_bridge.hands.lx16a import driver as lx16a
from neurograsp.firmware_bridge.hands.robotiq import driver as robotiq
from neurograsp.firmware_bridge.transports import Transport, open_transport

USUAL_BAUD: dict[Kind, int] = {
    "ability_hand": ability_hand.BAUD,
    "brunel": brunel.BAUD,
    "dynamixel": dynamixel.BAUD,
    "feetech_scs": feetech.BAUD,
    "feetech_sts": feetech.BAUD,
    "firmata": firmata.BAUD,
    "inspire_rh56": inspire.BAUD,
    "lx16a": lx16a.BAUD,
    "robotiq": robotiq.BAUD,
}
"""As the makers deliver them."""


def open_device(profile: DeviceProfile, url: str) -> Device:
    """The driver of `profile` on an open port; nothing has been said to the device yet.

    Raises:
        PortError: see `SerialTransport`.
    """
    return driver_of(profile, open_transport(url, profile.baud or USUAL_BAUD[profile.kind]))


def driver_of(
    profile: DeviceProfile,
    transport: Transport,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Device:
    """The driver of `profile` on an open transport."""
    ids = [joint.id for joint in profile.joints]
    limits = [(joint.low, joint.high) for joint in profile.joints]
    if profile.kind == "ability_hand":
        return ability_hand.AbilityHandDevice(transport, ids, profile.address, clock, sleep)
    if profile.kind == "inspire_rh56":
        return inspire.InspireDevice(transport, ids, profile.address, clock, sleep)
    if profile.kind == "brunel":
        return brunel.BrunelDevice(transport, ids, clock, sleep)
    if profile.kind == "firmata":
        return firmata.FirmataDevice(transport, ids, limits, clock, sleep)
    if profile.kind == "dynamixel":
        return dynamixel.DynamixelDevice(transport, ids, clock, sleep)
    if profile.kind == "lx16a":
        return lx16a.Lx16aDevice(transport, ids, clock, sleep)
    if profile.kind == "robotiq":
        return robotiq.RobotiqDevice(transport, profile.address, clock, sleep)
    series = STS if profile.kind == "feetech_sts" else SCS
    return feetech.FeetechDevice(transport, ids, series, limits, clock, sleep)
