"""Both ends of a deployment over pipes, without ssh: every way it can go, and the link cut at every byte."""

import json
import math
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from slot_bundles import SAMPLE, make_archive, make_bundle
from small_disk import small_disk
from toys import REPOSITORY

from neurograsp.edge_runtime.bundle import SIGNATURE, open_bundle
from neurograsp.edge_runtime.contract.errors import BundleError, CheckFailed, ConfigError, ProtocolError
from neurograsp.edge_runtime.deploy import pipe as pipes
from neurograsp.edge_runtime.deploy import selftest
from neurograsp.edge_runtime.deploy.archive import Archive, pack
from neurograsp.edge_runtime.deploy.board import Board
from neurograsp.edge_runtime.deploy.client import Call, LinkCut, Result, Talk
from neurograsp.edge_runtime.deploy.pipe import Pipe, PipeClosed
from neurograsp.edge_runtime.deploy.protocol import (
    AskStatus,
    Ended,
    Install,
    Switch,
    Terms,
    read_hello,
    to_line,
)
from neurograsp.edge_runtime.deploy.selftest import SelfTest, self_test
from neurograsp.edge_runtime.deploy.service import Look
from neurograsp.edge_runtime.deploy.slots import Phase
from neurograsp.edge_runtime.deploy.store import SlotStore
from neurograsp.edge_runtime.signature import make_keys
from neurograsp.firmware_bridge.strict import encode

TERMS = Terms(settle_s=3.0, trial_s=10.0)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Archive]:
    folder = tmp_path_factory.mktemp("bundles")
    return {name: make_archive(folder, name) for name in ("old", "new", "sick")}


@dataclass
class Runner:
    """A service that loads `current` when it starts, and is not healthy with the bundle `sick`."""

    root: Path
    state: str = "up"
    armed: bool | None = False
    loaded: str | None = None
    starts: int = 0
    name: str = "runner"
    runs_other: bool = False
    sick: str = "starting"
    restarts_left: float = math.inf
    answers: bool = True

    def check(self, root: Path) -> None:
        if self.runs_other or root != self.root:
            raise CheckFailed("it runs something else")

    def look(self) -> Look:
        if not self.answers:
            return Look("starting", "", None, "systemctl took more than 10 s", answered=False)
        state = self.sick if self.loaded == "sick" else self.state
        return Look(state, str(self.starts), self.armed, f"runs {self.loaded}")  # type: ignore[arg-type]

    def restart(self) -> None:
        if self.restarts_left < 1:
            raise CheckFailed("not allowed")
        self.restarts_left -= 1
        self.starts += 1
        self.armed = False
        path = self.root / "current"
        self.loaded = open_bundle(path).manifest.name if path.exists() else None
        if self.loaded is None:
            self.state = "down"


