"""Registers of Robotiq's 2F-85, 2F-140 and Hand-E: places and meanings, nothing else.

Source: Robotiq, "2F-85 & 2F-140 Instruction Manual", 4.4 to 4.7. Nothing here is kept without power.
"""

ACTION_REQUEST = 0x03E8
"""To write: rACT and rGTO, options; then those of `GOAL_REQUEST`."""
GOAL_REQUEST = 0x03E9
"""To write: options, rPR; rSP, rFR."""
GRIPPER_STATUS = 0x07D0
"""Three to read: gACT, gGTO, gSTA and gOBJ, reserved; gFLT and kFLT, gPR; gPO, current."""
REGISTERS = 3

ACTIVATE = 0x01
GO_TO = 0x08
MAX_POSITION = 255
"""rPR and gPO: 0 is open, 255 closed."""

STATE_SHIFT = 4
STATE_MASK = 0x03
ACTIVATED = 3
"""gSTA; 0 is reset, 1 means that activation is under way."""

NO_COMMUNICATION = 0x09
"""gFLT: for at least 1 s. Over as soon as it is heard."""
NOT_ACTIVATED = frozenset({0x05, 0x07})
"""gFLT: an action before activation, or before its end."""
FAULTS = {
    0x08: "too hot",
    0x0A: "undervoltage",
    0x0B: "automatic release under way",
    0x0C: "internal fault",
    0x0D: "activation failed, perhaps something was in its way",
    0x0E: "overcurrent",
    0x0F: "automatic release done",
}
