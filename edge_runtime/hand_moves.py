"""Moves that a person asks for on the bench, each until it is done. Time and hand are passed in."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from neurograsp.edge_runtime.contract.errors import LinkError, UsageError
from neurograsp.firmware_bridge.codes import HandAction, HandState
from neurograsp.firmware_bridge.hands.hand import Hand, JointRange
from neurograsp.firmware_bridge.strict import nearest

TICK_S = 0.02
TTL_MS = 500
"""Of each request, which is repeated: whoever is killed leaves a hand that stops."""
REPEAT_S = 0.2
SETTLED_TICKS = 6
"""A hand that held before says so until it has heard of the move."""
PATIENCE_S = 30.0
"""At least; whoever goes slowly is waited for longer."""


@dataclass(frozen=True, slots=True)
class Move:
    """Attributes:
    text: as it was asked for.
    action: a grip, or None.
    place, position: else one joint, and where to, in the unit of its range.
    """

    text: str
    action: HandAction | None = None
    place: int = 0
    position: int = 0


def parse_moves(words: Iterable[str], hand: Hand, ranges: tuple[JointRange, ...]) -> list[Move]:
    """Moves of a command line: names of actions, and JOINT=POSITION.

    Raises:
        UsageError: no such action or joint, or a position outside its limits.
    """
    return [_parse(word, hand, ranges) for word in words]


def _parse(word: str, hand: Hand, ranges: tuple[JointRange, ...]) -> Move:
    name, equals, position = word.partition("=")
    if not equals:
        actions = {action.name: action for action in hand.caps.actions}
        if word.upper() not in actions:
            raise UsageError(f"{hand.caps.name} has no action {word!r}{nearest(word.upper(), actions)}")
        return Move(word.upper(), actions[word.upper()])
    places = {joint.label: place for place, joint in enumerate(ranges) if joint.label}
    places |= {joint.name: place for place, joint in enumerate(ranges)}
    if name not in places:
        raise UsageError(f"{hand.caps.name} has no joint {name!r}{nearest(name, places)}")
    joint = ranges[places[name]]
    try:
        target = int(position)
    except ValueError:
        raise UsageError(f"{word!r}: expected a whole number of {joint.unit} after the =") from None
    if not joint.low <= target <= joint.high:
        raise UsageError(f"{word!r}: joint {name} goes from {joint.low} to {joint.high} {joint.unit}")
    return Move(word, None, places[name], target)


def patience_s(ranges: Iterable[JointRange], speed: int) -> float:
    """When a move at `speed` percent is given up: twice the longest way's time, as steps are rounded down."""
    slowest_s = max((joint.high - joint.low) / joint.rate for joint in ranges)
    return max(PATIENCE_S, 2 * slowest_s * 100 / speed)


def carry_out(
    move: Move,
    hand: Hand,
    speed: int,
    longest_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> float:
    """Do one move of an armed hand and wait until it holds there; how long that took, seconds.

    Args:
        move: what to do.
        hand: armed.
        speed: percent of its rates.
        longest_s: then it is given up (`patience_s`).
        clock: seconds, monotonic.
        sleep: waits so many seconds.

    Raises:
        LinkError: the hand is lost or went out of its armed state, or is not there in time.
    """
    begun = clock()
    asked = -REPEAT_S
    ttl_ms = min(TTL_MS, hand.caps.max_ttl_ms)
    seen = 0
    while True:
        now = clock() - begun
        if now - asked >= REPEAT_S:
            if move.action is None:
                hand.move({move.place: move.position}, speed, ttl_ms)
            else:
                hand.act(move.action, speed, ttl_ms=ttl_ms)
            asked = now
        hand.service(healthy=True)
        state = hand.state.state
        if not state.armed:
            raise LinkError(f"{move.text}: the hand went into {state.name} ({hand.state.why})")
        seen = seen + 1 if state is HandState.HOLD else 0
        if seen >= SETTLED_TICKS:
            return now
        if now > longest_s:
            raise LinkError(
                f"{move.text}: not there after {longest_s:.0f} s; is a joint blocked, or without power?"
            )
        sleep(TICK_S)


def random_move(rng: random.Random, hand: Hand, ranges: tuple[JointRange, ...]) -> Move:
    """An action of the hand, or a joint to anywhere within its limits."""
    if rng.random() < 0.5:
        action = rng.choice(sorted(hand.caps.actions))
        return Move(action.name, action)
    place = rng.randrange(len(ranges))
    joint = ranges[place]
    position = rng.randint(joint.low, joint.high)
    return Move(f"{joint.name}={position}", None, place, position)


def hold(hand: Hand, seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    """Keep an armed hand where it is."""
    until = clock() + seconds
    while clock() < until:
        hand.service(healthy=True)
        sleep(TICK_S)
