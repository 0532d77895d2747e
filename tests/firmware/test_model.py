"""The model's table is that of the C, its rules do what the compiled core does, and it can fail."""

import ctypes
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import model
import pytest
from core_bench import SERVO_FRAME_MS, WATCHDOG, Bench

from neurograsp.firmware_bridge.codes import HandInput, HandState
from neurograsp.firmware_bridge.frames import encode_frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Arm,
    Beat,
    Caps,
    Fault,
    Get,
    Hello,
    Joints,
    Message,
    Stop,
    Topic,
    make_frame,
)

needs_spin = pytest.mark.skipif(shutil.which("spin") is None, reason="no spin (Debian: spin)")

SEEDS = (1, 2)
"""Of random walks; that of 0 is not one."""
REST_US, STEP_US = 1250, 33
"""Of the profile `model`: a place of the model is a step of the joint."""
SEQ_STEP = 64
"""A seq of line.pml counts to 4, a real one to 256."""


def test_the_table_is_that_of_the_core(core: ctypes.CDLL) -> None:
    assert (model.MODEL / model.TRANSITIONS).read_text() == model.transitions(core.bench_next)


def test_another_table_is_noticed(core: ctypes.CDLL) -> None:
    def spoilt(state: int, event: int) -> int:
        left = (state, event) == (HandState.FAILSAFE, model.event_names().index("SESSION"))
        return HandState.IDLE if left else int(core.bench_next(state, event))

    assert (model.MODEL / model.TRANSITIONS).read_text() != model.transitions(spoilt)


# --- the rules around the table: what the model does, the core does ---------------------------------


@dataclass(frozen=True, slots=True)
class Happening:
    """What one step of a simulation was, and what the model's hand was afterwards.

    Attributes:
        number, seq: of a frame of line.pml; -1 in any_host.pml, which only knows fresh and other ones.
    """

    what: str
    fresh: bool
    place: int
    ticks: int
    inputs: HandInput
    number: int
    seq: int
    state: HandState
    fault: Fault
    attached: bool
    position: int
    accepted: bool


def happenings(printed: str) -> Iterator[Happening]:
    number, seq, event = -1, -1, ["", "0", "0", "0", "000"]
    for line in printed.splitlines():
        word, *rest = line.split() or [""]
        if word == "numbers":
            number, seq = map(int, rest)
        elif word == "=":
            what, fresh, place, ticks, levels = event
            active = HandInput(0)
            for level, bit in zip(
                levels, (HandInput.ESTOP, HandInput.STALL, HandInput.BATTERY_LOW), strict=True
            ):
                active |= bit if level == "1" else HandInput(0)
            state, fault, attached, position, accepted = rest
            yield Happening(
                what,
                fresh == "1",
                int(place),
                int(ticks),
                active,
                number,
                seq,
                HandState(int(state)),
                Fault[fault],
                attached == "1",
                int(position),
                accepted == "1",
            )
            number, seq = -1, -1
        elif word.isupper():
            event = [word, *rest]


