"""Memory of Inspire's RH56 hands: addresses, sizes in bytes, meanings, nothing else.

Source: Inspire Robots, RH56DFX user manual (V1.09); the PyPI package `pyrh56` has the same numbers. Joints
come in the hand's order: little 0, ring 1, middle 2, index 3, thumb bend 4, thumb rotation 5. What the hand
keeps in flash (id, baud rate, defaults, below `FIRST_RUNTIME`) is never written.
"""

from dataclasses import dataclass

JOINTS = 6
FIRST_RUNTIME = 1474
HAND_ID = 1
"""As Inspire delivers them."""
COUNTS = 1000
"""An angle: 0 bent, 1000 open. A force: grams. A speed: 1000 is the whole way in 0.8 s."""


@dataclass(frozen=True, slots=True)
class Register:
    """One value of every joint.

    Attributes:
        address: of the first byte.
        size: of a joint's value, 1 or 2 bytes, the low one first.
    """

    address: int
    size: int

    @property
    def length(self) -> int:
        """Bytes of all joints."""
        return self.size * JOINTS


ANGLE_SET = Register(1486, 2)
FORCE_SET = Register(1498, 2)
SPEED_SET = Register(1522, 2)
ANGLE_ACT = Register(1546, 2)
ERROR = Register(1606, 1)
STATUS = Register(1612, 1)
TEMPERATURE = Register(1618, 1)

ERROR_BITS = {1: "locked rotor", 2: "too hot", 4: "overcurrent", 8: "motor abnormal", 16: "communication"}
STOPPED = {5: "stopped by overcurrent", 6: "stopped by a locked rotor", 7: "stopped by a fault"}
"""Of `STATUS`; 0 to 3 are opening, closing, arrived, force reached."""
