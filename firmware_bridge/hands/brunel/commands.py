"""What Open Bionics' Beetroot, the firmware of the Brunel hand, takes and says, nothing else.

Source: github.com/Open-Bionics/Beetroot (SerialControl.cpp, Initialisation.cpp, ErrorHandling.cpp), and
FingerLib.

It looks for letters anywhere in a line. A finger without a position turns round and goes all the way (`F0`);
`A0` to `A5`, `D`, `H`, `M`, `R`, `T`, `U` and `X` change what it keeps in EEPROM, or begin a mode in which it
moves by itself: none of them is ever sent. Firmware older than 1.1.0 may take `A6` for `A5`.
"""

FINGERS = 4
"""Thumb 0, index 1, middle 2, ring and little together 3."""
PERCENT = 100
"""Of the way from open to closed."""
FULL_SPEED = 255
OPEN_ADC, CLOSED_ADC = 50, 973
"""What `A6` tells of a finger that is open, closed."""
OLDEST = (1, 1, 0)

FINGER = "F{} P{}"
SPEED = " S{}"
POSITIONS = "A6"
DIAGNOSTICS = "#"
NO_MODE = "None"
MOTORS_ON = "ENABLED"
TROUBLE = (
    *("Fatal Error ", "Error ", "Warning ", "WARNING ", "*******"),
    *("Finger Number Not Valid", "Advanced Setting Not Valid", "HANDle mode"),
)
"""How lines begin that tell of something wrong."""
