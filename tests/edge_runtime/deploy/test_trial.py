"""The judge of a trial on a clock of the test's own, and services of several kinds."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurograsp.edge_runtime.cli.slot import service_of
from neurograsp.edge_runtime.contract.errors import CheckFailed, UsageError
from neurograsp.edge_runtime.deploy import service as services
from neurograsp.edge_runtime.deploy.service import Commands, Look, NoService, SystemdUnit, read_unit, starts
from neurograsp.edge_runtime.deploy.trial import Verdict, try_out

UP, OLD = Look("up", "new", False, "disarmed"), Look("up", "old", False, "disarmed")
STARTING = Look("starting", "new", None, "activating")


class Scripted:
    """A service that looks as it was told, the last look over and over."""

    name = "scripted"

    def __init__(self, *looks: Look) -> None:
        self._looks = list(looks)
        self.restarts = 0

    def look(self) -> Look:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def restart(self) -> None:
        self.restarts += 1


def judged(service: object) -> tuple[Verdict, float]:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    verdict = try_out(service, 10.0, 60.0, lambda: now, sleep, False)  # type: ignore[arg-type]
    return verdict, now


def test_healthy_is_what_stays_up() -> None:
    service = Scripted(OLD, STARTING, STARTING, UP)
    verdict, now = judged(service)
    assert verdict == Verdict(True, "healthy for 10 s: disarmed")
    assert now == 12
    assert service.restarts == 1


def test_the_old_process_does_not_count_as_the_new_one() -> None:
    verdict, now = judged(Scripted(*[OLD] * 5, UP))
    assert verdict.healthy
    assert now == 14
    assert judged(Scripted(OLD))[0] == Verdict(False, "not healthy within 60 s: disarmed")


def test_each_start_begins_anew() -> None:
    crashing = [look for n in range(40) for look in [Look("up", f"run {n}", False, "up")] * 8]
    verdict, now = judged(Scripted(OLD, *crashing))
    assert not verdict.healthy
    assert now == 60


def test_flapping_is_not_healthy() -> None:
    assert not judged(Scripted(OLD, *([UP] * 9 + [STARTING]) * 9))[0].healthy


def test_what_failed_for_good_is_not_waited_for() -> None:
    verdict, now = judged(Scripted(OLD, STARTING, Look("down", "new", None, "failed, exit-code")))
    assert verdict == Verdict(False, "the service does not run: failed, exit-code")
    assert now == 1


def test_what_had_failed_before_is_given_its_time() -> None:
    failed = Look("down", "old", None, "failed")
    assert judged(Scripted(failed, failed, STARTING, UP))[0].healthy


def test_a_stopped_service_stays_stopped() -> None:
    service = Scripted(Look("stopped", "old", None, "inactive (dead)"))
    assert judged(service)[0] == Verdict(True, "nothing was restarted: inactive (dead)", "none")
    assert service.restarts == 0
    assert judged(NoService())[0].healthy


def test_a_service_that_cannot_be_restarted_is_not_healthy() -> None:
    verdict, now = judged(Commands("echo no right >&2; exit 1", "true"))
    assert verdict == Verdict(False, "the restart command failed: no right", "failed")
    assert now == 0


@pytest.mark.parametrize(
    ("health", "look"),
    [
        ("echo armed: GRIP", Look("up", "", True, "armed: GRIP")),
        ("echo disarmed", Look("up", "", False, "disarmed")),
        ("echo stopped: no new frames", Look("up", "", False, "stopped: no new frames")),
        ("echo all is well", Look("up", "", None, "all is well")),
        ("true", Look("up", "", None, "healthy")),
        ("echo silent >&2; exit 3", Look("starting", "", None, "silent")),
        ("false", Look("starting", "", None, "not healthy (exit 1)")),
        ("echo armed: but late; exit 1", Look("starting", "", True, "armed: but late")),
    ],
)
def test_health_command(health: str, look: Look) -> None:
    assert Commands("true", health).look() == look


def test_a_health_command_that_does_not_exist_or_end(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Commands("true", "/nowhere/health").look()
    assert (look.state, look.answered) == ("starting", False)
    assert look.detail.startswith("the health command cannot be run")
    monkeypatch.setattr(services, "LOOK_S", 0.1)
    look = Commands("true", "sleep 5").look()
    assert "took more than 0.1 s" in look.detail
    assert not look.answered


def shown(
    active: str,
    status: str = "",
    load: str = "loaded",
    result: str = "success",
    exited: tuple[int, int] = (0, 0),
) -> str:
    return (
        f"LoadState={load}\nActiveState={active}\nSubState=sub\nResult={result}\nInvocationID=7\n"
        f"StatusText={status}\nExecMainCode={exited[0]}\nExecMainStatus={exited[1]}\n"
    )


@pytest.mark.parametrize(
    ("text", "look"),
    [
        (
            shown("active", "armed: GRIP = by key"),
            Look("up", "7", True, "active (sub): armed: GRIP = by key"),
        ),
        (shown("active", "disarmed"), Look("up", "7", False, "active (sub): disarmed")),
        (shown("active", "Serving"), Look("up", "7", None, "active (sub): Serving")),
        (shown("active"), Look("up", "7", None, "active (sub)")),
        (shown("activating", "armed"), Look("starting", "7", None, "activating (sub): armed")),
        (shown("deactivating"), Look("starting", "7", None, "deactivating (sub)")),
        (shown("deactivating", "armed"), Look("starting", "7", True, "deactivating (sub): armed")),
        (shown("reloading", "armed"), Look("starting", "7", True, "reloading (sub): armed")),
        (shown("failed", "armed"), Look("down", "7", None, "failed (sub): armed")),
        (shown("failed", result="watchdog"), Look("down", "7", None, "failed (sub), watchdog")),
        (shown("inactive"), Look("stopped", "7", None, "inactive (sub)")),
        (shown("inactive", exited=(1, 0)), Look("ended", "7", None, "inactive (sub)")),
        (shown("inactive", exited=(1, 130)), Look("stopped", "7", None, "inactive (sub)")),
        (shown("inactive", exited=(2, 15)), Look("stopped", "7", None, "inactive (sub)")),
        (shown("active", "disarmed\x1b[31m"), Look("up", "7", None, "active (sub): disarmed[31m")),
        (shown("inactive", load="not-found"), Look("stopped", "", None, "no such unit (not-found)")),
        ("", Look("stopped", "", None, "no such unit (unknown)")),
    ],
)
def test_what_systemctl_shows(text: str, look: Look) -> None:
    assert read_unit(text) == look


STARTS = (
    "LoadState=loaded\nExecStart={{ path=/opt/n/neurograsp ; argv[]=/opt/n/neurograsp run {} --hand none ; "
    "ignore_errors=no ; start_time=[n/a] }}\n"
)


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("--bundle ROOT/current", True),
        ("--bundle=ROOT/current", True),
        ("'--bundle=ROOT/current'", True),
        ("--bundle ROOT/current2", False),
        ("--bundle ROOT/a", False),
        ("--bundle /srvROOT/current", False),
        ("--bundle /var/lib/neurograsp/current", False),
    ],
)
def test_what_a_unit_runs(words: str, runs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = STARTS.format(words.replace("ROOT", str(tmp_path / "my slots")))
    assert starts(text, tmp_path / "my slots") is runs
    monkeypatch.chdir(tmp_path)
    assert starts(text, Path("my slots")) is runs
    assert starts("LoadState=not-found\n", tmp_path)


def test_a_unit_that_runs_other_slots_is_refused(systemctl: Path) -> None:
    (systemctl / "shown").write_text(STARTS.format("--bundle /var/lib/neurograsp/current"))
    unit = SystemdUnit("neurograsp.service", systemctl)
    unit.check(Path("/var/lib/neurograsp"))
    with pytest.raises(
        CheckFailed, match="neurograsp.service does not run /home/pi/slots/current, and would"
    ):
        unit.check(Path("/home/pi/slots"))
    SystemdUnit("neurograsp.service", systemctl / "no systemd").check(Path("/home/pi/slots"))
    (systemctl / "broken").touch()
    (systemctl / "shown").write_text("")
    with pytest.raises(CheckFailed, match="neurograsp.service: systemctl cannot be asked"):
        unit.check(Path("/var/lib/neurograsp"))


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A program of that name that notes its words and prints what is in `shown`."""
    program = tmp_path / "systemctl"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/words\n[ "$1" = show ] && cat {tmp_path}/shown\n'
        f"exec test ! -e {tmp_path}/broken\n"
    )
    program.chmod(0o755)
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    sudo.chmod(0o755)
    (tmp_path / "shown").write_text(shown("active", "disarmed"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    yield tmp_path


def test_systemd_is_asked_and_told(systemctl: Path) -> None:
    unit = SystemdUnit("neurograsp.service", systemctl)
    assert unit.look().armed is False
    unit.restart()
    words = (systemctl / "words").read_text().splitlines()
    assert words[0].startswith("show --property LoadState,ActiveState,")
    assert words[1:] == ["reset-failed -- neurograsp.service", "restart --no-block -- neurograsp.service"]
    (systemctl / "broken").touch()
    look = unit.look()
    assert look.state == "starting", "one failed question is no reason to think that it was stopped"
    assert not look.answered, "nor that the hand is not armed"
    with pytest.raises(CheckFailed, match="cannot be restarted by this user .*; allow it in sudoers"):
        unit.restart()


def test_a_systemctl_that_hangs_does_not_say_that_no_hand_is_armed(
    systemctl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (systemctl / "systemctl").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(services, "LOOK_S", 0.1)
    assert not SystemdUnit("neurograsp.service", systemctl).look().answered


def test_without_systemd_a_unit_is_stopped(tmp_path: Path) -> None:
    look = SystemdUnit("neurograsp.service", tmp_path / "nothing").look()
    assert (look.state, look.detail) == ("stopped", "no systemd runs this machine")


def test_what_names_a_service() -> None:
    assert isinstance(service_of("none", None, None), NoService)
    assert isinstance(service_of("hand.service", None, None), SystemdUnit)
    assert isinstance(service_of("hand.service", "true", "true"), Commands)
    with pytest.raises(UsageError, match="belong together"):
        service_of("none", "true", None)


def test_systemctl_knows_these_words() -> None:
    """Of the real one the option names, where it is installed."""
    try:
        helped = subprocess.run(["systemctl", "--help"], capture_output=True, text=True, check=True).stdout
    except OSError:
        pytest.skip("no systemctl")
    assert "reset-failed" in helped
    assert "--no-block" in helped
