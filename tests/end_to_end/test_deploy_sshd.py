"""`neurograsp deploy` against a real sshd on the loopback, real boards' side and all."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hand_service
import pytest
import ssh_server
from commands import neurograsp
from cuttable_line import CuttableLine
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from slot_bundles import make_bundle
from small_disk import fill, small_disk
from ssh_server import SshServer, make_key
from toys import REPOSITORY

from neurograsp.edge_runtime.bundle import open_bundle, verify_golden
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.deploy import fleet
from neurograsp.edge_runtime.deploy.archive import pack
from neurograsp.edge_runtime.deploy.client import change
from neurograsp.edge_runtime.deploy.protocol import Terms
from neurograsp.edge_runtime.deploy.slots import Phase
from neurograsp.edge_runtime.deploy.store import SlotStore

if reason := ssh_server.missing():
    pytest.skip(reason, allow_module_level=True)

PROGRAM = Path(sys.executable).with_name("neurograsp")
SCHEMAS = REPOSITORY / "docs/schemas"
HELLO = '{"type": "hello", "protocol": 1, "version": "9"}'
QUICK = ("--test", "0.2", "--max-misses", "100", "--settle", "1", "--trial", "60")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    started = SshServer(tmp_path_factory.mktemp("sshd")).start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return {name: make_bundle(folder, name) for name in ("old", "new", "sick")}


@dataclass
class Board:
    """A board's folder behind the server, with a service that runs what is current there."""

    server: SshServer
    root: Path
    real: bool = False

    @property
    def service(self) -> tuple[str, str]:
        """Command lines that start it anew, and that ask for its health."""
        command = shlex.join([sys.executable, hand_service.__file__])
        end = f"{shlex.quote(str(self.root))}{' real' if self.real else ''}"
        return f"{command} restart {end}", f"{command} health {end}"

    @property
    def store(self) -> SlotStore:
        return SlotStore(self.root, lambda: "2026-01-01T00:00:00Z")

    def reached(self, address: str) -> fleet.Board:
        restart, health = self.service
        return fleet.Board(address, str(self.root), restart=restart, health=health, program=str(PROGRAM))

    def words(self, *words: str | Path, service: bool = True) -> list[str | Path]:
        at = ["--root", self.root, "--program", PROGRAM, "--ssh-config", self.server.config]
        if not service:
            return ["deploy", *at, "--service", "none", *words]
        restart, health = self.service
        return ["deploy", *at, "--restart", restart, "--health", health, *words]

    def deploy(self, *words: str | Path, service: bool = True) -> "subprocess.CompletedProcess[str]":
        return neurograsp(*self.words(self.server.address, *words, service=service))

    def install(self, bundle: Path) -> dict[str, Any]:
        done = self.deploy(bundle, *QUICK, "--json")
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    @property
    def current(self) -> str:
        return open_bundle(self.root / "current").manifest.name

    @property
    def service_runs(self) -> str | None:
        """The bundle's name, once the light service has told it."""
        deadline = time.monotonic() + 20
        while hand_service.pid_of(self.root) is not None and time.monotonic() < deadline:
            with suppress(OSError):
                return hand_service.kept(self.root, "runs").read_text()
            time.sleep(0.05)
        return None

    def switch_on(self) -> None:
        """As when the board starts: its service, and before it the slots."""
        hand_service.kept(self.root, "runs").unlink(missing_ok=True)
        subprocess.run([sys.executable, hand_service.__file__, "restart", str(self.root)], check=True)


@pytest.fixture
def board(server: SshServer, tmp_path: Path) -> Iterator[Board]:
    made = Board(server, tmp_path / "my slots")
    yield made
    hand_service.stop(made.root)


@pytest.fixture
def with_old(board: Board, bundles: dict[str, Path]) -> Board:
    return given_old(board, bundles)


def given_old(board: Board, bundles: dict[str, Path]) -> Board:
    store = board.store
    with store.alone():
        slots = store.settle()
        with store.incoming() as incoming:
            incoming.write_bytes(pack(open_bundle(bundles["old"])).data)
            slots = store.put(incoming, slots)
        store.confirm(store.switch(slots, ""), "by hand")
    board.switch_on()
    assert board.service_runs == "old"
    return board


