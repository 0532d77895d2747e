"""The protocols whose traffic can be read, by what a capture calls them. A driver adds a line here."""

from collections.abc import Callable

from neurograsp.firmware_bridge.hands.ability_hand.traffic import AbilityHandReader
from neurograsp.firmware_bridge.hands.brunel.traffic import BrunelReader
from neurograsp.firmware_bridge.hands.dynamixel.traffic import DynamixelReader
from neurograsp.firmware_bridge.hands.feetech.registers import SCS, STS
from neurograsp.firmware_bridge.hands.feetech.traffic import FeetechReader
from neurograsp.firmware_bridge.hands.firmata.traffic import FirmataReader
from neurograsp.firmware_bridge.hands.inspire.traffic import InspireReader
from neurograsp.firmware_bridge.hands.lx16a.traffic import Lx16aReader
from neurograsp.firmware_bridge.hands.robotiq.traffic import RobotiqReader
from neurograsp.firmware_bridge.sniff.own_firmware import FirmwareReader
from neurograsp.firmware_bridge.sniff.pieces import Reader

OWN_FIRMWARE = "neurohand"

READERS: dict[str, Callable[[], Reader]] = {
    OWN_FIRMWARE: FirmwareReader,
    "ability_hand": AbilityHandReader,
    "brunel": BrunelReader,
    "dynamixel": DynamixelReader,
    "feetech_scs": lambda: FeetechReader(SCS),
    "feetech_sts": lambda: FeetechReader(STS),
    "firmata": FirmataReader,
    "inspire_rh56": InspireReader,
    "lx16a": Lx16aReader,
    "robotiq": RobotiqReader,
}
"""Of devices the name is that of `device` in their profile."""
