"""A Brunel hand with its firmware, after Beetroot's own source (SerialControl.cpp) and FingerLib.

Written apart from the driver: no code is shared.
"""

import re
from collections.abc import Callable

OPEN, CLOSED = 50, 973
ADC_A_SECOND = 1500
CODES = {"A": 6, "C": 1, "D": 1, "F": 4, "G": 8, "H": 3, "M": 3, "O": 1}
CODES |= {"P": 100, "R": 1, "S": 255, "T": 5000, "U": 1024, "X": 1, "#": 1, "?": 1}
BLANK = -1


class Finger:
    """One finger.

    Attributes:
        at, goal: ADC counts.
        goals: every goal that came.
        speed: 0 until one is set: then it stays where it is.
    """

    def __init__(self, at: float) -> None:
        self.at = at
        self.goal = at
        self.goals: list[float] = []
        self.speed = 0
        self.travelled = 0.0

    def advance(self, seconds: float) -> None:
        most = ADC_A_SECOND * self.speed / 255 * seconds
        step = max(-most, min(most, self.goal - self.at))
        self.at += step
        self.travelled += abs(step)

    def go(self, goal: float) -> None:
        self.goal = max(OPEN, min(CLOSED, goal))
        self.goals.append(self.goal)


class BrunelHand:
    """A hand.

    Attributes:
        fingers: thumb, index, middle, ring with little.
        version, mode, motors, error: as `#` tells them.
        lines: that came.
        kept: how often a setting was written to EEPROM.
        bad: characters that it does not know.
        end: of its lines; older firmware says CR LF.
    """

    def __init__(self, percent: tuple[float, ...] = (30, 40, 50, 60)) -> None:
        self.fingers = [Finger(OPEN + (CLOSED - OPEN) * part / 100) for part in percent]
        self.version = "1.1.0"
        self.mode = "None"
        self.motors = "ENABLED"
        self.error = ""
        self.silent = False
        self.lines: list[str] = []
        self.kept = 0
        self.bad = 0
        self.end = "\n"
        self.a_limit = 6
        self.mangle: Callable[[bytes], bytes] = lambda reply: reply
        self.damage: Callable[[str], str] = lambda line: line
        self._buffer = ""
        self._values: dict[str, int] = {}
        self._to_say = ""

    @property
    def travelled(self) -> float:
        return sum(finger.travelled for finger in self.fingers)

    def advance(self, seconds: float) -> None:
        for finger in self.fingers:
            finger.advance(seconds)

    def complain(self, text: str) -> None:
        """An error of its own, which it prints at once."""
        self.error = text
        self._to_say += text + self.end

    def feed(self, data: bytes) -> bytes:
        if self.silent:
            return b""
        said, self._to_say = self._to_say, ""
        for letter in data.decode("latin-1"):
            if letter in "\r\n":
                line, self._buffer = self._buffer, ""
                said += self._obey(self.damage(line)) if line else ""
            elif letter in " #,?" or "0" <= letter <= "9" or "A" <= letter <= "z":
                self._buffer = (self._buffer + letter)[:64]
            else:
                self.bad += 1
                said += f"WARNING - '{letter}' (0x{ord(letter):X}) IS NOT A VALID CHARACTER{self.end}"
        return self.mangle(said.encode("latin-1"))

    def _obey(self, line: str) -> str:
        self.lines.append(line)
        said = "" if self.mode == "CSV" else f"\n{line}{self.end}"
        for code, most in CODES.items():
            if code in line:
                digits = re.match(r"\d+", line[line.index(code) + 1 :])
                self._values[code] = min(int(digits[0]), most) if digits else BLANK
        if (setting := self._values.pop("A", None)) is not None:
            said += self._advanced(min(setting, self.a_limit))
        if (number := self._values.pop("F", None)) is not None:
            said += self._finger(number)
        if self._values.pop("#", None) is not None:
            said += self._diagnostics()
        for code in "DGHMRTUX":
            assert code not in self._values, f"the driver sent {line!r}, which moves or keeps something"
        return said

    def _advanced(self, setting: int) -> str:
        if setting == 6:
            return "".join(f"{round(finger.at)}," for finger in self.fingers) + self.end
        self.kept += 1
        if setting == 5:
            self.mode = "HANDle"
            return f"HANDle mode ON{self.end}"
        raise AssertionError(f"the driver sent A{setting}")

    def _finger(self, number: int) -> str:
        if not 0 <= number < 4:
            return f"Finger Number Not Valid{self.end}"
        finger = self.fingers[number]
        if (percent := self._values.pop("P", None)) is None:
            percent = 0 if finger.goal > (OPEN + CLOSED) / 2 else 100
        self._values["P"] = percent
        finger.go(OPEN + (CLOSED - OPEN) * percent // 100)
        del self._values["P"]
        if (speed := self._values.pop("S", None)) is not None:
            finger.speed = speed
        lines = (
            f"Finger: \t{number}",
            "Direction:\tOpen",
            f"Position:\t{percent}",
            f"Speed:\t\t{finger.speed}",
        )
        return "".join(line + self.end for line in lines) + "\n"

    def _diagnostics(self) -> str:
        lines = [
            "     System Diagnostics",
            "_" * 28 + "\n",
            "Brunel V2",
            f"FW:\tBeetroot V{self.version}",
            "Board:\tChestnut",
            "Hand:\tRight",
            "OnTime:\t00:00:01:07",
            "Temp:\t31.25'C",
        ]
        errors = f"Errors:\t{self.error}{self.end}" if self.error else "Errors:\t"
        rest = [f"Mode:\t{self.mode}", f"Motors:\t{self.motors}"]
        return "".join(line + self.end for line in lines) + errors + "".join(line + self.end for line in rest)