def validate(value: dict[str, Any]) -> None:
    schemas = {path.name: json.loads(path.read_text()) for path in SCHEMAS.iterdir()}
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in schemas.items()
    )
    Draft202012Validator(schemas["deploy.schema.json"], registry=registry).validate(value)


Capsys = pytest.CaptureFixture[str]


def look(board: Board, capsys: Capsys, *words: str | Path) -> tuple[int, str]:
    """`deploy --status` in this process, and what it says."""
    code = main([str(word) for word in board.words(board.server.address, "--status", *words, service=False)])
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, captured.out


def test_an_empty_board_is_looked_at(board: Board, capsys: Capsys) -> None:
    code, said = look(board, capsys)
    assert code == 0
    assert "slot a     empty" in said
    assert not board.root.exists()


def test_a_board_whose_good_bundle_is_damaged_fails_the_check(with_old: Board, capsys: Capsys) -> None:
    assert look(with_old, capsys)[0] == 0
    (with_old.root / "a").write_bytes(b"rotten")
    code, said = look(with_old, capsys)
    assert code == 1
    assert "damaged: " in said
    line = "slot a is what the next start runs or returns to, and damaged: deploy a bundle"
    assert said.splitlines()[-1] == f"  FAILED     {line}"
    code, said = look(with_old, capsys, "--json")
    validate(json.loads(said))
    assert (code, json.loads(said)["ok"], json.loads(said)["boards"][0]["reason"]) == (1, False, line)
    assert main(["slot", "status", "--root", str(with_old.root), "--service", "none"]) == 1
    assert line in capsys.readouterr().out
    (with_old.root / "a").unlink()
    assert "and empty: deploy a bundle" in look(with_old, capsys)[1]


@pytest.mark.parametrize("trouble", ["key", "host key", "unknown host"])
def test_whom_it_does_not_trust(trouble: str, server: SshServer, tmp_path: Path, capsys: Capsys) -> None:
    other = SshServer(tmp_path)
    other.port, other.address = server.port, server.address
    other.known_hosts.write_text("")
    if trouble == "key":
        other.host_key = server.host_key
    if trouble != "unknown host":
        other.know_host()
    other.write_config(make_key(tmp_path / "mine") if trouble == "key" else server.key)
    code, said = look(Board(other, tmp_path / "slots"), capsys)
    assert code == 5
    wanted = {
        "key": "lets none of your keys in",
        "host key": f"ssh-keygen -f {other.known_hosts} -R '[127.0.0.1]:{server.port}'",
        "unknown host": "its host key is not known here; log in once with ssh -p",
    }
    assert wanted[trouble] in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo \"neurograsp: no command 'slot'\" >&2; exit 2", "its neurograsp is too old to be deployed to"),
        ("exec no-such-program", "does not run there"),
        ('echo \'{"type":"hello","protocol":7,"version":"9"}\'; sleep 1', "speaks protocol 7, this one 1"),
        (f'echo Welcome; exec {PROGRAM} "$@"', "slot a     empty"),
        (f"echo '{HELLO}'; echo 'ValueError: a bug' >&2", "lost: the link was cut (ValueError: a bug)"),
    ],
)
def test_what_answers_there(script: str, said: str, board: Board, tmp_path: Path, capsys: Capsys) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    code, answer = look(board, capsys, "--program", program)
    assert said in answer
    assert code == (0 if "empty" in said else 5)


