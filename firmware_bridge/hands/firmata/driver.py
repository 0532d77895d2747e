"""Hobby servos on an Arduino with StandardFirmata.

A servo says nothing of itself, and Firmata has neither watchdog nor checksum. What the board can be asked is
what each pin is used for and was told last; it is asked all the time, so that a board that restarted or
misheard stops the hand.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import cycle

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.hands.asked_line import TRIES, AskedLine
from neurograsp.firmware_bridge.hands.firmata import packets
from neurograsp.firmware_bridge.hands.firmata.messages import (
    BOARD_HIGH_US,
    BOARD_LOW_US,
    MODE_SERVO,
    PULSE_US,
)
from neurograsp.firmware_bridge.hands.firmata.packets import Capabilities, Firmware, Message, PinState, Text
from neurograsp.firmware_bridge.hands.hand import Promises, Report
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.transports import Transport

BAUD = 57_600
"""Of StandardFirmata."""
SKETCH = "StandardFirmata"
BOOT_S = 6.0
"""An Arduino restarts when its port opens, and is silent while its boot loader waits and Firmata blinks."""
GREETING_S = 2.0
"""It is asked no more often meanwhile: some boot loaders stay for as long as bytes come."""
LONG_ANSWER_S = 0.5
"""What 70 pins can do takes 0.1 s on the line."""
_RECENT = 8
_ADVICE = "check that StandardFirmata is on it, and the baud rate"


class FirmataDevice:
    """The servos of one board. See `Device`. Counts are microseconds of the pulse.

    Args:
        transport: an open one; `close` closes it.
        pins: of the joints, in their order.
        limits: lowest and highest pulse of each.
        clock: seconds, monotonic.
        sleep: used by what waits.
    """

    def __init__(
        self,
        transport: Transport,
        pins: Sequence[int],
        limits: Sequence[tuple[int, int]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._line: AskedLine[Message] = AskedLine(
            transport, packets.MessageParser(), "the board", _ADVICE, clock, sleep, self._take
        )
        self._url = transport.url
        self._pins = tuple(pins)
        self._limits = tuple(limits)
        self._turns = cycle(self._pins)
        self._driven = False
        self._told: dict[int, deque[int]] = {}
        self._heard: dict[int, int] = {}
        self._faults: dict[int, str] = {}

    @property
    def promises(self) -> Promises:
        """Firmata goes on with the last pulses; where its servos stand only they know."""
        return Promises(
            watchdog_s=None,
            on_link_loss="goes on with its last pulses, and the servos hold",
            answers=True,
            force=False,
            first_move="makes every joint jump to REST, as fast as its servo goes; one may twitch towards "
            "1500 us before",
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._line.stats

    def identify(self, timeout: float) -> str:
        """Wait for the board, at least `BOOT_S`, and ask it which pins can drive a servo.

        Raises:
            LinkLost: no answer, another sketch, or a joint on a pin that cannot.
        """
        tries = max(round(max(timeout, BOOT_S) / GREETING_S), 1)
        firmware = self._line.ask(
            packets.FIRMWARE_QUESTION, lambda answer: isinstance(answer, Firmware), tries, GREETING_S
        )
        assert isinstance(firmware, Firmware)
        if not firmware.name.startswith(SKETCH):
            raise LinkLost(f"{self._url}: the board runs {firmware.name!r}, not {SKETCH}")
        answer = self._line.ask(
            packets.CAPABILITY_QUESTION, lambda answer: isinstance(answer, Capabilities), TRIES, LONG_ANSWER_S
        )
        assert isinstance(answer, Capabilities)
        for pin in self._pins:
            if pin not in answer.servo_pins:
                can = ", ".join(map(str, sorted(answer.servo_pins))) or "none of this board"
                raise LinkLost(f"{self._url}: pin {pin} cannot drive a servo; those that can: {can}")
        self._driven = False
        self._faults.clear()
        return f"{firmware.name.removesuffix('.ino')} {firmware.version[0]}.{firmware.version[1]}"

    def positions(self) -> tuple[int | None, ...]:
        """Where the board drives the servos to, asked now; None of one that it does not drive."""
        states = [self._ask_state(pin) for pin in self._pins]
        return tuple(
            state.value if state.mode == MODE_SERVO and PULSE_US[0] <= state.value <= PULSE_US[1] else None
            for state in states
        )

    def enable(self, goals: tuple[int, ...]) -> None:
        """Pulses on. The board's own limits are those of the profile where it can have them so narrow."""
        self._heard.clear()
        self._faults.clear()
        self._told = {pin: deque((goal,), _RECENT) for pin, goal in zip(self._pins, goals, strict=True)}
        data = b""
        for (low, high), (pin, (goal,)) in zip(self._limits, self._told.items(), strict=True):
            board = min(low, goal, BOARD_LOW_US), max(high, goal, BOARD_HIGH_US)
            data += packets.attach(pin, *board) + packets.write(pin, goal)
        self._line.say(data, answers=0)
        self._driven = True

    def disable(self) -> None:
        """Pulses off; said three times, since nobody answers. Other pins of the board stay as they are."""
        self._driven = False
        for _ in range(TRIES):
            self._line.say(b"".join(map(packets.detach, self._pins)), answers=0)

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """Pulses in microseconds, cut to 600 to 2400; `force` has no effect."""
        sent = tuple(min(max(goal, PULSE_US[0]), PULSE_US[1]) for goal in goals)
        for pin, goal in zip(self._pins, sent, strict=True):
            self._told.setdefault(pin, deque(maxlen=_RECENT)).append(goal)
        self._line.say(b"".join(map(packets.write, self._pins, sent)), answers=0)
        return sent

    def poll(self, asking: bool) -> Report:
        """Take in what has arrived; ask what the next pin was told, which is what positions are here."""
        for answer in self._line.arrived():
            self._take(answer)
        if asking and self._line.free:
            self._line.say(packets.state_question(next(self._turns)))
        if not self._driven:
            return Report({}, {}, {}, self._line.heard_s)
        return Report(dict(self._heard), dict(self._faults), {}, self._line.heard_s)

    def close(self) -> None:
        """Give the port back."""
        self._line.close()

    def _take(self, answer: Message) -> None:
        if isinstance(answer, PinState) and answer.pin in self._pins:
            self._judge(answer)
        elif isinstance(answer, Text):
            self._faults[0] = f"the board says {answer.text!r}"
        else:
            self._line.strange()

    def _judge(self, state: PinState) -> None:
        """What a pin says; it may speak of a pulse that was told before the newest."""
        if not self._driven:
            return
        place, told = self._pins.index(state.pin), self._told[state.pin]
        if state.mode != MODE_SERVO:
            self._faults[place] = f"pin {state.pin} drives no servo any more; has the board restarted?"
        elif state.value not in told:
            self._faults[place] = f"pin {state.pin} was told {told[-1]} and says {state.value}"
        else:
            self._heard[place] = state.value

    def _ask_state(self, pin: int) -> PinState:
        answer = self._line.ask(
            packets.state_question(pin), lambda answer: isinstance(answer, PinState) and answer.pin == pin
        )
        assert isinstance(answer, PinState)
        return answer
