"""Numbers of the Firmata protocol, nothing else.

Source: github.com/firmata/protocol (protocol.md, servos.md), version 2.5.
"""

ANALOG = 0xE0
"""A value for one of the pins 0 to 15, which is in the low half of the byte."""
DIGITAL = 0x90
REPORT_ANALOG = 0xC0
REPORT_DIGITAL = 0xD0
START_SYSEX = 0xF0
PIN_MODE = 0xF4
PIN_VALUE = 0xF5
END_SYSEX = 0xF7
VERSION = 0xF9

CAPABILITY_QUERY = 0x6B
CAPABILITIES = 0x6C
STATE_QUERY = 0x6D
STATE = 0x6E
EXTENDED_ANALOG = 0x6F
"""A value for any pin."""
SERVO_CONFIG = 0x70
STRING = 0x71
FIRMWARE = 0x79

MODE_OUTPUT, MODE_SERVO = 1, 4
END_OF_PIN = 0x7F
"""In `CAPABILITIES`."""
LAST_SHORT_PIN = 15

PULSE_US = (600, 2400)
"""What a servo may be told. A value below 544 would be an angle (Arduino's Servo library)."""
BOARD_LOW_US, BOARD_HIGH_US = 1052, 1892
"""How narrow a board's own limits can be. Arduino's Servo library keeps them as distances from 544 and from
2400 us, each in a byte with a sign, in steps of 4 us: what is narrower wraps around."""
