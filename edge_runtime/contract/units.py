"""What voltages are called, and the count that stands for numbers that come as voltages."""

LSB_UV = 0.01
"""Finer than the steps of common amplifiers (0.02 to 0.5 uV), so that what rounding adds is below their
noise, and 28 bits hold more than a volt."""

UV_PER_UNIT = {
    **dict.fromkeys(("nv", "nanovolt", "nanovolts"), 1e-3),
    **dict.fromkeys(("uv", "\u00b5v", "\u03bcv", "microvolt", "microvolts"), 1.0),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), 1e3),
    **dict.fromkeys(("v", "volt", "volts"), 1e6),
}
"""By the unit's name in small letters."""
