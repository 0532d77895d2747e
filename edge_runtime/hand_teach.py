"""Joints moved by keys, and poses taken from where they stand. Hand, time and keys are passed in.

Little runs ahead of the keys: each one asks for a step, at most `AHEAD` of them from where the joint has been
sent by now, so that a joint whose key is let go of soon stands.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from neurograsp.edge_runtime.contract.errors import LinkError
from neurograsp.firmware_bridge.codes import Feature, HandAction
from neurograsp.firmware_bridge.hands.hand import Hand
from neurograsp.firmware_bridge.profile_file import Way

TTL_MS = 500
STEP = 2
"""Percent of the way from open to closed, or what one count is where that is more."""
AHEAD = 2
"""Steps: what a hand says of itself is up to 50 ms old, and a target behind it would make it go back."""
FASTEST = 50
"""Percent of a hand's rates."""
STORABLE = tuple(action for action in HandAction if action is not HandAction.HOLD)
LETTERS = {chr(ord("a") + place): action for place, action in enumerate(STORABLE)}
KEYS = """  up, down or k, j      another joint
  left, right or h, l   open, close it
  s, then a letter      store the pose
  q                     stop the hand and leave
  space, any other      stand still"""
_ARROWS = {"A": "k", "B": "j", "C": "l", "D": "h"}


class Keys:
    """Bytes of a terminal to keys: a letter, or "?" for what is none that is known."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Keys of `data`; nothing came: an escape sequence that was begun is none."""
        if not data and self._begun:
            self._begun = b""
            yield "?"
        for byte in data:
            self._begun += bytes((byte,))
            if self._begun in (b"\x1b", b"\x1b[", b"\x1bO"):
                continue
            key, self._begun = self._begun, b""
            letter = chr(key[-1])
            if len(key) == 1:
                yield letter if letter.isprintable() and letter.isascii() else "?"
            else:
                yield _ARROWS.get(letter, "?")


@dataclass(frozen=True, slots=True)
class TaughtJoint:
    """Attributes:
    name: for people.
    way: from open to closed, in the unit of the hand.
    """

    name: str
    way: Way

    @property
    def step(self) -> int:
        """Of a key, percent."""
        return max(STEP, math.ceil(100 / abs(self.way.closed - self.way.open)))


class Teacher:
    """One armed hand under somebody's keys.

    Args:
        hand: armed; `tick` has to be called at least every 50 ms.
        joints: in the hand's order.
        speed: percent of its rates.
        store: keeps a pose, in percent by joint, and says where.
        say: a line for the person.

    Attributes:
        selected: place of the joint that the keys move.
        stored: poses so far.
    """

    def __init__(
        self,
        hand: Hand,
        joints: Sequence[TaughtJoint],
        speed: int,
        store: Callable[[HandAction, dict[str, int]], str],
        say: Callable[[str], None],
    ) -> None:
        self._hand = hand
        self.joints = tuple(joints)
        self._speed = speed
        self._store = store
        self._say = say
        self._ttl_ms = min(TTL_MS, hand.caps.max_ttl_ms)
        self._storing = False
        self._aim: tuple[int, int] | None = None
        self.selected = 0
        self.stored: list[HandAction] = []

    @property
    def percent(self) -> tuple[int, ...]:
        """Where the joints have been sent; 0 or 100 of one that stands beyond its ends."""
        return tuple(
            joint.way.percent(at) for joint, at in zip(self.joints, self._hand.state.goals, strict=True)
        )

    def press(self, key: str) -> bool:
        """One key; whether it goes on. What is no key of these, or makes no sense now, stops the hand."""
        if key == "q":
            return False
        if self._storing:
            self._storing = False
            self._take(key)
        elif key in ("k", "j"):
            self._stand()
            self.selected = (self.selected + (1 if key == "j" else -1)) % len(self.joints)
        elif key in ("h", "l"):
            self._step(1 if key == "l" else -1)
        else:
            self._stand()
            if key == "s":
                self._storing = True
                self._say(
                    "store as  " + "  ".join(f"{letter} {action.name}" for letter, action in LETTERS.items())
                )
        return True

    def tick(self) -> None:
        """What the hand wants to hear.

        Raises:
            LinkError: it is lost, or went out of its armed state.
        """
        self._hand.service(healthy=True)
        if not self._hand.state.state.armed:
            raise LinkError(f"the hand went into {self._hand.state.state.name} ({self._hand.state.why})")

    def table(self, unit: str) -> list[str]:
        """Joints, where they have been sent and, where the hand knows, where they are."""
        status = self._hand.state
        measured = status.positions if Feature.FEEDBACK in self._hand.caps.features else {}
        lines = [f"  {'':2}{'joint':<16}{'%':>4}{unit:>8}{'is at' if measured else '':>8}".rstrip()]
        for place, joint in enumerate(self.joints):
            at = measured.get(place)
            lines.append(
                f"  {'>' if place == self.selected else '':2}{joint.name:<16}{self.percent[place]:>4}"
                f"{status.goals[place]:>8}{'' if at is None else at:>8}".rstrip()
            )
        return lines

    def _step(self, direction: int) -> None:
        joint, at = self.joints[self.selected], self.percent[self.selected]
        before, target = self._aim or (direction, at)
        if before != direction:
            target = at
        most = AHEAD * joint.step
        target = min(max(target + direction * joint.step, at - most, 0), at + most, 100)
        self._aim = direction, target
        self._hand.move({self.selected: joint.way.at(target)}, self._speed, self._ttl_ms)

    def _stand(self) -> None:
        self._aim = None
        self._hand.act(HandAction.HOLD, self._speed, ttl_ms=self._ttl_ms)

    def _take(self, key: str) -> None:
        if key not in LETTERS:
            self._say("nothing stored")
            return
        action = LETTERS[key]
        pose = {joint.name: at for joint, at in zip(self.joints, self.percent, strict=True)}
        where = self._store(action, pose)
        self.stored.append(action)
        self._say(f"{action.name}: {', '.join(f'{name} {at}' for name, at in pose.items())}; {where}")
