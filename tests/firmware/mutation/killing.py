"""Runs the real tests against each mutant, in forks of one process that has everything loaded.

A pytest plugin: it takes the collected tests over, runs each once without any mutant to see that it passes,
how long it takes and which mutants it could notice, and then, for each mutant, those that could until one
fails.
"""

import ctypes
import gc
import mmap
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from mutation.operators import Mutant

_KILLED, _SURVIVED, _SAME = 10, 11, 12  # exit codes; any other end is a crash
_ASK_COMPILER_S = 0.3  # tests of a mutant that run so long without a failure suggest that it changes nothing
_KNOWN_S = 1.0  # of tests, for a mutant that is known to survive
_WHOLE_S = 600
_PYTEST = ("-o", "addopts=", "--assert=plain", "--strict-markers", "-s", "--timeout=0")
_PYTEST += ("-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:faulthandler")
_NO_TEST = -1


class Outcome(Enum):
    """What became of a mutant."""

    KILLED = "an assertion failed"
    CRASHED = "the process with the firmware in it died"
    TIMED_OUT = "a test did not end"
    EQUIVALENT = "compiles to the same object code"
    SURVIVED = "no test failed"


_OUTCOMES = {
    _KILLED: Outcome.KILLED,
    _SAME: Outcome.EQUIVALENT,
    _SURVIVED: Outcome.SURVIVED,
    -signal.SIGPROF: Outcome.TIMED_OUT,
    -signal.SIGALRM: Outcome.TIMED_OUT,
}


class BaselineFailed(Exception):
    """The tests do not pass, or run nothing, without any mutant."""


@dataclass(frozen=True)
class _Test:
    index: int
    item: pytest.Item
    cpu_s: float
    noticeable: bytes  # by the number of the mutant


class MutantKiller:
    """The plugin.

    Args:
        switch: shared library of the generated C file that selects a mutant; every core that is loaded later
            takes the switch from it.
        mutants: number 1 and on.
        is_equivalent: whether a mutant is the same program; asked about those that are not killed soon.
        is_known: whether there is a reason why the mutant survives; then not every test is tried again.
        seen: told of each outcome as soon as it is known.
        jobs: processes at a time.

    """

    def __init__(
        self,
        switch: Path,
        mutants: Sequence[Mutant],
        is_equivalent: Callable[[Mutant], bool],
        is_known: Callable[[Mutant], bool],
        seen: Callable[[Mutant, Outcome], None],
        jobs: int,
    ) -> None:
        library = ctypes.CDLL(str(switch), mode=ctypes.RTLD_GLOBAL)
        self._selected = ctypes.c_int.in_dll(library, "hand_mutant_selected")
        self._recording = ctypes.c_int.in_dll(library, "hand_mutant_recording")
        self._noticeable = (ctypes.c_uint8 * (len(mutants) + 1)).in_dll(library, "hand_mutant_noticeable")
        self._mutants = mutants
        self._is_equivalent = is_equivalent
        self._is_known = is_known
        self._seen = seen
        self._jobs = jobs
        self._failed: list[str] = []
        self._running = _NO_TEST
        self._killer = memoryview(mmap.mmap(-1, 4 * (len(mutants) + 1))).cast("i")
        self._kills: dict[str, Counter[int]] = {}
        self._outcomes: list[Outcome] = []
        self._problem = "pytest did not start"

    def run(self, tests: Sequence[str]) -> list[Outcome]:
        """What these tests, named as for pytest, do to each mutant.

        Raises:
            BaselineFailed: a test fails without any mutant, or none runs the code.
        """
        pytest.main([*_PYTEST, *tests], plugins=[self])
        if not self._outcomes:
            raise BaselineFailed(self._problem)
        return self._outcomes

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            self._problem = "the tests cannot be collected"
            return True
        tests = self._baseline(session.items)
        if self._failed:
            self._problem = f"fails without any mutant: {', '.join(self._failed)}"
        elif not tests:
            self._problem = "no test runs the code with the mutants in it"
        else:
            gc.collect()
            gc.freeze()
            self._outcomes = self._hunt(tests)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        failed = call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception)
        if failed and self._running != _NO_TEST:
            self._killer[self._selected.value] = self._running
            os._exit(_KILLED)
        report = yield
        if report.failed:
            self._failed.append(item.nodeid)
        return report

    def _baseline(self, items: Sequence[pytest.Item]) -> list[_Test]:
        tests = []
        self._recording.value = 1
        for index, item in enumerate(items):
            ctypes.memset(self._noticeable, 0, len(self._noticeable))
            started = time.process_time()
            reports = runtestprotocol(item, log=False, nextitem=items[(index + 1) % len(items)])
            cpu_s = time.process_time() - started
            noticeable = bytes(self._noticeable)
            if any(noticeable) and all(report.passed for report in reports):
                tests.append(_Test(index, item, cpu_s, noticeable))
        self._recording.value = 0
        return tests

    def _hunt(self, tests: Sequence[_Test]) -> list[Outcome]:
        outcomes = [Outcome.SURVIVED] * len(self._mutants)
        running: dict[int, int] = {}
        for number in range(1, len(self._mutants) + 1):
            if len(running) == self._jobs:
                self._wait(running, outcomes)
            noticing = self._in_order(number, [test for test in tests if test.noticeable[number]])
            pid = os.fork()
            if pid == 0:
                self._try_to_kill(number, noticing)
            running[pid] = number
        while running:
            self._wait(running, outcomes)
        return outcomes

    def _in_order(self, number: int, tests: Sequence[_Test]) -> list[_Test]:
        """First the tests that have killed most in this function for the time they take."""
        kills = self._kills.setdefault(self._mutants[number - 1].function, Counter())
        return sorted(tests, key=lambda test: -(kills[test.index] + 0.1) / (test.cpu_s + 0.001))

    def _wait(self, running: dict[int, int], outcomes: list[Outcome]) -> None:
        pid, status = os.wait()
        number = running.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        mutant = self._mutants[number - 1]
        if code == _KILLED:
            self._kills[mutant.function][self._killer[number]] += 1
        outcomes[number - 1] = _OUTCOMES.get(code, Outcome.CRASHED)
        self._seen(mutant, outcomes[number - 1])

    def _try_to_kill(self, number: int, tests: Sequence[_Test]) -> None:
        """The child: ends in the hook above at the first failure, by a signal, or here."""
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        signal.alarm(_WHOLE_S)
        self._selected.value = number
        mutant = self._mutants[number - 1]
        known = self._is_known(mutant)
        asked = False
        spent_s = 0.0
        for place, test in enumerate(tests):
            if spent_s > _ASK_COMPILER_S and not asked:
                asked = True
                self._leave_if_equivalent(mutant)
            if known and spent_s > _KNOWN_S:
                os._exit(_SURVIVED)
            self._running = test.index
            signal.setitimer(signal.ITIMER_PROF, 0.5 + 10 * test.cpu_s)
            runtestprotocol(test.item, log=False, nextitem=tests[(place + 1) % len(tests)].item)
            spent_s += test.cpu_s
        if not asked:
            self._leave_if_equivalent(mutant)
        os._exit(_SURVIVED)

    def _leave_if_equivalent(self, mutant: Mutant) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if self._is_equivalent(mutant):
            os._exit(_SAME)
