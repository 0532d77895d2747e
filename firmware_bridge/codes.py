"""Every number that means something on the wire; `firmware/NeuroHand/src/hand_codes.h` has the same names."""

from enum import IntEnum, IntFlag


class MessageType(IntEnum):
    """Second byte of a frame; the top bit marks what the hand sends."""

    HELLO = 0x01
    CONFIG = 0x02
    ARM = 0x03
    BEAT = 0x04
    ACTION = 0x05
    JOINTS = 0x06
    STOP = 0x07
    CLEAR = 0x08
    GET = 0x09
    CAPS = 0x81
    ACK = 0x82
    NACK = 0x83
    STATE = 0x84
    EVENT = 0x85
    LIMITS = 0x86


class HandState(IntEnum):
    """State of the firmware; FAILSAFE and ESTOP latch."""

    BOOT = 0
    IDLE = 1
    ARMED = 2
    MOVING = 3
    HOLD = 4
    FAILSAFE = 5
    ESTOP = 6

    @property
    def armed(self) -> bool:
        """The hand obeys ACTION and JOINTS."""
        return self in (HandState.ARMED, HandState.MOVING, HandState.HOLD)

    @property
    def latched(self) -> bool:
        """Only a new session and ARM lead out."""
        return self in (HandState.FAILSAFE, HandState.ESTOP)


class Fault(IntEnum):
    """Why the hand latched."""

    NONE = 0
    LINK_SILENT = 1
    ESTOP_INPUT = 2
    STALLED = 3
    BATTERY_LOW = 4
    DEVICE = 5


class NackCode(IntEnum):
    """Why the hand refused a request."""

    VERSION = 1
    SESSION = 2
    SEQUENCE = 3
    TYPE = 4
    LENGTH = 5
    VALUE = 6
    UNSUPPORTED = 7
    NOT_ARMED = 8
    ARMED = 9
    LATCHED = 10
    ESTOP = 11
    BATTERY = 12
    STALLED = 13


class HandAction(IntEnum):
    """What a hand can be asked to do; a hand's CAPS say which of these it has."""

    HOLD = 0
    REST = 1
    OPEN = 2
    REACH = 3
    TOUCH = 4
    GRIP = 5
    LIFT = 6
    REPLACE = 7
    RELEASE = 8
    FIST = 9
    WRIST_FLEX = 10
    WRIST_EXTEND = 11
    WRIST_RADIAL = 12
    WRIST_ULNAR = 13
    WRIST_PRONATE = 14
    WRIST_SUPINATE = 15


class EventKind(IntEnum):
    """What happened at the hand."""

    STATE_CHANGED = 1
    ACTION_EXPIRED = 2
    OUTPUTS = 3


class Topic(IntEnum):
    """What GET asks for."""

    STATE = 0
    CAPS = 1
    LIMITS = 2


class StateFlag(IntFlag):
    """Bits of STATE.flags."""

    ATTACHED = 0x01
    ESTOP_PRESSED = 0x02
    STALL = 0x04
    BATTERY_LOW = 0x08
    WATCHDOG_RESET = 0x10
    BROWN_OUT_RESET = 0x20


class Feature(IntFlag):
    """Bits of CAPS.features: what the device has, and so can promise."""

    ESTOP_INPUT = 0x01
    FORCE = 0x02
    FEEDBACK = 0x04
    STALL_INPUT = 0x08
    BATTERY_INPUT = 0x10
    HARDWARE_WATCHDOG = 0x20


class HandInput(IntFlag):
    """Inputs of the hand's board that may be active."""

    ESTOP = 0x01
    STALL = 0x02
    BATTERY_LOW = 0x04