@dataclass
class World:
    """A board on one end of two pipes, a workstation on the other."""

    root: Path
    service: Runner = field(init=False)
    store: SlotStore = field(init=False)
    said: list[str] = field(default_factory=list)
    during: Callable[[str], None] = lambda step: None
    now: float = 0.0

    def __post_init__(self) -> None:
        self.service = Runner(self.root)
        self.store = SlotStore(self.root, lambda: "2026-01-01T00:00:00Z")

    def test(self, archive: Path, terms: Terms) -> SelfTest:
        self.during("test")
        bundle = open_bundle(archive)
        return SelfTest(bundle.sha256, bundle.signature, 100, 0, 20.0, 1.0, 2.0)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def board(self, reading: int, writing: int) -> Board:
        return Board(
            *(Pipe(reading, writing), self.store, self.service, self.test),
            let_go=lambda: self.during("let go"),
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    def deploy(self, archive: Archive | None, terms: Terms = TERMS) -> Result:
        with Line(self) as line:
            read_hello(line.pipe.receive(10.0))
            return self.talk(archive, terms).through(Call(line.pipe))

    def talk(self, archive: Archive | None, terms: Terms = TERMS) -> Talk:
        return Talk(archive, terms, self.said.append, lambda: self.now)

    @property
    def runs(self) -> str | None:
        path = self.root / "current"
        return open_bundle(path).manifest.name if path.exists() else None


class Line:
    """The pipes, and the board behind them in a thread; closing cuts the link."""

    def __init__(self, world: World) -> None:
        self._to_board, to_board = os.pipe()
        from_board, self._from_board = os.pipe()
        self.pipe = Pipe(from_board, to_board)
        self.ends = [from_board, to_board]
        self._board = world.board(self._to_board, self._from_board)
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        try:
            with suppress(PipeClosed, TimeoutError):
                self._board.serve()
        finally:
            for end in (self._to_board, self._from_board):
                os.close(end)

    def cut(self) -> None:
        while self.ends:
            os.close(self.ends.pop())

    def __enter__(self) -> "Line":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def with_old(world: World, archives: dict[str, Archive]) -> World:
    assert world.deploy(archives["old"]).outcome == "confirmed"
    world.said.clear()
    return world


def test_a_bundle_replaces_the_other_one(with_old: World, archives: dict[str, Archive]) -> None:
    result = with_old.deploy(archives["new"])
    assert (result.outcome, result.ok, with_old.runs, with_old.service.loaded) == (
        *("confirmed", True, "new", "new"),
    )
    assert [line.partition(":")[0] for line in with_old.said] == ["ready", "received", "tested", "switched"]
    assert result.status is not None
    assert (result.status.good, result.status.trial, result.status.phase) == ("b", None, "settled")
    assert with_old.root.joinpath("a").exists()


def test_the_status_is_as_the_schema_says(with_old: World) -> None:
    with Line(with_old) as line:
        read_hello(line.pipe.receive(10.0))
        call = Call(line.pipe)
        call.tell(AskStatus("status"))
        ended = call.hear(10.0)
    assert isinstance(ended, Ended)
    schema = json.loads((REPOSITORY / "docs/schemas/slot-status.schema.json").read_text())
    Draft202012Validator(schema).validate(encode(ended.status))
    assert ended.status is not None
    assert ended.status.slots["a"] is not None
    assert ended.status.slots["a"].name == "old"
    assert ended.status.slots["b"] is None


def test_the_same_bundle_changes_nothing(with_old: World, archives: dict[str, Archive]) -> None:
    starts = with_old.service.starts
    result = with_old.deploy(archives["old"])
    assert (result.outcome, result.ok) == ("unchanged", True)
    assert with_old.service.starts == starts
    assert with_old.said == []


def test_a_signature_comes_to_a_board_too(with_old: World, tmp_path: Path) -> None:
    signed = make_bundle(tmp_path, "old")
    (signed / SIGNATURE).write_bytes(bytes(64))
    archive = pack(open_bundle(signed))
    assert with_old.deploy(archive).outcome == "confirmed"
    assert open_bundle(with_old.root / "current").signature == "not checked"
    assert with_old.deploy(archive).outcome == "unchanged"


def test_a_slot_that_rotted_is_filled_anew(with_old: World, archives: dict[str, Archive]) -> None:
    (with_old.root / "a").write_bytes(b"rotten")
    assert with_old.deploy(archives["old"]).outcome == "confirmed"
    assert with_old.runs == "old"


def test_a_service_that_runs_something_else_is_refused(with_old: World, archives: dict[str, Archive]) -> None:
    with_old.service.runs_other = True
    result = with_old.deploy(archives["new"])
    assert (result.outcome, result.fault, result.reason) == ("refused", False, "it runs something else")
    assert with_old.runs == "old"


def test_a_bundle_that_does_not_become_healthy_is_taken_back(
    with_old: World, archives: dict[str, Archive]
) -> None:
    result = with_old.deploy(archives["sick"])
    assert (result.outcome, result.ok, result.fault) == ("returned", False, True)
    assert result.reason.startswith("not healthy within 10 s: runs sick; the old bundle runs again (healthy")
    assert with_old.runs == with_old.service.loaded == "old"
    assert with_old.store.load().last is not None


def test_when_the_old_one_is_not_healthy_either_that_is_said(
    with_old: World, archives: dict[str, Archive]
) -> None:
    with_old.service.state = "starting"
    result = with_old.deploy(archives["new"])
    assert "the old one is not healthy either (not healthy within 10 s: runs old)" in result.reason
    assert with_old.runs == "old"


def test_a_first_bundle_that_does_not_do_leaves_none(world: World, archives: dict[str, Archive]) -> None:
    result = world.deploy(archives["sick"])
    assert result.outcome == "returned"
    assert "there was no bundle before" in result.reason
    assert world.runs is None
    assert world.service.loaded is None, "what is not good must not go on running"
    assert world.store.load().phase is Phase.EMPTY
    assert world.deploy(archives["new"]).outcome == "returned", "this service stays down"


def test_a_stopped_service_is_not_started(with_old: World, archives: dict[str, Archive]) -> None:
    with_old.service.state, starts = "stopped", with_old.service.starts
    result = with_old.deploy(archives["new"])
    assert (result.outcome, with_old.runs, with_old.service.starts) == ("confirmed", "new", starts)
    assert "it stays stopped" in with_old.said[0]


def test_back_and_forth(with_old: World, archives: dict[str, Archive]) -> None:
    assert with_old.deploy(None).reason == "there is no other bundle on this board to go back to"
    with_old.deploy(archives["new"])
    assert with_old.deploy(None).outcome == "confirmed"
    assert with_old.runs == with_old.service.loaded == "old"
    assert with_old.deploy(None).outcome == "confirmed"
    assert with_old.runs == "new"


def test_nobody_goes_back_to_what_was_never_good(with_old: World, archives: dict[str, Archive]) -> None:
    with_old.deploy(archives["new"])
    with_old.deploy(archives["sick"])
    result = with_old.deploy(None)
    assert (result.outcome, result.fault) == ("refused", False)
    assert result.reason == "what is in slot a was never confirmed: deploy what you want instead"
    assert with_old.runs == with_old.service.loaded == "new"


def test_a_rollback_that_fails_may_be_tried_again(with_old: World, archives: dict[str, Archive]) -> None:
    with_old.deploy(archives["new"])
    with_old.service.state = "starting"
    assert with_old.deploy(None).outcome == "returned"
    with_old.service.state = "up"
    assert with_old.deploy(None).outcome == "confirmed"
    assert with_old.runs == "old"


def test_a_rollback_is_tested_too(with_old: World, archives: dict[str, Archive]) -> None:
    with_old.deploy(archives["new"])
    (with_old.root / "a").write_bytes(b"rotten")
    result = with_old.deploy(None)
    assert (result.outcome, result.fault, with_old.runs) == ("refused", True, "new")
    assert "not a readable bundle" in result.reason


@pytest.mark.parametrize("moment", ["before", "during the test"])
def test_an_armed_hand_is_not_surprised(moment: str, with_old: World, archives: dict[str, Archive]) -> None:
    def arm(step: str = "") -> None:
        with_old.service.armed = True

    if moment == "before":
        arm()
    else:
        with_old.during = arm
    starts = with_old.service.starts
    result = with_old.deploy(archives["new"])
    assert (result.outcome, result.fault) == ("refused", False)
    assert result.reason.startswith("the hand is armed: disarm it first, or --while-armed")
    assert (with_old.runs, with_old.service.starts, with_old.service.armed) == ("old", starts, True)
    assert with_old.deploy(archives["new"], replace(TERMS, while_armed=True)).outcome == "confirmed"
    assert with_old.service.armed is False


@pytest.mark.parametrize("moment", ["before", "during the test"])
def test_a_hand_that_cannot_be_asked_for_is_not_surprised(
    moment: str, with_old: World, archives: dict[str, Archive]
) -> None:
    """The service hangs or the bus does; the hand may be armed all the same."""

    def fall_silent(step: str = "") -> None:
        with_old.service.answers = False

    if moment == "before":
        fall_silent()
    else:
        with_old.during = fall_silent
    starts = with_old.service.starts
    result = with_old.deploy(archives["new"])
    assert (result.outcome, result.fault) == ("refused", False)
    assert result.reason == (
        "whether the hand is armed cannot be asked (systemctl took more than 10 s): deploy again once it "
        "can, or --while-armed, which stops the hand; it comes back disarmed"
    )
    assert (with_old.runs, with_old.service.starts) == ("old", starts)
    with_old.during = lambda step: None
    assert with_old.deploy(archives["new"], replace(TERMS, while_armed=True)).outcome != "refused"
    assert with_old.service.starts > starts


def test_who_arms_at_the_switch_keeps_the_hand(with_old: World, archives: dict[str, Archive]) -> None:
    def arm(step: str) -> None:
        with_old.service.armed = step == "let go"

    with_old.during, starts = arm, with_old.service.starts
    result = with_old.deploy(archives["new"])
    assert (result.outcome, result.fault) == ("returned", False)
    assert "on trial it stays, and what runs now may be it: the hand is armed: disarm it" in result.reason
    assert (with_old.runs, with_old.service.loaded, with_old.service.starts) == ("old", "old", starts)
    assert (with_old.service.armed, with_old.store.load().phase) == (True, Phase.TRIAL)
    with_old.during, with_old.service.armed = lambda step: None, False
    assert with_old.deploy(archives["new"]).outcome == "confirmed"


@pytest.mark.parametrize("how", ["armed", "not to be asked"])
@pytest.mark.parametrize("failure", ["cannot be confirmed", "the watcher failed"])
def test_who_arms_during_the_trial_keeps_the_hand(
    failure: str,
    how: str,
    with_old: World,
    archives: dict[str, Archive],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It stays on trial, and the next start or deployment leaves it."""

    def fail(*_: object) -> None:
        with_old.service.armed = True
        with_old.service.answers = how == "armed"
        raise ConfigError("no space") if failure == "cannot be confirmed" else RuntimeError("a bug")

    starts = with_old.service.starts
    with monkeypatch.context() as patched:
        patched.setattr(with_old.store, "confirm", fail)
        patched.setattr(threading, "excepthook", lambda _: None)
        if failure == "cannot be confirmed":
            result = with_old.deploy(archives["new"])
            assert (result.outcome, result.fault) == ("returned", False)
            said = "the hand is armed" if how == "armed" else "whether the hand is armed cannot be asked"
            assert result.reason.startswith(
                f"cannot be confirmed: no space; on trial it stays, and what runs now may be it: {said}"
            )
        else:
            with pytest.raises(LinkCut):
                with_old.deploy(archives["new"])
    with_old.service.answers = True
    assert (with_old.service.starts, with_old.service.armed) == (starts + 1, True)
    assert (with_old.runs, with_old.service.loaded) == ("old", "new")
    assert with_old.store.load().phase is Phase.TRIAL
    assert with_old.deploy(archives["old"]).reason.startswith("the hand is armed")
    with_old.service.armed = False
    assert with_old.deploy(archives["old"]).outcome == "unchanged"
    assert with_old.service.loaded == "old"


def test_what_is_not_healthy_is_left_whoever_armed_it(with_old: World, archives: dict[str, Archive]) -> None:
    """Up and down again; the restart stops the hand."""
    looks = with_old.service.look

    def flapping() -> Look:
        look = looks()
        if look.detail != "runs sick":
            return look
        up = with_old.now % 2 == 0
        return replace(look, state="up" if up else "starting", armed=up)

    with_old.service.look = flapping  # type: ignore[method-assign]
    result = with_old.deploy(archives["sick"])
    assert (result.outcome, result.fault) == ("returned", True)
    assert "the old bundle runs again" in result.reason
    assert (with_old.service.loaded, with_old.service.armed) == ("old", False)


def leave_on_trial(world: World, archive: Archive) -> None:
    """As a watcher that was killed: the bundle runs, and nobody looks."""
    with world.store.alone():
        slots = world.store.settle()
        with world.store.incoming() as incoming:
            incoming.write_bytes(archive.data)
            slots = world.store.put(incoming, slots)
        world.store.switch(slots, "dead")
    world.service.restart()


@pytest.mark.parametrize("again", ["old", "new"])
def test_what_nobody_watched_does_not_run_on(
    again: str, with_old: World, archives: dict[str, Archive]
) -> None:
    leave_on_trial(with_old, archives["new"])
    assert with_old.service.loaded == "new"
    starts = with_old.service.starts
    result = with_old.deploy(archives[again])
    assert result.outcome == {"old": "unchanged", "new": "confirmed"}[again]
    assert with_old.said[:2] == [
        "returning: slot b was on trial, and nobody watched it any more: the board was switched off, or its "
        "watcher was killed",
        "returned: to a: healthy for 3 s: runs old",
    ]
    assert with_old.runs == with_old.service.loaded == again
    assert with_old.service.starts == starts + {"old": 1, "new": 2}[again]
    assert with_old.store.load().phase is Phase.SETTLED


def test_a_first_trial_that_nobody_watched_does_not_run_on(
    world: World, archives: dict[str, Archive]
) -> None:
    leave_on_trial(world, archives["sick"])
    assert world.deploy(None).outcome == "refused"
    assert (world.runs, world.service.loaded) == (None, None)


def test_what_nobody_watched_is_not_taken_from_an_armed_hand(
    with_old: World, archives: dict[str, Archive]
) -> None:
    leave_on_trial(with_old, archives["new"])
    with_old.service.armed = True
    result = with_old.deploy(archives["old"])
    assert (result.outcome, result.reason[:17]) == ("refused", "the hand is armed")
    assert (with_old.runs, with_old.service.loaded, with_old.service.armed) == ("new", "new", True)
    assert with_old.store.load().phase is Phase.TRIAL


def test_what_may_run_on_stays_on_trial(with_old: World, archives: dict[str, Archive]) -> None:
    """Until the service was started anew nothing says that the old bundle runs."""
    leave_on_trial(with_old, archives["new"])
    with_old.service.restarts_left = 0
    for bundle in ("old", "new"):
        result = with_old.deploy(archives[bundle])
        assert (result.outcome, result.fault) == ("refused", False)
        assert result.reason == "slot b is on trial, and may run: not allowed"
    assert (with_old.runs, with_old.service.loaded) == ("old", "new")
    assert with_old.store.load().phase is Phase.TRIAL
    with_old.service.restarts_left = 1
    assert with_old.deploy(archives["old"]).outcome == "unchanged"
    assert with_old.service.loaded == "old"


@pytest.mark.parametrize("later", [True, False])
def test_a_restart_that_is_not_allowed_is_no_fault_of_the_bundle(
    later: bool, with_old: World, archives: dict[str, Archive]
) -> None:
    with_old.service.restarts_left = 1 if later else 0
    result = with_old.deploy(archives["sick" if later else "new"])
    assert (result.outcome, result.fault) == ("returned", later)
    assert result.reason.endswith("on trial it stays, and what runs now may be it: not allowed")
    assert with_old.runs == "old"
    assert with_old.store.load().phase is Phase.TRIAL
    assert with_old.service.loaded == ("sick" if later else "old")


def test_one_at_a_time(with_old: World, archives: dict[str, Archive]) -> None:
    with with_old.store.alone():
        result = with_old.deploy(archives["new"])
    assert (result.outcome, result.fault) == ("refused", False)
    assert "another deployment is under way" in result.reason


@pytest.mark.parametrize("stopped", [False, True])
def test_a_watcher_that_fails_goes_back(
    stopped: bool, with_old: World, archives: dict[str, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(seconds: float) -> None:
        assert with_old.service.loaded == "new"
        if stopped:
            with_old.service.state = "stopped"
        raise RuntimeError("a bug")

    monkeypatch.setattr(with_old, "sleep", fail)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with Line(with_old) as line, pytest.raises(LinkCut):
        read_hello(line.pipe.receive(10.0))
        with_old.talk(archives["new"]).through(Call(line.pipe))
    assert with_old.runs == "old"
    assert with_old.service.loaded == ("new" if stopped else "old")
    assert with_old.store.load().phase is Phase.SETTLED


def test_what_is_confirmed_stays_whatever_the_status_says(
    with_old: World, archives: dict[str, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("neurograsp.edge_runtime.deploy.board.board_status", fail)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with Line(with_old) as line, pytest.raises(LinkCut):
        read_hello(line.pipe.receive(10.0))
        with_old.talk(archives["new"]).through(Call(line.pipe))
    assert with_old.runs == with_old.service.loaded == "new"
    assert with_old.store.load().good == "b"


@pytest.mark.parametrize(
    ("state", "loaded", "said"),
    [("ended", "old", "the old bundle runs again"), ("stopped", "sick", "nothing was restarted: runs sick")],
)
def test_what_ended_on_trial_is_started_again_and_what_was_stopped_is_not(
    state: str, loaded: str, said: str, with_old: World, archives: dict[str, Archive]
) -> None:
    with_old.service.sick = state
    result = with_old.deploy(archives["sick"])
    assert (result.outcome, result.fault) == ("returned", True)
    assert result.reason.startswith(f"the service does not run: runs sick; {said}")
    assert (with_old.runs, with_old.service.loaded) == ("old", loaded)
    last = with_old.store.load().last
    assert last is not None
    assert last.reason == result.reason


@pytest.mark.parametrize("state", ["ended", "stopped"])
@pytest.mark.parametrize("first", [True, False])
def test_what_does_not_run_is_not_started_by_the_way_back(
    first: bool, state: str, world: World, archives: dict[str, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ConfigError("no space")

    if not first:
        world.deploy(archives["old"])
    world.service.state, starts = state, world.service.starts
    monkeypatch.setattr(world.store, "confirm", fail)
    result = world.deploy(archives["new"])
    assert (result.outcome, result.fault) == ("returned", False)
    assert result.reason.startswith("cannot be confirmed: no space; nothing was restarted")
    assert (world.service.starts, world.runs) == (starts, None if first else "old")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sha256": "0" * 64}, "the archive changed on its way"),
        ({"bundle_sha256": "0" * 64}, "another bundle arrived than was announced"),
    ],
)
def test_what_arrives_must_be_what_was_announced(
    change: dict[str, Any], reason: str, with_old: World, archives: dict[str, Archive]
) -> None:
    result = with_old.deploy(replace(archives["new"], **change))
    assert result.outcome == "refused"
    assert reason in result.reason
    assert with_old.runs == "old"
    assert sorted(path.name for path in with_old.root.iterdir()) == ["a", "current", "lock", "state.json"]


def test_a_disk_that_is_too_small(
    with_old: World, archives: dict[str, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    result = with_old.deploy(archives["new"])
    assert (result.outcome, result.fault) == ("refused", False)
    assert "0.0 MB free, 1.2 are needed" in result.reason


def test_a_disk_that_fills_up_while_the_archive_arrives(
    tmp_path: Path, archives: dict[str, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 2**40}))
    with small_disk(tmp_path / "disk") as root:
        (root / "theirs").write_bytes(bytes(100_000))
        result = World(root).deploy(archives["new"])
        assert (result.outcome, result.fault) == ("refused", False)
        assert result.reason == f"{root}: cannot be written: No space left on device"
        assert {path.name for path in root.iterdir()} == {"lock", "theirs"}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"type": "reboot"}, "'reboot' is not possible"),
        ({"type": "install", "size": 2**40}, "the key 'archive_sha256' is missing"),
        ({"type": "switch"}, "nothing to switch to"),
        ({"type": "rollback", "ticket": "x", "terms": {"trial_s": 1e9}}, "settle_s must be below trial_s"),
    ],
)
def test_another_language_is_refused(request_: dict[str, Any], reason: str, with_old: World) -> None:
    with Line(with_old) as line:
        read_hello(line.pipe.receive(10.0))
        line.pipe.send(request_, 10.0)
        ended = Call(line.pipe).hear(10.0)
    assert isinstance(ended, Ended)
    assert ended.outcome == "refused"
    assert reason in ended.reason


def test_whoever_is_silent_is_gone(
    with_old: World, archives: dict[str, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurograsp.edge_runtime.deploy.board.LINK_S", 0.05)
    with Line(with_old) as line:
        read_hello(line.pipe.receive(10.0))
        with pytest.raises(PipeClosed):
            line.pipe.receive(10.0)
    assert not with_old.store.watched


class CutAfter:
    """A pipe to the board that is cut after so many bytes."""

    def __init__(self, line: Line, left: int) -> None:
        self._line, self._left = line, left

    def send(self, message: dict[str, Any], timeout_s: float) -> None:
        self.send_bytes(json.dumps(message).encode() + b"\n", timeout_s)

    def send_bytes(self, data: bytes, timeout_s: float) -> None:
        self._line.pipe.send_bytes(data[: self._left], timeout_s)
        self._left -= len(data)
        if self._left <= 0:
            self._line.cut()
            raise PipeClosed

    def receive(self, timeout_s: float) -> Any:
        if not self._line.ends:
            raise PipeClosed
        return self._line.pipe.receive(timeout_s)


def test_cut_at_any_byte_to_the_board(with_old: World, archives: dict[str, Archive]) -> None:
    """Before the last byte of its "switch" nothing changed; after it the board decides alone."""
    new = archives["new"]
    ticket = with_old.talk(new).ticket
    install = Install("install", len(new.data), new.sha256, new.bundle_sha256, ticket, TERMS)
    request, switch = (len(json.dumps(to_line(one))) + 1 for one in (install, Switch("switch")))
    sent = request + len(new.data)
    for at in (1, request - 1, request, request + 5000, sent - 1, sent, sent + switch - 1, sent + switch):
        with Line(with_old) as line:
            read_hello(line.pipe.receive(10.0))
            with pytest.raises(LinkCut):
                with_old.talk(new).through(Call(CutAfter(line, at)))  # type: ignore[arg-type]
        assert with_old.runs == with_old.service.loaded == ("new" if at == sent + switch else "old"), at
        assert with_old.store.load().phase is Phase.SETTLED
        assert not with_old.store.watched


@pytest.mark.parametrize("step", ["ready", "received", "tested", "switched"])
def test_cut_after_every_message_of_the_board(
    step: str, with_old: World, archives: dict[str, Archive]
) -> None:
    with Line(with_old) as line:
        talk = with_old.talk(archives["new"])

        def say(text: str) -> None:
            if text.startswith(step):
                line.cut()

        talk.say = say
        read_hello(line.pipe.receive(10.0))
        with pytest.raises((LinkCut, OSError)):
            talk.through(Call(line.pipe))
    assert with_old.runs == with_old.service.loaded == ("new" if step == "switched" else "old")
    assert with_old.store.load().phase is Phase.SETTLED


def test_cut_during_a_trial_that_fails(with_old: World, archives: dict[str, Archive]) -> None:
    with Line(with_old) as line:
        talk = with_old.talk(archives["sick"])
        talk.say = lambda text: line.cut() if text.startswith("switched") else None
        read_hello(line.pipe.receive(10.0))
        with pytest.raises((LinkCut, OSError)):
            talk.through(Call(line.pipe))
    assert with_old.runs == with_old.service.loaded == "old"
    last = with_old.store.load().last
    assert last is not None
    assert (last.outcome, last.ticket) == ("returned", talk.ticket)


def test_hello() -> None:
    assert read_hello({"type": "hello", "protocol": 1, "version": "9"}).version == "9"
    for tree, message in (
        ({"type": "hello", "protocol": 2, "version": "9", "more": 1}, "speaks protocol 2, this one 1"),
        ({"type": "hello", "protocol": 1}, "'version' is missing"),
        ({}, "is missing"),
    ):
        with pytest.raises(ProtocolError, match=message):
            read_hello(tree)


def test_a_login_script_may_talk_a_little() -> None:
    reading, writing = os.pipe()
    pipe = Pipe(reading, writing)
    pipe.send_bytes(b'Welcome!\n\n[1]\n{"type": "hello"}\n', 1.0)
    assert pipe.receive(1.0, noise=True) == {"type": "hello"}
    pipe.send_bytes(b"Welcome!\n" * 3000, 1.0)
    with pytest.raises(ProtocolError, match="unexpected output: 'Welcome!'"):
        pipe.receive(1.0, noise=True)
    os.close(writing)
    os.close(reading)


def test_lines_have_an_end() -> None:
    reading, writing = os.pipe()
    pipe = Pipe(reading, writing)
    with pytest.raises(TimeoutError):
        pipe.receive(0.01)
    pipe._buffer = b"x" * (pipes.MAX_LINE + 1)
    with pytest.raises(ProtocolError, match="a line of more than"):
        pipe.receive(1.0)
    with pytest.raises(TimeoutError):
        pipe.send_bytes(b"x" * 2**20, 0.01)
    os.close(reading)
    with pytest.raises(PipeClosed):
        pipe.send_bytes(b"x", 1.0)
    os.close(writing)


def test_an_archive_is_the_bundle_and_always_the_same(tmp_path: Path, archives: dict[str, Archive]) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(archives["new"].data)
    again = pack(open_bundle(path))
    assert again == archives["new"]
    assert len({one.bundle_sha256 for one in archives.values()}) == 3


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program instead of the command line: prints what is in a file named like the command."""
    program = tmp_path / "cli"
    program.write_text(
        f"#!/bin/sh\ncat {tmp_path}/$1\n[ ! -e {tmp_path}/$1.end ] || . {tmp_path}/$1.end >&2\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(selftest, "CLI", (str(program),))
    bench = {"tick_ms": 20.0, "ticks": 100, "deadline_misses": 2}
    tick = {"p50_us": 15_000.0, "p99_us": 30_000.0}
    (tmp_path / "inspect").write_text(json.dumps({"sha256": "f", "signature": "none"}))
    (tmp_path / "bench").write_text(json.dumps({"loop": {**bench, "sections": {"tick": tick}}}))
    return tmp_path


def test_a_bundle_that_is_too_slow_for_the_board(cli: Path) -> None:
    assert self_test(SAMPLE, None, 3.0, 2.0).misses == 2
    with pytest.raises(
        Exception, match="too slow for this board: 2 of 100 ticks took longer than 20 ms, 1 %"
    ):
        self_test(SAMPLE, None, 3.0, 1.0)


@pytest.mark.parametrize("tool", ["inspect", "bench"])
@pytest.mark.parametrize(
    ("end", "fault", "said"),
    [
        (
            f"echo 'neurograsp inspect: {SAMPLE}: not the golden scores'; exit 4",
            True,
            "not the golden scores",
        ),
        ("echo 'neurograsp bench: ai_edge_litert is not installed'; exit 3", False, "ai_edge_litert is not"),
        ("echo 'MemoryError'; exit 1", False, "MemoryError"),
        ("echo killed; kill -9 $$", False, "killed"),
    ],
)
def test_only_a_bundle_that_is_refused_is_at_fault(
    end: str, fault: bool, said: str, tool: str, cli: Path
) -> None:
    """All else may be well on the next board."""
    (cli / f"{tool}.end").write_text(f"{end}\n")
    with pytest.raises(BundleError if fault else CheckFailed, match=f"^the self-test failed: {said}"):
        self_test(SAMPLE, None, 3.0, 2.0)


def test_a_key_that_is_missing_is_no_fault_of_the_bundle(cli: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.pub"):
        self_test(SAMPLE, cli / "none.pub", 3.0, 2.0)
    key = make_keys(cli / "key")
    with pytest.raises(BundleError, match="^the self-test failed: not signed, and only signed bundles"):
        self_test(SAMPLE, key, 3.0, 2.0)
