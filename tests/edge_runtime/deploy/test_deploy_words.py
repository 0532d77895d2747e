"""Addresses, fleets, ssh's command line and its errors: what is taken, and what is refused how."""

import json
import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest
from slot_bundles import SAMPLE

from neurograsp.edge_runtime import bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import ConfigError, ProtocolError
from neurograsp.edge_runtime.deploy import client
from neurograsp.edge_runtime.deploy.client import Call, Result
from neurograsp.edge_runtime.deploy.fleet import Address, Board, read_fleet
from neurograsp.edge_runtime.deploy.protocol import Step, Terms
from neurograsp.edge_runtime.deploy.ssh import explain, ssh_command


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("pi@board.local", Address("pi", "board.local", None)),
        ("board", Address(None, "board", None)),
        ("pi@10.0.0.7:2222", Address("pi", "10.0.0.7", 2222)),
        ("pi@[fe80::1%eth0]:22", Address("pi", "fe80::1%eth0", 22)),
        ("pi@[::1]", Address("pi", "::1", None)),
        ("a.b-c@my_alias", Address("a.b-c", "my_alias", None)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "@",
            "pi@",
            "@board",
            "-oProxyCommand=touch x",
            "pi@-oProxyCommand=x",
            "-l@board",
            "pi@board:0",
        ),
        *("pi@board:99999", "pi@board:ssh", "pi@bo ard", "pi@board;reboot", "pi@$(reboot)", "pi@board\n"),
        *("a@b@c", "pi@[board]x", "ssh://pi@board", "pi@[-oX]", "pi@[::1", "pi@board/x"),
        *("pi@[fe80::1%;reboot]", "pi@[fe80::1%$(reboot)]", "pi@[fe80::1%]", "pi@[fe80::1%a%b]"),
    ],
)
def test_what_is_no_address_never_reaches_ssh(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"expected USER@HOST|the port must be"):
        Address.parse(text)
    assert main(["deploy", "--status", "--", text]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_ssh_is_called_with_fixed_words() -> None:
    board = Board("pi@board:2222", root="my slots", service="x;reboot", program="~/grasp/bin/neurograsp")
    words = ssh_command(board, Path("config"))
    assert words[0] == "ssh"
    for option in (
        *("BatchMode=yes", "ConnectTimeout=10", "ControlMaster=no"),
        *("StrictHostKeyChecking=yes", "VerifyHostKeyDNS=no", "NoHostAuthenticationForLocalhost=no"),
    ):
        assert f"-o{option}" in words
    assert words[-9:-1] == ["-F", "config", "-l", "pi", "-p", "2222", "--", "board"]
    assert shlex.split(words[-1]) == [
        *("grasp/bin/neurograsp", "slot", "serve", "--root=my slots", "--service=x;reboot")
    ]
    assert "-F" not in ssh_command(Board("board"), None)


def test_commands_take_the_place_of_the_unit() -> None:
    board = Board("board", restart="sv restart hand", health="sv check hand", public_key="/etc/key.pub")
    assert board.command[3:] == (
        *("--root=/var/lib/neurograsp", "--restart=sv restart hand", "--health=sv check hand"),
        "--public-key=/etc/key.pub",
    )


CHANGED = """@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
Offending ED25519 key in /home/me/.ssh/known_hosts:3
Host key verification failed.
"""


@pytest.mark.parametrize(
    ("code", "stderr", "said"),
    [
        (
            255,
            CHANGED,
            "ssh-keygen -f /home/me/.ssh/known_hosts -R '[board]:2222', then log in once with ssh -p",
        ),
        (
            255,
            "No ED25519 host key is known for board\nHost key verification failed.",
            "is not known here; log in",
        ),
        (255, "pi@board: Permission denied (publickey).", "lets none of your keys in (pi@board: Permission"),
        (255, "ssh: connect to host board port 22: Connection timed out", "cannot be reached: ssh: connect"),
        (255, "", "cannot be reached: exit 255"),
        (-15, "", "ssh was ended by signal 15"),
        (127, "bash: line 1: neurograsp: command not found", "does not run there (bash: line 1: neurograsp"),
        (126, "sh: 1: neurograsp: Permission denied", "name its program with --program"),
        (
            2,
            "neurograsp: no command 'slot'; known are bench",
            "too old to be deployed to; bring it up to date",
        ),
        (2, "error: unrecognized arguments: --x", "its neurograsp ended with 2: error: unrecognized"),
        (1, "Traceback\nValueError: \x1b[31mbad", "its neurograsp ended with 1: ValueError: [31mbad"),
    ],
)
def test_what_ssh_says_is_explained(code: int, stderr: str, said: str) -> None:
    line = explain(Board("pi@board:2222"), code, stderr)
    assert said in line
    assert line.isprintable()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "boards"),
        ("[boards]\n", "no board"),
        ("[boards.left]\n", "boards.left: the key 'address' is missing"),
        ("[boards.left]\nadress = 'x'\n", "unknown key 'adress'; did you mean 'address'"),
        ("[boards.left]\naddress = '-oX@y'\n", "expected USER@HOST"),
        ("[boards.left]\naddress = 'x'\nrestart = 'y'\n", "restart and health belong together"),
        ("[boards.left]\naddress = 'x'\nroot = ''\n", "root must not be empty"),
        ("[boards.'a b']\naddress = 'x'\n", "a name has letters"),
        ("[boards.left\n", "not valid TOML"),
        ("[board.left]\naddress = 'x'\n", "did you mean 'boards'"),
    ],
)
def test_a_wrong_fleet_is_one_clear_line(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_fleet(path)
    assert main(["deploy", "--fleet", str(path), "--status"]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_fleet_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    for content, message in ((b"\xff", "not UTF-8"), (b"#" * (2**20 + 1), "larger than 1 MiB")):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=message):
            read_fleet(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_fleet(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the boards and, last, the bundle"),
        (["runs/gal.bundle"], "name a board"),
        (["runs/gal.bundle", "pi@board"], "pi@board: no such bundle; the bundle comes last"),
        (["--status"], "name a board"),
        (["--status", "pi@board", "--settle", "70"], "settle_s must be below trial_s"),
        (["--status", "pi@board", "--trial", "1e9"], "settle_s must be below trial_s"),
        (["--status", "pi@board", "--test", "0"], "test_s must be"),
        (["--status", "pi@board", "--max-misses", "101"], "max_misses_percent must be"),
    ],
)
def test_a_wrong_command_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_fleet_has_no_such_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("[boards.left]\naddress = 'x'\n")
    assert main(["deploy", "--fleet", str(path), "--status", "lefd"]) == 2
    assert "did you mean 'left'" in capsys.readouterr().err


def test_a_bad_bundle_never_leaves_the_workstation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deploy", "nobody@nowhere.invalid", str(tmp_path)]) == 4
    assert "manifest.json is missing" in capsys.readouterr().err


def test_a_line_to_copy_is_quoted() -> None:
    line = explain(Board("pi@[fe80::1%eth0]:2222"), 255, CHANGED)
    assert "-R '[fe80::1%eth0]:2222', then log in once with ssh -p 2222 pi@fe80::1%eth0 and" in line
    assert "-R board, then" in explain(Board("board"), 255, CHANGED)


class Garbling(Call):
    """A board that switches, and is not understood from there on."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def tell(self, message: object) -> None:
        self._told.append(type(message).__name__)

    def upload(self, data: bytes) -> None:
        pass

    def hear(self, timeout_s: float) -> Step:
        if "Switch" in self._told:
            raise ProtocolError("unexpected output")
        return Step("step", "tested", "")


def test_what_is_not_understood_after_the_switch_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not "nothing was begun": the board goes on."""
    told: list[str] = []
    said: list[str] = []
    asked = iter([Result("unreachable", "no route"), Result("lost", "cut")])
    monkeypatch.setattr(client, "call", lambda board, config: nullcontext(Garbling(told)))
    monkeypatch.setattr(client, "ask_status", lambda board, config: next(asked))
    now = iter([0.0] * 4 + [1e6] * 9)
    result = client.change(
        Board("board"), None, None, Terms(), said.append, lambda: next(now), lambda seconds: None
    )
    assert told == ["Rollback", "Switch"]
    assert said[-1].startswith("unexpected output after the switch: the board goes on by itself; asking it")
    assert result.outcome == "unknown"


OUTCOMES = {"off": "unreachable", "left": "confirmed", "right": "returned", "last": "unchanged"}


@pytest.mark.parametrize(
    ("words", "outcomes", "code"),
    [
        ([], ["unreachable", "confirmed", "returned", "not tried"], 1),
        (["--keep-going"], ["unreachable", "confirmed", "returned", "unchanged"], 1),
        (["off", "left", "last"], ["unreachable", "confirmed", "unchanged"], 5),
        (["left", "last"], ["confirmed", "unchanged"], 0),
        (["last", "right"], ["returned", "not tried"], 1),
    ],
)
def test_one_board_after_the_other(
    words: list[str],
    outcomes: list[str],
    code: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the order of the file. Who cannot be reached keeps nobody else; where the bundle failed it ends."""

    def change(board: Board, *_: object) -> Result:
        outcome = OUTCOMES[board.address]
        return Result(outcome, "why", fault=outcome == "returned", seconds={"connect": 0.5})

    monkeypatch.setattr(client, "change", change)
    monkeypatch.setattr(bundle, "verify_golden", lambda opened: 0)
    path = tmp_path / "fleet.toml"
    path.write_text("".join(f"[boards.{name}]\naddress = '{name}'\n" for name in OUTCOMES))
    assert main(["deploy", "--fleet", str(path), "--json", *words, str(SAMPLE)]) == code
    value = json.loads(capsys.readouterr().out)
    assert [one["outcome"] for one in value["boards"]] == outcomes
    assert value["ok"] == (code == 0)
    assert main(["deploy", "--fleet", str(path), *words, str(SAMPLE)]) == code
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert [line.partition("  ")[2].strip().partition(":")[0] for line in lines] == outcomes
