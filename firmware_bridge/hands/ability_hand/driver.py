"""PSYONIC's Ability Hand on its UART or RS-485, driven by positions.

A count is a hundredth of a degree. The hand answers every command, so that it is asked only when it has been
told nothing for a while. It leaves its API mode 0.3 s after the last command: goals have to be renewed, and a
hand that has been let go is told so again as long as it is polled.
"""

import time
from collections.abc import Callable, Sequence

from neurograsp.firmware_bridge.hands.ability_hand import packets
from neurograsp.firmware_bridge.hands.ability_hand.packets import FULL_SCALE_COUNTS, Reply
from neurograsp.firmware_bridge.hands.asked_line import REPLY_S, TRIES, AskedLine
from neurograsp.firmware_bridge.hands.hand import Promises, Report
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.transports import Transport

BAUD = 460_800
"""As PSYONIC delivers them."""
QUIET_S = 0.1
"""A hand that has been told nothing for so long is asked how it stands."""
RENEW_S = 0.2
"""A hand that has got no goal for so long is let go, before it leaves its API mode."""
_ADVICE = "check wiring, power, baud rate, address, and that UART and byte stuffing are on (We16, We46, We47)"


class AbilityHandDevice:
    """One hand. See `Device`.

    Args:
        transport: an open one; `close` closes it.
        ids: numbers of the joints in the hand, in the order of the profile: index 0, middle 1, ring 2,
            little 3, thumb flexor 4, thumb rotator 5; all of them.
        address: of the hand; None: as PSYONIC delivers them.
        clock: seconds, monotonic.
        sleep: used by what waits.
    """

    def __init__(
        self,
        transport: Transport,
        ids: Sequence[int],
        address: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = packets.ADDRESS if address is None else address
        self._line: AskedLine[Reply] = AskedLine(
            transport, packets.ReplyParser(), f"Ability Hand {self._address:#04x}", _ADVICE, clock, sleep
        )
        self._ids = tuple(ids)
        self._limp = False
        self._reply: Reply | None = None

    @property
    def promises(self) -> Promises:
        """ICD, 3.1.2: it leaves its API mode after 300 ms, and does not stop."""
        return Promises(
            watchdog_s=None,
            on_link_loss=(
                "leaves its API mode after 0.3 s, which (says PSYONIC) may be accompanied by undesired "
                "finger movements"
            ),
            answers=True,
            force=False,
            renew_s=RENEW_S,
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._line.stats

    def identify(self, timeout: float) -> str:
        """Ask how it stands. Raises LinkLost: no answer, or not of an Ability Hand."""
        self._ask(max(TRIES, round(timeout / REPLY_S)))
        return f"PSYONIC Ability Hand ({self._address:#04x})"

    def positions(self) -> tuple[int, ...]:
        """Where the joints are, asked now: at most 90 ms."""
        return self._in_order(self._ask(TRIES).positions)

    def enable(self, goals: tuple[int, ...]) -> None:
        """The first goals begin the API mode and drive the motors."""
        self._limp = False
        self.send(goals, 100)

    def disable(self) -> None:
        """No torque, and it stays so while it is polled; said three times."""
        self._limp = True
        for _ in range(TRIES):
            self._line.say(packets.no_torque(self._address))

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """Goals in counts, cut to 150 degrees both ways; `force` has no effect."""
        sent = tuple(min(max(goal, -FULL_SCALE_COUNTS), FULL_SCALE_COUNTS) for goal in goals)
        counts = dict(zip(self._ids, sent, strict=True))
        self._line.say(packets.positions(self._address, [counts[number] for number in sorted(counts)]))
        return sent

    def poll(self, asking: bool) -> Report:
        """Take in what has arrived; ask when nothing has been said for `QUIET_S`, or tell it to stay limp."""
        for answer in self._line.arrived():
            self._reply = answer
        if (asking or self._limp) and self._line.since_said >= QUIET_S:
            self._line.say((packets.no_torque if self._limp else packets.read_only)(self._address))
        reply = self._reply
        if reply is None:
            return Report({}, {}, {}, None)
        return Report(
            dict(enumerate(self._in_order(reply.positions))),
            {
                place: f"hot or blocked (status {reply.status:#04x})"
                for place, number in enumerate(self._ids)
                if reply.status >> number & 1
            },
            {},
            self._line.heard_s,
        )

    def close(self) -> None:
        """Give the port back; a hand in its API mode leaves it 0.3 s later."""
        self._line.close()

    def _ask(self, tries: int) -> Reply:
        reply = self._line.ask(packets.read_only(self._address), lambda reply: True, tries)
        self._reply = reply
        return reply

    def _in_order(self, values: Sequence[int]) -> tuple[int, ...]:
        return tuple(values[number] for number in self._ids)
