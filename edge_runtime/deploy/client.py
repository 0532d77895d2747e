"""The workstation's end of a deployment: one board after the other, over ssh."""

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from neurograsp.edge_runtime.contract.errors import BoardError, ProtocolError
from neurograsp.edge_runtime.deploy.archive import Archive
from neurograsp.edge_runtime.deploy.fleet import Board
from neurograsp.edge_runtime.deploy.pipe import Pipe, PipeClosed
from neurograsp.edge_runtime.deploy.protocol import (
    AskStatus,
    BoardStatus,
    Ended,
    FromBoard,
    Install,
    Rollback,
    Step,
    Switch,
    Terms,
    read_hello,
    read_line,
    to_line,
)
from neurograsp.edge_runtime.deploy.selftest import TEST_S
from neurograsp.edge_runtime.deploy.service import RESTART_S, last_words
from neurograsp.edge_runtime.deploy.ssh import ALIVE_S, ALIVE_TRIES, CONNECT_S, explain, ssh_command

HELLO_S = CONNECT_S + 60.0
SEND_S = 2.0 * ALIVE_S * ALIVE_TRIES
STEP_S = 2 * TEST_S + 60.0
ASK_AGAIN_S = 5.0
MAX_STDERR = 2**14

Say = Callable[[str], None]


@dataclass
class Result:
    """Attributes:
    outcome: as the board ended it (`protocol.Ended`); `unreachable`: nothing was begun; `lost`: the link was
        cut before the switch, so nothing was changed; `unknown`: cut after it, and no answer since.
    reason: why, for people.
    fault: the bundle did not do, so that other boards need not try it.
    seconds: of each part.
    status: of the board, afterwards.
    """

    outcome: str
    reason: str
    fault: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    status: BoardStatus | None = None

    @property
    def ok(self) -> bool:
        damaged = self.outcome == "status" and self.status is not None and self.status.damage is not None
        return self.outcome in ("status", "confirmed", "unchanged") and not damaged


class LinkCut(Exception):
    """The board was talking, and stopped before it had ended."""


class Call:
    """One ssh to a board that has said hello.

    Args:
        pipe: to its neurograsp.
    """

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def tell(self, message: object) -> None:
        with _cut():
            self._pipe.send(to_line(message), SEND_S)

    def upload(self, data: bytes) -> None:
        """A board that has had enough says why in its next line."""
        with _cut(), suppress(PipeClosed):
            self._pipe.send_bytes(data, SEND_S)

    def hear(self, timeout_s: float) -> Step | Ended:
        """Raises LinkCut, and ProtocolError for what is no message."""
        with _cut():
            return read_line(FromBoard, self._pipe.receive(timeout_s), "the board").line


@contextmanager
def _cut() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise LinkCut("it fell silent") from error
    except PipeClosed as error:
        raise LinkCut("the link was cut") from error


