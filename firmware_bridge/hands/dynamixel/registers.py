"""Control table of Dynamixel X servos (XL330, XC330, XL430, XM430 ...): addresses, sizes, nothing else.

Source: ROBOTIS e-Manual, "X series, control table" and "Bus Watchdog". Below `FIRST_RAM` lies EEPROM, which
is never written here.
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
    1060: "XL430-W250",
    1020: "XM430-W350",
    1030: "XM430-W210",
    1120: "XM540-W270",
    1190: "XL330-M077",
    1200: "XL330-M288",
    1210: "XC330-M181",
    1220: "XC330-M288",
}
