"""The judge of all pulses sees what it is there to see, and nothing else."""

from collections.abc import Sequence

import pytest
from invariants import Monitor
from rig import ARM, FRAME_MS, Pulse

REST_US = ARM.joints[0].rest_us
RATE_US = ARM.joints[0].rate_us


def train(widths: Sequence[float], start_ms: float = 0, every_ms: float = FRAME_MS) -> list[Pulse]:
    """Pulses of joint 0."""
    return [Pulse((start_ms + number * every_ms) * 1000, 0, width) for number, width in enumerate(widths)]


def judged(
    *trains: list[Pulse], moving: bool = True, tolerance_us: float = 0, frame_slack_ms: float = 0
) -> list[str]:
    monitor = Monitor(ARM, tolerance_us, frame_slack_ms=frame_slack_ms)
    monitor.may_pulse()
    if moving:
        monitor.may_move()
    for pulses in trains:
        monitor.judge(pulses)
    return monitor.violations


def test_a_hand_that_does_as_it_should() -> None:
    assert judged(train([REST_US, REST_US + RATE_US, REST_US, REST_US])) == []
    assert judged(train([REST_US] * 50), moving=False) == []


@pytest.mark.parametrize("edge_us", [ARM.joints[0].min_us, ARM.joints[0].max_us])
def test_limits(edge_us: int) -> None:
    outside = edge_us + (1 if edge_us > REST_US else -1)
    assert judged(train([edge_us])) == []
    assert judged(train([outside])) == [f"0.000 ms, joint 0: {outside:.1f} us is outside 1000 to 2000"]
    assert judged(train([outside]), tolerance_us=1) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_rate(sign: int) -> None:
    (found,) = judged(train([REST_US, REST_US + sign * (RATE_US + 1)]))
    assert found == "20.000 ms, joint 0: a step of 34.0 us, the rate is 33"
    assert judged(train([REST_US, REST_US + sign * (RATE_US + 2)]), tolerance_us=1) == []


def test_two_steps_within_a_servo_frame() -> None:
    (found,) = judged(train([REST_US, REST_US + 1], every_ms=19.9))
    assert found == "19.900 ms, joint 0: only 19.900 ms after the last pulse"
    assert judged(train([REST_US, REST_US + 1], every_ms=19.9), frame_slack_ms=0.2) == []


def test_motion_unless_moving() -> None:
    (found,) = judged(train([REST_US, REST_US + 1]), moving=False)
    assert found == "20.000 ms, joint 0: moved by 1.0 us though not MOVING"


def test_motion_after_the_hand_was_heard_to_have_stopped() -> None:
    monitor = Monitor(ARM, slack_ms=10)
    monitor.may_pulse()
    monitor.may_move()
    monitor.stopped(100)
    monitor.judge(train([REST_US, REST_US + 1], 130))
    assert monitor.violations == [], "what was under way"
    monitor.judge(train([REST_US + 2], 170))
    assert monitor.violations == ["170.000 ms, joint 0: moved by 1.0 us though not MOVING"]


def test_pulses_before_arm() -> None:
    monitor = Monitor(ARM)
    monitor.judge(train([REST_US]))
    assert monitor.violations == ["0.000 ms, joint 0: a pulse though the outputs are detached"]


def test_pulses_after_the_outputs_were_let_go() -> None:
    monitor = Monitor(ARM)
    monitor.may_pulse()
    monitor.judge(train([REST_US] * 3))
    monitor.let_go(50)
    monitor.judge(train([REST_US] * 2, 60))
    assert monitor.violations == [], "what was under way"
    monitor.judge(train([REST_US], 100))
    assert monitor.violations == ["100.000 ms, joint 0: a pulse though the outputs are detached"]


def test_after_detached_outputs_the_first_pulse_may_be_elsewhere() -> None:
    monitor = Monitor(ARM)
    monitor.may_pulse()
    monitor.judge(train([1000]))
    monitor.let_go(20)
    monitor.may_pulse()
    monitor.judge(train([2000], 500))
    monitor.restarted()
    monitor.may_pulse()
    monitor.judge(train([1500], 600))
    assert monitor.violations == []
    monitor.may_pulse()
    monitor.judge(train([1000], 700))
    assert len(monitor.violations) == 2, "armed again, but never let go: too fast, and not MOVING"


def test_after_a_restart_there_are_no_pulses() -> None:
    monitor = Monitor(ARM)
    monitor.may_pulse()
    monitor.restarted()
    monitor.judge(train([REST_US]))
    assert len(monitor.violations) == 1


def test_check_tells_the_first_violations() -> None:
    monitor = Monitor(ARM)
    monitor.check()
    monitor.judge(train([REST_US] * 9))
    with pytest.raises(AssertionError, match=r"9 violations in 9 pulses\n +0\.000 ms, joint 0"):
        monitor.check()