class Replay:
    """The compiled core, made to live through a simulation."""

    def __init__(self, core: ctypes.CDLL, rng: random.Random) -> None:
        self._core = core
        self._rng = rng
        self._now_ms = 1000
        self._restart(HandInput(0))

    def _restart(self, active: HandInput) -> None:
        self.hand = Bench(self._core, self._now_ms, "model", WATCHDOG)
        self.hand.inputs(active)
        self._session = 0
        self._beats = 0
        self._beaten = False

    def live(self, step: Happening) -> bool | None:
        """Do what happened; whether it was accepted, None where nobody can tell."""
        if step.what == "TICK":
            self.hand.wait(SERVO_FRAME_MS)
            self._now_ms = self.hand.now_ms
        elif step.what == "INPUTS":
            self.hand.inputs(step.inputs)
        elif step.what == "RESET":
            self.hand.close()
            self._restart(step.inputs)
        elif step.number >= 0:
            return self._send(message(step), step.number, step.seq * SEQ_STEP)
        elif step.what == "BEAT":
            self._beat(step.fresh)
        elif step.what == "STOP_FRAME":
            self._send(Stop(), self._rng.randrange(256), self._rng.randrange(256))
        elif step.what == "HELLO_FRAME":
            return self._hello(step.fresh)
        else:
            return self._request(message(step), step.fresh)
        return None

    def _send(self, sent: Message, session: int, seq: int) -> bool | None:
        answers = self.hand.exchange(encode_frame(make_frame(sent, session, seq % 256)))
        if isinstance(sent, Beat):
            assert answers == []
            return None
        (answer,) = answers
        return isinstance(answer, Ack | Caps)

    def _hello(self, fresh: bool) -> bool | None:
        if not fresh:
            self._send(Hello(), self._session, self.hand.seq + self._rng.randrange(2))
            return None
        self._session = self._session % 255 + 1
        self._beaten = False
        self.hand.seq = self._rng.randrange(256)
        return self._send(Hello(), self._session, self.hand.seq)

    def _beat(self, fresh: bool) -> None:
        if not fresh and not self._beaten:
            self._send(Beat(), self._session % 255 + 1, 0)
            return
        self._beats += fresh
        self._beaten = True
        self._send(Beat(), self._session, self._beats - (0 if fresh else self._rng.randrange(100)))

    def _request(self, sent: Message, fresh: bool) -> bool | None:
        seq = self.hand.seq
        if fresh:
            self.hand.seq = (seq + self._rng.choice([1, 1, 127])) % 256
            accepted = self._send(sent, self._session, self.hand.seq)
            self._beaten = self._beaten and not (accepted and isinstance(sent, Arm))
            return accepted
        which = self._rng.randrange(3)
        if which == 0:
            self._send(sent, self._session % 255 + 1, seq + 1)
        else:
            self._send(sent, self._session, seq - (0 if which == 1 else self._rng.randrange(129)))
        return None


def message(step: Happening) -> Message:
    if step.what == "COMMAND":
        return Joints({0: REST_US + STEP_US * step.place}, 100, step.ticks * SERVO_FRAME_MS)
    return {
        "ARM_FRAME": Arm(),
        "QUERY": Get(Topic.STATE),
        "BAD_VALUE": Joints({0: 2500}, 100, 100),
        "BEAT": Beat(),
        "STOP_FRAME": Stop(),
        "HELLO_FRAME": Hello(),
    }[step.what]


def replay(core: ctypes.CDLL, printed: str, rng: random.Random) -> set[tuple[HandState, HandState]]:
    """Live through a simulation; the changes of state that occurred."""
    twin = Replay(core, rng)
    changes = set()
    before = HandState.BOOT
    for at, step in enumerate(happenings(printed)):
        accepted = twin.live(step)
        hand = twin.hand
        place = (hand.pulses[0] - REST_US) // STEP_US if hand.attached else step.position
        model_says = (step.state, step.fault, step.attached, step.position)
        assert (hand.state, hand.fault, hand.attached, place) == model_says, f"step {at}: {step}"
        if accepted is not None and step.fresh:
            assert accepted == step.accepted, f"step {at}: {step}"
        assert hand.first_fault == ""
        if step.state != before:
            changes.add((before, step.state))
        before = step.state
    twin.hand.close()
    return changes


@needs_spin
def test_the_core_lives_through_what_the_model_does(core: ctypes.CDLL) -> None:
    changes: set[tuple[HandState, HandState]] = set()
    for seed in SEEDS:
        changes |= replay(core, model.simulate("any_host", seed, 300_000, "LIMP=2"), random.Random(seed))
    events = range(len(model.event_names()))
    table = {(state, HandState(core.bench_next(state, event))) for state in HandState for event in events}
    assert changes >= {(before, after) for before, after in table if before != after}


@needs_spin
def test_the_core_counts_sessions_and_frames_as_the_model_does(core: ctypes.CDLL) -> None:
    for seed in SEEDS:
        walk = model.simulate("line", seed, 600_000, "WATCHDOG=5", "LIMP=2")
        assert (HandState.ARMED, HandState.FAILSAFE) in replay(core, walk, random.Random(seed))


# --- the model can fail -----------------------------------------------------------------------------


ANY_HOST, LINE = model.Check("any_host"), model.Check("line")


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake in the model's hand, and the property that it breaks."""

    right: str
    wrong: str
    file: str = "hand.pml"
    check: model.Check = ANY_HOST


