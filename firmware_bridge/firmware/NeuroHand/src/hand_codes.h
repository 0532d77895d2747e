/* Every number that means something on the wire. protocol.py has the same names; a test compares the two. */
#ifndef HAND_CODES_H
#define HAND_CODES_H

#define HAND_VERSION 1u
#define HAND_VERSION_MIN 1u
#define HAND_VERSION_MAX 1u

#define HAND_FIRMWARE_MAJOR 0u
#define HAND_FIRMWARE_MINOR 1u

/* The top bit marks what the hand sends; the hand ignores such frames, so an echoing line is harmless. */
#define HAND_FROM_HAND 0x80u

enum hand_message_type {
    HAND_MESSAGE_HELLO = 0x01,
    HAND_MESSAGE_CONFIG = 0x02,
    HAND_MESSAGE_ARM = 0x03,
    HAND_MESSAGE_BEAT = 0x04,
    HAND_MESSAGE_ACTION = 0x05,
    HAND_MESSAGE_JOINTS = 0x06,
    HAND_MESSAGE_STOP = 0x07,
    HAND_MESSAGE_CLEAR = 0x08,
    HAND_MESSAGE_GET = 0x09,
    HAND_MESSAGE_CAPS = 0x81,
    HAND_MESSAGE_ACK = 0x82,
    HAND_MESSAGE_NACK = 0x83,
    HAND_MESSAGE_STATE = 0x84,
    HAND_MESSAGE_EVENT = 0x85,
    HAND_MESSAGE_LIMITS = 0x86
};

enum hand_state {
    HAND_STATE_BOOT = 0,
    HAND_STATE_IDLE = 1,
    HAND_STATE_ARMED = 2,
    HAND_STATE_MOVING = 3,
    HAND_STATE_HOLD = 4,
    HAND_STATE_FAILSAFE = 5,
    HAND_STATE_ESTOP = 6
};

#define HAND_STATES 7u

enum hand_fault {
    HAND_FAULT_NONE = 0,
    HAND_FAULT_LINK_SILENT = 1,
    HAND_FAULT_ESTOP_INPUT = 2,
    HAND_FAULT_STALLED = 3,
    HAND_FAULT_BATTERY_LOW = 4,
    HAND_FAULT_DEVICE = 5 /* a servo's own; of hands that a driver of the host moves, never of this core */
};

enum hand_nack_code {
    HAND_NACK_NONE = 0, /* never sent */
    HAND_NACK_VERSION = 1,
    HAND_NACK_SESSION = 2,
    HAND_NACK_SEQUENCE = 3,
    HAND_NACK_TYPE = 4,
    HAND_NACK_LENGTH = 5,
    HAND_NACK_VALUE = 6,
    HAND_NACK_UNSUPPORTED = 7,
    HAND_NACK_NOT_ARMED = 8,
    HAND_NACK_ARMED = 9,
    HAND_NACK_LATCHED = 10,
    HAND_NACK_ESTOP = 11,
    HAND_NACK_BATTERY = 12,
    HAND_NACK_STALLED = 13
};

enum hand_action {
    HAND_ACTION_HOLD = 0,
    HAND_ACTION_REST = 1,
    HAND_ACTION_OPEN = 2,
    HAND_ACTION_REACH = 3,
    HAND_ACTION_TOUCH = 4,
    HAND_ACTION_GRIP = 5,
    HAND_ACTION_LIFT = 6,
    HAND_ACTION_REPLACE = 7,
    HAND_ACTION_RELEASE = 8,
    HAND_ACTION_FIST = 9,
    HAND_ACTION_WRIST_FLEX = 10,
    HAND_ACTION_WRIST_EXTEND = 11,
    HAND_ACTION_WRIST_RADIAL = 12,
    HAND_ACTION_WRIST_ULNAR = 13,
    HAND_ACTION_WRIST_PRONATE = 14,
    HAND_ACTION_WRIST_SUPINATE = 15
};

#define HAND_ACTIONS 16u
#define HAND_ACTION_JOINTS 0xFFu /* in STATE only: joint targets of a JOINTS frame */

enum hand_event {
    HAND_EVENT_STATE_CHANGED = 1, /* detail: the state left */
    HAND_EVENT_ACTION_EXPIRED = 2, /* detail: the action that ran out of time */
    HAND_EVENT_OUTPUTS = 3 /* detail: 1 attached, 0 detached */
};

enum hand_topic {
    HAND_TOPIC_STATE = 0,
    HAND_TOPIC_CAPS = 1,
    HAND_TOPIC_LIMITS = 2
};

/* Bits of STATE.flags. */
#define HAND_FLAG_ATTACHED 0x01u
#define HAND_FLAG_ESTOP_PRESSED 0x02u
#define HAND_FLAG_STALL 0x04u
#define HAND_FLAG_BATTERY_LOW 0x08u
#define HAND_FLAG_WATCHDOG_RESET 0x10u
#define HAND_FLAG_BROWN_OUT_RESET 0x20u

/* Bits of CAPS.features. */
#define HAND_FEATURE_ESTOP_INPUT 0x01u
#define HAND_FEATURE_FORCE 0x02u
#define HAND_FEATURE_FEEDBACK 0x04u
#define HAND_FEATURE_STALL_INPUT 0x08u
#define HAND_FEATURE_BATTERY_INPUT 0x10u
#define HAND_FEATURE_HARDWARE_WATCHDOG 0x20u

#endif
