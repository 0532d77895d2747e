"""Memory of Feetech's servos: addresses and sizes in bytes, nothing else.

Sources: Feetech, memory tables of the STS/SMS and SCSCL series (doc.feetech.cn); lerobot's
`motors/feetech/tables.py` has the same numbers. Below `FIRST_RAM` lies EEPROM, which is never written here.
"""

from dataclasses import dataclass
from typing import Literal

FIRST_RAM = 40


@dataclass(frozen=True, slots=True)
class Register:
    """Attributes:
    address: of the first byte.
    size: 1 or 2 bytes.
    """

    address: int
    size: int


MODEL_NUMBER = Register(3, 2)
LOWEST_POSITION = Register(9, 2)
HIGHEST_POSITION = Register(11, 2)
TORQUE_ENABLE = Register(40, 1)
GOAL_POSITION = Register(42, 2)
GOAL_TIME = Register(44, 2)
GOAL_SPEED = Register(46, 2)
PRESENT_POSITION = Register(56, 2)
PRESENT_VOLTAGE = Register(62, 1)
PRESENT_TEMPERATURE = Register(63, 1)
STATUS = Register(65, 1)

STATUS_BITS = {1: "voltage out of range", 2: "angle sensor", 4: "too hot", 8: "overcurrent", 32: "overload"}


@dataclass(frozen=True, slots=True)
class Series:
    """One family of servos.

    Attributes:
        name: as Feetech calls it.
        order: of the bytes of a register of two.
        counts: of one turn, or of the whole way.
        mode: 0 of positions; 1 to 3 turn without end, or go on by each goal. None where equal limits do that.
        torque_limit: 0 to 1000 thousandths; None where it is in EEPROM only.
        sign_bit: of positions, which are sign and magnitude; None where they are never negative.
        models: numbers in MODEL_NUMBER, in the order of the series, and their names.
    """

    name: str
    order: Literal["little", "big"]
    counts: int
    mode: Register | None
    torque_limit: Register | None
    sign_bit: int | None
    models: dict[int, str]


STS = Series(
    "STS/SMS",
    "little",
    4096,
    Register(33, 1),
    Register(48, 2),
    15,
    {777: "STS3215", 2825: "STS3250", 11272: "SM8512BL"},
)
SCS = Series("SCS", "big", 1024, None, None, None, {1284: "SCS0009"})
"""At address 48, where STS has its torque limit, lies the lock of the EEPROM."""
