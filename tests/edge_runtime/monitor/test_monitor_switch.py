"""One switch, many pages; whatever happens to a page, nobody is left armed by it."""

from collections.abc import Callable
from random import Random

import pytest

from neurograsp.edge_runtime.monitor.switch import NOT_YOURS, TAKEN, Switch
from neurograsp.edge_runtime.telemetry.feed import Answer, Ask

YES, NO = Answer("lease", True, ""), Answer("lease", False, "another monitor holds the arm switch")


class Someone:
    def __init__(self) -> None:
        self.answers: list[tuple[str, bool, str]] = []

    def told(self, answer: Answer) -> None:
        self.answers.append((answer.ask, answer.granted, answer.text))


@pytest.fixture
def asked() -> list[Ask]:
    return []


@pytest.fixture
def switch(asked: list[Ask]) -> Switch:
    return Switch(asked.append)


def test_who_takes_it_may_arm_and_nobody_else(switch: Switch, asked: list[Ask]) -> None:
    one, two = Someone(), Someone()
    switch.asked(one, Ask.ARM)
    assert one.answers.pop() == ("arm", False, NOT_YOURS)
    switch.asked(one, Ask.LEASE)
    switch.asked(one, Ask.ARM)  # not granted yet
    assert one.answers.pop() == ("arm", False, NOT_YOURS)
    switch.answered(YES)
    assert one.answers.pop() == ("lease", True, "")
    switch.asked(one, Ask.ARM)
    switch.asked(two, Ask.LEASE)
    switch.asked(two, Ask.ARM)
    assert two.answers == [("lease", False, TAKEN), ("arm", False, TAKEN)]
    assert asked == [Ask.LEASE, Ask.ARM]


def test_everybody_may_stop_and_disarm(switch: Switch, asked: list[Ask]) -> None:
    for what in (Ask.STOP, Ask.DISARM):
        switch.asked(Someone(), what)
    assert asked == [Ask.STOP, Ask.DISARM]


def test_signs_of_life_count_of_the_holder_alone(switch: Switch, asked: list[Ask]) -> None:
    one = Someone()
    switch.asked(one, Ask.LEASE)
    switch.asked(one, Ask.ALIVE)
    switch.answered(YES)
    switch.asked(Someone(), Ask.ALIVE)
    assert asked == [Ask.LEASE]
    switch.asked(one, Ask.ALIVE)
    assert asked[1:] == [Ask.ALIVE]


def leave(switch: Switch, page: Someone) -> None:
    switch.gone(page)


def give_back(switch: Switch, page: Someone) -> None:
    switch.asked(page, Ask.RETURN)


@pytest.mark.parametrize("go", [leave, give_back])
def test_going_gives_it_back(go: Callable[[Switch, Someone], None], switch: Switch, asked: list[Ask]) -> None:
    one, two = Someone(), Someone()
    switch.asked(one, Ask.LEASE)
    switch.answered(YES)
    go(switch, two)
    assert asked == [Ask.LEASE]
    go(switch, one)
    assert asked == [Ask.LEASE, Ask.RETURN]
    switch.asked(two, Ask.LEASE)
    switch.answered(YES)
    assert switch.holder is two
    assert switch.granted


def test_one_that_left_before_its_answer_hands_nothing_on(switch: Switch, asked: list[Ask]) -> None:
    one, two = Someone(), Someone()
    switch.asked(one, Ask.LEASE)
    switch.gone(one)
    switch.asked(two, Ask.LEASE)
    switch.answered(YES)  # to the first
    assert not switch.granted
    switch.answered(Answer("return", True, ""))
    switch.answered(YES)
    assert two.answers == [("lease", True, "")]
    assert switch.granted
    assert asked == [Ask.LEASE, Ask.RETURN, Ask.LEASE]


def test_refused_and_ended(switch: Switch) -> None:
    one = Someone()
    switch.asked(one, Ask.LEASE)
    switch.answered(NO)
    assert switch.holder is None
    switch.asked(one, Ask.LEASE)
    switch.answered(YES)
    switch.answered(Answer("lease", False, "silent for 1 s"))  # unasked
    assert one.answers[-1] == ("lease", False, "silent for 1 s")
    assert switch.holder is None
    switch.answered(NO)


def test_the_run_is_gone(switch: Switch, asked: list[Ask]) -> None:
    one = Someone()
    switch.asked(one, Ask.LEASE)
    switch.answered(YES)
    switch.run_lost()
    assert not one.answers[-1][1]
    assert switch.holder is None
    assert asked == [Ask.LEASE]


@pytest.mark.parametrize("seed", range(20))
def test_never_two_and_never_armed_by_nobody(seed: int) -> None:
    """Whatever pages do, in any order: after the last question about the lease has been answered, the run
    believes that somebody holds it just when a page does."""
    random, pages = Random(seed), [Someone() for _ in range(3)]
    waiting: list[Ask] = []
    switch, held = Switch(waiting.append), False

    def answer() -> None:
        nonlocal held
        what = waiting.pop(0)
        if what is Ask.LEASE:
            held = True
            switch.answered(YES)
        elif what is Ask.RETURN:
            held = False
            switch.answered(Answer("return", True, ""))
        elif what is Ask.ARM:
            assert held
            switch.answered(Answer("arm", True, ""))

    for step in range(600):
        page = random.choice(pages)
        if random.random() < 0.4 and waiting:
            answer()
        elif random.random() < 0.2:
            switch.gone(page)
        else:
            switch.asked(page, random.choice([Ask.LEASE, Ask.ARM, Ask.RETURN, Ask.ALIVE]))
        if step % 20 == 19:
            while waiting:
                answer()
            assert held == (switch.holder is not None and switch.granted)