@pytest.mark.slow
def test_bundles_come_and_go_under_a_real_control_loop(board: Board, bundles: dict[str, Path]) -> None:
    board.real = True
    first = board.deploy(bundles["old"], *QUICK)
    assert first.returncode == 0, first.stderr
    assert "confirmed: healthy for" in first.stdout
    for step in ("ready", "received", "tested: signature none, golden vectors reproduced", "switched"):
        assert f": {step}" in first.stderr
    second = board.install(bundles["new"])
    validate(second)
    (one,) = second["boards"]
    assert (one["outcome"], one["status"]["good"], one["status"]["armed"]) == ("confirmed", "b", False)
    assert set(one["seconds"]) == {"connect", "send", "test", "trial", "total"}
    back = json.loads(board.deploy("--rollback", *QUICK, "--json").stdout)
    validate(back)
    assert (back["boards"][0]["outcome"], board.current) == ("confirmed", "old")
    assert back["boards"][0]["status"]["slots"]["b"]["name"] == "new"


@pytest.mark.slow
def test_a_bundle_that_its_service_cannot_run_is_taken_back(
    with_old: Board, bundles: dict[str, Path]
) -> None:
    done = with_old.deploy(bundles["sick"], *QUICK[:-1], "6")
    assert done.returncode == 1
    assert "returned: not healthy within 6 s: it does not run; the old bundle runs again" in done.stdout
    assert with_old.current == with_old.service_runs == "old"
    last = with_old.store.load().last
    assert last is not None
    assert last.outcome == "returned"


def processes_below(parent: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(words[1]), []).append(int(stat.parent.name))
    found, waiting = [], [parent]
    while waiting:
        inner = children.get(waiting.pop(), [])
        found += inner
        waiting += inner
    return found