@contextmanager
def call(board: Board, config: Path | None) -> Iterator[Call]:
    """Start the board's neurograsp.

    Raises:
        BoardError: it cannot be reached, or what answers is none or of another version.
    """
    try:
        process = subprocess.Popen(
            ssh_command(board, config),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    except OSError as error:
        raise BoardError(f"ssh cannot be started ({error.strerror}); install openssh-client") from error
    with process:
        assert process.stdin and process.stdout and process.stderr
        said: list[bytes] = []
        # stderr has to be read all the time, or whoever fills it stands still.
        listener = Thread(target=_listen, args=(process.stderr, said), daemon=True)
        listener.start()
        try:
            pipe = Pipe(process.stdout.fileno(), process.stdin.fileno())
            try:
                read_hello(pipe.receive(HELLO_S, noise=True))
            except TimeoutError as error:
                raise BoardError(f"its neurograsp said nothing for {HELLO_S:g} s") from error
            except PipeClosed as error:
                code = process.wait()
                raise BoardError(explain(board, code, _text(listener, said))) from error
            except ProtocolError as error:
                raise BoardError(str(error)) from error
            yield Call(pipe)
        except LinkCut as error:
            words = last_words(_text(listener, said))
            raise LinkCut(f"{error} ({words})" if words else str(error)) from error
        finally:
            with suppress(OSError):
                process.stdin.close()
            process.terminate()
            process.wait()
            listener.join(1.0)


def _text(listener: Thread, said: list[bytes]) -> str:
    listener.join(1.0)  # what it said last is on its way
    return b"".join(said).decode(errors="replace")


def _listen(stream: object, said: list[bytes]) -> None:
    while data := stream.read(4096):  # type: ignore[attr-defined]
        if sum(map(len, said)) < MAX_STDERR:
            said.append(data)


def ask_status(board: Board, config: Path | None) -> Result:
    """Raises nothing: what went wrong is in the result."""
    try:
        with call(board, config) as line:
            line.tell(AskStatus("status"))
            ended = line.hear(STEP_S)
    except (BoardError, ProtocolError) as error:
        return Result("unreachable", str(error))
    except LinkCut as error:
        return Result("lost", str(error))
    if not isinstance(ended, Ended):
        return Result("lost", "it answered something else")
    result = _result(ended)
    if ended.status is not None and ended.status.damage is not None:
        result.reason = ended.status.damage
    return result


def change(
    board: Board,
    config: Path | None,
    archive: Archive | None,
    terms: Terms,
    say: Say,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Bring a bundle onto a board, or its other one back.

    Args:
        board: where to.
        config: of ssh, instead of the person's.
        archive: the bundle; None: back to the one before.
        terms: of test and trial.
        say: what happens, for people.
        clock, sleep: for durations, and for asking again after the link was cut.
    """
    talk = Talk(archive, terms, say, clock)
    try:
        with call(board, config) as line:
            talk.lap("connect")
            result = talk.through(line)
    except (BoardError, ProtocolError, LinkCut) as error:
        if talk.told_to_switch:
            say(f"{error} after the switch: the board goes on by itself; asking it again")
            result = _ask_again(board, config, talk.ticket, terms, clock, sleep)
        elif isinstance(error, LinkCut):
            result = Result("lost", f"{error} before the switch: nothing was changed")
        else:
            result = Result("unreachable", str(error))
    except KeyboardInterrupt:
        if talk.told_to_switch:
            say("interrupted after the switch: the board goes on by itself; ask --status later")
        raise
    result.seconds = talk.seconds
    return result


class Talk:
    """One deployment as the workstation sees it."""

    def __init__(self, archive: Archive | None, terms: Terms, say: Say, clock: Callable[[], float]) -> None:
        self.archive = archive
        self.terms = terms
        self.say = say
        self.ticket = secrets.token_hex(8)
        self.told_to_switch = False
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._lap = clock()

    def lap(self, name: str) -> None:
        """What took until now was this."""
        now = self._clock()
        self.seconds[name] = round(now - self._lap, 3)
        self._lap = now

    def through(self, line: Call) -> Result:
        """Raises LinkCut, ProtocolError."""
        if self.archive is None:
            line.tell(Rollback("rollback", self.ticket, self.terms))
        else:
            one = self.archive
            size = len(one.data)
            line.tell(Install("install", size, one.sha256, one.bundle_sha256, self.ticket, self.terms))
        timeout_s = STEP_S + trial_s(self.terms)  # the board may have to end a trial that nobody watched
        while True:
            message = line.hear(timeout_s)
            if isinstance(message, Ended):
                if self.told_to_switch:
                    self.lap("trial")
                return _result(message)
            self.say(f"{message.step}: {message.detail}")
            if message.step == "ready" and self.archive is not None:
                line.upload(self.archive.data)
            elif message.step == "received":
                self.lap("send")
            elif message.step == "tested":
                self.lap("test")
                self.told_to_switch = True
                line.tell(Switch("switch"))
                timeout_s = trial_s(self.terms)


def trial_s(terms: Terms) -> float:
    """The longest that a board is silent after the switch."""
    return terms.trial_s + 2 * RESTART_S + 30.0


def _result(ended: Ended) -> Result:
    return Result(ended.outcome, ended.reason, ended.fault, status=ended.status)


def _ask_again(
    board: Board,
    config: Path | None,
    ticket: str,
    terms: Terms,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Result:
    """What became of a trial, once the board can be reached again; it may take both trials' time."""
    begin, result = clock(), Result("unknown", "")
    while clock() - begin < 2 * trial_s(terms):
        sleep(ASK_AGAIN_S)
        result = ask_status(board, config)
        status = result.status
        if result.outcome != "status" or status is None or status.watched:
            continue
        if status.trial is not None:
            reason = "on trial, and nobody watches it: the service's next start returns to the old bundle"
            return Result("unknown", reason, status=status)
        return _told(status, ticket)
    return Result("unknown", f"no answer since ({result.reason}); ask --status later", status=result.status)


def _told(status: BoardStatus, ticket: str) -> Result:
    """From what the board remembers of its last trial."""
    last = status.last
    if last is None or last.ticket != ticket:
        return Result("lost", "the link was cut before the switch: nothing was changed", status=status)
    return Result(last.outcome, last.reason, fault=last.outcome == "returned", status=status)
