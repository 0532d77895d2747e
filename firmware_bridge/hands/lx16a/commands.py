"""Commands of Hiwonder's LX servos (LX-16A, LX-15D, LX-224, HTD): numbers and sizes, nothing else.

Source: LewanSoul/Hiwonder, "LX-16A Bus Servo Communication Protocol". Commands that are saved when the power
goes (id, offset, limits, LED) are not here, since they are never written.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """Attributes:
    number: of the command.
    size: of its parameters, or of those of its answer, bytes.
    """

    number: int
    size: int


MOVE_TIME_WRITE = Command(1, 4)
"""Position, then the time to be there: 0 to 30,000 ms, 0 as fast as it can."""
LOAD_OR_UNLOAD_WRITE = Command(31, 1)

MOVE_TIME_READ = Command(2, 4)
"""What MOVE_TIME_WRITE wrote last."""
ID_READ = Command(14, 1)
VOLTAGE_LIMITS_READ = Command(23, 4)
TEMPERATURE_LIMIT_READ = Command(25, 1)
TEMPERATURE_READ = Command(26, 1)
VOLTAGE_READ = Command(27, 2)
POSITION_READ = Command(28, 2)
MODE_READ = Command(30, 4)
LOAD_OR_UNLOAD_READ = Command(32, 1)

WRITES = frozenset({MOVE_TIME_WRITE, LOAD_OR_UNLOAD_WRITE})

MAX_POSITION = 1000
"""240 degrees."""
POSITION_MODE = 0