@pytest.mark.slow
@pytest.mark.parametrize("step", ["ready", "received", "tested", "switched"])
@pytest.mark.parametrize("what", ["link", "board"])
def test_cut_at_every_step(
    what: str, step: str, with_old: Board, bundles: dict[str, Path], server: SshServer
) -> None:
    """The link alone, or the whole board: all of its processes at once, and then it is switched on again."""
    line = CuttableLine(server.port)
    server.know_host(line.port)
    hand_service.kept(with_old.root, "runs").unlink()

    def cut(text: str) -> None:
        if not text.startswith(f"{step}:"):
            return
        if what == "link":
            line.cut()
            return
        for pid in processes_below(server.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        hand_service.stop(with_old.root)
        assert with_old.current in (("old", "new") if step == "switched" else ("old",))
        with_old.switch_on()

    result = change(
        with_old.reached(f"{server.address.partition(':')[0]}:{line.port}"),
        server.config,
        pack(open_bundle(bundles["new"])),
        Terms(test_s=0.2, max_misses_percent=100, settle_s=1, trial_s=60),
        cut,
        sleep=lambda seconds: time.sleep(seconds / 10),
    )
    line.close()
    while with_old.store.watched:
        time.sleep(0.05)
    outcomes = {"link": "confirmed", "board": "returned"}
    assert result.outcome == (outcomes[what] if step == "switched" else "lost"), result
    if result.outcome == "returned":
        assert result.reason.startswith("nobody watched it any more")
    if result.outcome == "lost" and what == "link":
        assert not hand_service.kept(with_old.root, "runs").exists(), "it was not started anew"
        with_old.switch_on()
    wanted = "new" if result.outcome == "confirmed" else "old"
    assert with_old.current == with_old.service_runs == wanted
    assert with_old.store.load().phase is Phase.SETTLED
    verify_golden(open_bundle(with_old.root / "current"))


@pytest.mark.slow
def test_a_board_with_a_full_disk_keeps_what_it_has(
    server: SshServer, bundles: dict[str, Path], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as root:
        done = Board(server, root).deploy(bundles["new"], *QUICK, service=False)
        assert done.returncode == 1
        assert "MB free" in done.stdout
        assert [path.name for path in root.iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("full", "outcome", "said"),
    [
        pytest.param("before", "refused", "MB free, 1.2 are needed", marks=pytest.mark.long),
        pytest.param("ready", "refused", "", marks=pytest.mark.long),
        pytest.param("tested", "refused", "No space left on device", marks=pytest.mark.long),
        pytest.param(
            "switched", "returned", "the old bundle runs again (healthy for ", marks=pytest.mark.slow
        ),
    ],
)
def test_a_disk_that_is_full_leaves_the_old_bundle_running(
    full: str, outcome: str, said: str, server: SshServer, bundles: dict[str, Path], tmp_path: Path
) -> None:
    """From the start, or filled by something else at one of the steps."""
    with small_disk(tmp_path / "disk", "4m") as root:
        board = given_old(Board(server, root), bundles)
        try:
            runs = hand_service.pid_of(root)
            if full == "before":
                fill(root)
            result = change(
                board.reached(server.address),
                server.config,
                pack(open_bundle(bundles["new"])),
                Terms(test_s=0.2, max_misses_percent=100, settle_s=1, trial_s=60),
                lambda text: fill(root) if text.startswith(f"{full}:") else None,
            )
            assert result.outcome == outcome, result
            assert said in result.reason
            assert not result.fault
            assert board.current == board.service_runs == "old"
            assert (hand_service.pid_of(root) == runs) is (outcome == "refused"), "not restarted"
            for filler in root.glob("filler*"):
                filler.unlink()
            assert board.install(bundles["new"])["boards"][0]["outcome"] == "confirmed"
            assert board.current == board.service_runs == "new"
        finally:
            hand_service.stop(root)


@pytest.mark.slow
def test_a_key_that_can_do_nothing_else(server: SshServer, bundles: dict[str, Path], tmp_path: Path) -> None:
    """It deploys by its own line's folder and key, whatever the caller says."""
    private, restricted = tmp_path / "sign", make_key(tmp_path / "restricted")
    assert neurograsp("keygen", "--out", private).returncode == 0
    root = tmp_path / "slots"
    line = f"{PROGRAM} slot serve --root {root} --service none --public-key {private}.pub"
    with (server.folder / "authorized_keys").open("a") as file:
        file.write(f'restrict,command="{line}" {restricted.with_suffix(".pub").read_text()}')
    server.write_config(restricted)
    try:
        board = Board(server, tmp_path / "elsewhere")
        done = board.deploy(bundles["new"], *QUICK)
        assert done.returncode == 1
        assert "only signed bundles are taken here" in done.stdout
        shell = subprocess.run(
            [
                "ssh",
                "-F",
                str(server.config),
                "-p",
                str(server.port),
                "127.0.0.1",
                "touch",
                str(tmp_path / "x"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert shell.stdout.startswith(b'{"type": "hello"')
    finally:
        server.write_config()
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "elsewhere").exists()
    assert not (root / "current").exists()


@pytest.mark.slow
def test_a_fleet(server: SshServer, bundles: dict[str, Path], tmp_path: Path) -> None:
    """One after the other. Who is not reached or lacks its key keeps nobody; who refuses the bundle does."""
    file = tmp_path / "fleet.toml"
    assert neurograsp("keygen", "--out", tmp_path / "key").returncode == 0
    keys = {"bare": "none.pub", "right": "key.pub"}
    addresses = dict.fromkeys(("left", "bare", "right", "last"), server.address)
    boards = {"off": "nobody@127.0.0.1:1", **addresses}
    file.write_text(
        "".join(
            f'[boards.{name}]\naddress = "{address}"\nroot = "{tmp_path / name}"\nservice = "none"\n'
            f'program = "{PROGRAM}"\n' + (f'public_key = "{tmp_path / keys[name]}"\n' if name in keys else "")
            for name, address in boards.items()
        )
    )
    words = ("--fleet", file, bundles["new"], *QUICK, "--ssh-config", server.config)
    done = neurograsp("deploy", *words)
    assert done.returncode == 1
    lines = [line.split()[:2] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert lines == [
        *(["off", "unreachable:"], ["left", "confirmed:"], ["bare", "refused:"]),
        *(["right", "refused:"], ["last", "not"]),
    ]
    some = neurograsp("deploy", "--fleet", file, "--status", "off", "--ssh-config", server.config)
    assert some.returncode == 5


def test_no_ssh_no_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["deploy", "--status", "pi@board"]) == 5
    assert "ssh cannot be started" in capsys.readouterr().out
