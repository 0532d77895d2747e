"""Control table of Dynamixel X servos (XL330, XC330, XL430, XM430 ...): addresses, sizes, nothing else.

Sources: ROBOTIS e-Manual, "X series, control table" and "Bus Watchdog"; of the models their Dynamixel2Arduino
(`actuator.h`). Below `FIRST_RAM` lies EEPROM, which is never written here.
"""

from dataclasses import dataclass

FIRST_RAM = 64
COUNTS = 4096
"""Of one turn."""


@dataclass(frozen=True, slots=True)
class Register:
    """Attributes:
    address: of the first byte.
    size: 1, 2 or 4 bytes, the lowest first.
    """

    address: int
    size: int


MODEL_NUMBER = Register(0, 2)
OPERATING_MODE = Register(11, 1)
TORQUE_ENABLE = Register(64, 1)
HARDWARE_ERROR = Register(70, 1)
BUS_WATCHDOG = Register(98, 1)
GOAL_POSITION = Register(116, 4)
PRESENT_POSITION = Register(132, 4)
PRESENT_TEMPERATURE = Register(146, 1)

WATCHDOG_UNIT_S = 0.02
WATCHDOG_TRIGGERED = 0xFF
"""What BUS_WATCHDOG reads after it stopped the servo: goals are refused until 0 is written."""

POSITION_MODES = {3: "position", 4: "extended position", 5: "current-based position"}

HARDWARE_ERRORS = {
    1: "input voltage",
    4: "too hot",
    8: "encoder",
    16: "electrical shock",
    32: "overload",
}

MODELS = {
    1000: "XH430-W350",
    1001: "XD430-T350",
    1010: "XH430-W210",
    1011: "XD430-T210",
    1020: "XM430-W350",
    1030: "XM430-W210",
    1040: "XH430-V350",
    1050: "XH430-V210",
    1060: "XL430-W250",
    1070: "XC430-W150",
    1080: "XC430-W240",
    1090: "2XL430-W250",
    1100: "XH540-W270",
    1101: "XD540-T270",
    1110: "XH540-W150",
    1111: "XD540-T150",
    1120: "XM540-W270",
    1130: "XM540-W150",
    1140: "XH540-V270",
    1150: "XH540-V150",
    1160: "2XC430-W250",
    1170: "XW540-T260",
    1180: "XW540-T140",
    1190: "XL330-M077",
    1200: "XL330-M288",
    1210: "XC330-T181",
    1220: "XC330-T288",
    1230: "XC330-M181",
    1240: "XC330-M288",
    1270: "XW430-T333",
    1280: "XW430-T200",
}
"""Whose table this is. An XL320's and a P's are others: what is written there would be something else."""
