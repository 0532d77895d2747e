"""Lines to and from a Brunel hand. I/O-free.

The hand repeats each line that it takes, and then says what it did, in several lines. An answer here is what
such a block says. Nothing guards a line: that the hand repeats it rightly is the only check there is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from neurograsp.firmware_bridge.hands.brunel.commands import (
    CLOSED_ADC,
    DIAGNOSTICS,
    FINGER,
    FINGERS,
    OPEN_ADC,
    PERCENT,
    POSITIONS,
    SPEED,
    TROUBLE,
)

MAX_LINE = 200
_TEXT = re.compile(rb"[\t -~]*")
_REPEATED = re.compile(r"[FA#]\d*( [A-Z]\d+)*")
_CSV = re.compile(rf"(?:-?\d{{1,5}},){{{FINGERS}}}")
_FIRMWARE = re.compile(r"Beetroot V(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Moved:
    """Attributes:
    line: as the hand repeated it.
    finger, percent: what it says it does.
    """

    line: str
    finger: int
    percent: int


@dataclass(frozen=True, slots=True)
class Positions:
    """Attributes:
    percent: where the fingers are, by their number.
    """

    percent: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Attributes:
    firmware: version; (0, 0, 0) where it is not Beetroot's.
    mode: in which it moves by itself; "None".
    errors: what is wrong; empty when nothing is.
    motors: "ENABLED" or "DISABLED".
    """

    firmware: tuple[int, int, int]
    mode: str
    errors: str
    motors: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Attributes:
    text: what the hand says, in its own words.
    """

    text: str


Answer = Moved | Positions | Diagnostics | Trouble


def finger(number: int, percent: int, speed: int | None = None) -> bytes:
    """Send a finger to a position; `speed` (1 to 255) stays until another is given.

    Raises:
        ValueError: no such finger or position.
    """
    if not (0 <= number < FINGERS and 0 <= percent <= PERCENT):
        raise ValueError(f"finger {number} to {percent} %")
    return (FINGER.format(number, percent) + ("" if speed is None else SPEED.format(speed)) + "\n").encode()


POSITIONS_QUESTION = f"{POSITIONS}\n".encode()
DIAGNOSTICS_QUESTION = f"{DIAGNOSTICS}\n".encode()


class LineParser:
    """Bytes to answers; memory is bounded.

    Attributes:
        broken: lines that are no text or too long.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._repeated = ""
        self._numbers: dict[str, int] = {}
        self._firmware = (0, 0, 0)
        self._mode: str | None = None
        self._errors = ""
        self.broken = 0

    @property
    def begun(self) -> bool:
        """Part of an answer has come, and not all of it."""
        return bool(self._rest or self._repeated or self._mode is not None)

    def forget(self) -> None:
        """Drop half an answer that will never be completed."""
        self._rest.clear()
        self._close()

    def feed(self, data: bytes) -> Iterator[Answer]:
        """The answers that `data` completes."""
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = bytearray(rest)
        if len(self._rest) > MAX_LINE:
            self.broken += 1
            self._rest.clear()
        for line in lines:
            answer = self._line(bytes(line).rstrip(b"\r"))
            if answer is not None:
                yield answer

    def _line(self, raw: bytes) -> Answer | None:
        if len(raw) > MAX_LINE or not _TEXT.fullmatch(raw):
            self.broken += 1
            return None
        text = raw.decode("ascii")
        label, tab, value = text.partition("\t")
        if tab:
            return self._said(label, value.strip("\t"))
        if text.startswith(TROUBLE):
            return Trouble(text)
        if _REPEATED.fullmatch(text):
            self._close()
            self._repeated = text
        elif _CSV.fullmatch(text):
            self._close()
            return Positions(tuple(map(_percent, text.split(",")[:FINGERS])))
        return None

    def _said(self, label: str, value: str) -> Answer | None:
        """A line of a block, and the whole block where it is the last."""
        if label == "Errors:":  # where there are none the next line begins in this one
            self._errors, mode, value = value.partition("Mode:\t")
            label = "Mode:" if mode else ""
        if label in ("Finger: ", "Position:"):
            self._numbers[label] = int(value) if value.isdecimal() else -1
        elif label == "FW:" and (match := _FIRMWARE.fullmatch(value)):
            major, minor, patch = match.groups()
            # Older firmware says 1.04 for 1.0.4.
            self._firmware = (int(major), int(minor), int(patch)) if patch else (int(major), 0, int(minor))
        elif label == "Mode:":
            self._mode = value
        elif label == "Speed:" and len(self._numbers) == 2:
            moved = Moved(self._repeated, self._numbers["Finger: "], self._numbers["Position:"])
            self._close()
            return moved
        elif label == "Motors:" and self._mode is not None:
            diagnostics = Diagnostics(self._firmware, self._mode, self._errors.strip(), value)
            self._close()
            return diagnostics
        return None

    def _close(self) -> None:
        self._repeated, self._numbers = "", {}
        self._firmware, self._mode, self._errors = (0, 0, 0), None, ""


def _percent(adc: str) -> int:
    way = round(PERCENT * (int(adc) - OPEN_ADC) / (CLOSED_ADC - OPEN_ADC))
    return min(max(way, 0), PERCENT)
