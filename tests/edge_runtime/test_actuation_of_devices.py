"""Stopping and arming anew a hand without our firmware, as the control loop does it."""

import numpy as np
import pytest
from bench import Clock, EmulatedLine
from drivers import hand_on
from dynamixel_bus import DynamixelBus, Servo

from neurograsp.edge_runtime.actuation import Actuation
from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.run_summary import RunSummary, RuntimeState
from neurograsp.firmware_bridge.codes import HandState

TICK_S = 0.02
NOTHING = Decision(0.0, 0, np.zeros(2), np.zeros(2), None, False, None, "rest")


class Person:
    """Asks for one thing a tick."""

    again = True
    hint = "as the test says"

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def poll(self, now: float) -> Request | None:
        return self.asked.pop(0) if self.asked else None


@pytest.mark.parametrize("seconds", [0.1, 0.24, 0.26, 1.0, 5.0])
def test_a_hand_that_was_stopped_is_armed_at_the_first_press(seconds: float) -> None:
    clock, person, summary = Clock(), Person(), RunSummary()
    bus = DynamixelBus({one: Servo(1600 + one) for one in range(1, 6)})
    line = EmulatedLine(bus, clock)
    hand = hand_on(line, "xl330_fingers", clock)
    hand.connect()
    actuation = Actuation(hand, person, summary)
    actuation.start(clock.now)

    def run(seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            line.sleep(TICK_S)
            actuation.tick(clock.now, [NOTHING], 0.0, None)

    person.asked = [Request.ARM]
    run(1.0)
    assert hand.state.state is HandState.ARMED
    person.asked = [Request.STOP]
    run(seconds)
    assert (summary.state, hand.state.attached) == (RuntimeState.STOPPED, seconds < 2)
    person.asked = [Request.ARM]
    run(1.0)
    assert (summary.state, summary.armings, hand.state.state) == (RuntimeState.ARMED, 2, HandState.ARMED)
    assert sum(servo.travelled for servo in bus.servos.values()) == 0