BUGS = {
    "motion_only_while_moving": Bug(
        ":: state == MOVING && position < target ->", ":: state == IDLE && position < target ->"
    ),
    "motion_within_time_to_live": Bug(":: ttl == 1 -> ttl = 0; enter(E_EXPIRED)", ":: ttl == 1 -> ttl = 0"),
    "motion_only_while_the_host_talks": Bug(
        ":: ARMED_STATE(state) && silent >= WATCHDOG -> latch(E_FAULT, LINK_SILENT)",
        ":: ARMED_STATE(state) && state != MOVING && silent >= WATCHDOG -> latch(E_FAULT, LINK_SILENT)",
    ),
    "silence_stops": Bug(
        ":: ARMED_STATE(state) && silent >= WATCHDOG ->", ":: ARMED_STATE(state) && silent > WATCHDOG ->"
    ),
    "armed_by_ARM_alone": Bug("    enter(E_SESSION);\n", "    state = ARMED;\n"),
    "attached_by_ARM_alone": Bug("    enter(E_SESSION);\n", "    enter(E_SESSION); attached = true;\n"),
    "armed_means_attached": Bug("        attached = ARMED_STATE(state);\n", ""),
    "latch_opens_by_session_and_ARM": Bug(" || (LATCHED_STATE(state) && !renewed)", ""),
    "estop_stops_and_lets_go": Bug(
        "latch(E_ESTOP, ESTOP_INPUT); attached = false", "latch(E_ESTOP, ESTOP_INPUT)"
    ),
    "estop_outlasts_everything": Bug(
        ":: ARMED_STATE(state) && silent >= WATCHDOG -> latch(E_FAULT, LINK_SILENT)",
        ":: (ARMED_STATE(state) || (state == ESTOP && !estop)) && silent >= WATCHDOG -> state = FAILSAFE",
    ),
    "only_talk_feeds_the_watchdog": Bug(
        "        :: accepted -> silent = 0\n        :: else\n", "        :: true -> silent = 0\n"
    ),
    "no_copy_is_obeyed": Bug(
        "(!beat_seen || IS_NEXT(seq, beat_seq))", "true", "line.pml", model.Check("line")
    ),
    "failsafe_lets_go": Bug("latched_for >= LIMP ->", "latched_for > LIMP ->"),
    "failsafe_holds_until_then": Bug(
        "latch(E_FAULT, BATTERY_LOW)", "latch(E_FAULT, BATTERY_LOW); attached = false"
    ),
    "idle_lets_go": Bug("state == IDLE && silent >= PATIENCE ->", "state == IDLE && silent > PATIENCE ->"),
    "stall_lets_go": Bug(":: stalled_for > STALL -> attached = false", ":: false"),
    "low_battery_stops": Bug("low_for > BATTERY ->", "low_for > BATTERY + 1 ->"),
    "reset_disarms": Bug(
        "    attached = false;\n    renewed = false;\n    estop", "    renewed = false;\n    estop"
    ),
    "moves": Bug(
        "state == MOVING && position < target -> position++",
        "state == MOVING && position + 1 < target -> position++",
        check=model.Check("sane_host", claim="moves"),
    ),
    "is_not_stopped": Bug(
        ":: what == BEAT && fresh && session -> silent = 0; accepted = true",
        ":: what == BEAT && fresh && session -> accepted = true",
        check=model.Check("sane_host", claim="is_not_stopped"),
    ),
    "lets_go_when_alone": Bug(
        "state == FAILSAFE && latched_for >= LIMP ->",
        "state == IDLE && latched_for >= LIMP ->",
        check=model.Check("sane_host", claim="lets_go_when_alone"),
    ),
}


def properties() -> set[str]:
    """All that the model claims."""
    text = "".join((model.MODEL / f"{world}.pml").read_text() for world in ("hand", "sane_host"))
    claims = {line.split()[1] for line in text.splitlines() if line.startswith("ltl ")}
    holds = text.split("mtype = {")[-1].split("}")[0]
    return claims | {name.strip() for name in holds.split(",")}


def test_every_property_has_its_planted_bug() -> None:
    assert set(BUGS) == properties()


@needs_spin
@pytest.mark.slow
@pytest.mark.parametrize("name", BUGS)
def test_planted_bug_breaks_its_property(name: str, tmp_path: Path) -> None:
    bug = BUGS[name]
    spoilt = tmp_path / "model"
    shutil.copytree(model.MODEL, spoilt)
    text = (spoilt / bug.file).read_text()
    assert text.count(bug.right) == 1, "the model has changed: plant the bug anew"
    (spoilt / bug.file).write_text(text.replace(bug.right, bug.wrong))
    assert model.verify(bug.check, spoilt, shortest=not bug.check.claim).broken == name
