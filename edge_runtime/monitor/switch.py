"""One switch to arm, and many pages: which of them holds it.

The run gives the right to arm to one connection, and this process has one for all its pages. Whatever is
unclear gives the right back, which disarms the hand.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from neurograsp.edge_runtime.telemetry.feed import Answer, Ask

TAKEN = "another page has the switch"
NOT_YOURS = "take the switch first"


class Holder(Protocol):
    """A page that may hold the switch."""

    def told(self, answer: Answer) -> None:
        """What became of something that it asked for, or of its switch."""


class Switch:
    """Args:
    ask: puts a question to the run.
    """

    def __init__(self, ask: Callable[[Ask], None]) -> None:
        self.holder: Holder | None = None
        """Who has it, or has asked for it first."""
        self.granted = False
        """The run has said yes."""
        self._ask = ask
        self._asked: deque[Holder] = deque()

    def asked(self, page: Holder, what: Ask) -> None:
        """A page asks; what it may not is answered here, all else by the run."""
        mine = self.holder is page
        if what is Ask.LEASE:
            self._take(page)
        elif what is Ask.ALIVE:
            if mine and self.granted:
                self._ask(what)
        elif what is Ask.RETURN:
            self.gone(page)
        elif what is Ask.ARM and not (mine and self.granted):
            page.told(Answer("arm", False, NOT_YOURS if self.holder in (None, page) else TAKEN))
        else:
            self._ask(what)

    def _take(self, page: Holder) -> None:
        if self.holder is page:
            return
        if self.holder is not None:
            page.told(Answer("lease", False, TAKEN))
            return
        self.holder = page
        self._asked.append(page)
        self._ask(Ask.LEASE)

    def gone(self, page: Holder) -> None:
        """A page gives the switch back, or has vanished: the hand is disarmed."""
        if self.holder is page:
            self.holder, self.granted = None, False
            self._ask(Ask.RETURN)

    def answered(self, answer: Answer) -> None:
        """The run has answered, or says unasked that the right has ended."""
        if answer.ask != "lease":
            if self.holder is not None and answer.ask == "arm":
                self.holder.told(answer)
            return
        page = self._asked.popleft() if self._asked else self.holder
        if page is None or page is not self.holder:
            return  # it has gone, and what it was granted was given back behind it
        self.granted = answer.granted
        if not answer.granted:
            self.holder = None
        page.told(answer)

    def run_lost(self) -> None:
        """Nobody is there to be asked any more."""
        page, self.holder, self.granted = self.holder, None, False
        self._asked.clear()
        if page is not None:
            page.told(Answer("lease", False, "the run is not there any more"))
