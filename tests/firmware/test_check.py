"""`make check-firmware` runs every test there is, and says what failed and what it lacked."""

import os
import subprocess
import sys
from pathlib import Path

import check
import pytest
from check import HERE, STEPS, Status, Step


def python(code: str, name: str = "some", needs: tuple[str, ...] = (), optional: str = "") -> Step:
    return Step(name, "what is checked", (sys.executable, "-c", code), needs, optional)


def test_every_test_of_the_firmware_is_in_a_step() -> None:
    named = {Path(word) for step in STEPS for word in step.command if word.startswith(str(HERE))}
    found = [path for path in HERE.rglob("test_*.py") if "node_modules" not in path.parts]
    assert len(found) > 15
    assert [path.name for path in found if not named & {path, *path.parents}] == []
    assert all(path.exists() for path in named)


def test_the_last_line_is_the_summary() -> None:
    result = check.run(python("print('lots\\nsome: 7 of 7')"), in_ci=False)
    assert result.status is Status.OK
    assert str(result).startswith("ok ")
    assert str(result).endswith("some         what is checked: 7 of 7")


def test_a_failure_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    bad = python(
        "import sys; print('what broke'); print('why', file=sys.stderr); print('some: no'); sys.exit(3)"
    )
    results = check.check([python("print('fine: yes')", "fine"), bad], in_ci=False)
    assert sorted(result.status.value for result in results) == ["FAILED", "ok"]
    printed = capsys.readouterr().out
    assert "what is checked: no\n" in printed
    assert "--- some\n" in printed
    assert {"what broke", "why"} <= set(printed.splitlines())
    assert "fine: yes" not in printed


def test_a_step_that_does_not_end_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "LIMIT_S", 0.5)
    result = check.run(python("import time; print('begun', flush=True); time.sleep(60)"), in_ci=False)
    assert (result.status, result.figures) == (Status.FAILED, "not done after 0.5 s")
    assert "begun" in result.output


@pytest.mark.parametrize("missing", ["no-such-program", "/no/such/*/file"])
def test_what_is_missing_is_named_and_fails_only_where_it_has_to_be_there(missing: str) -> None:
    for in_ci, optional, status in (
        (False, "", Status.SKIPPED),
        (True, "", Status.FAILED),
        (True, "it is heavy", Status.SKIPPED),
    ):
        result = check.run(python("", needs=("python3", "/bin/s*", missing), optional=optional), in_ci)
        assert result.status is status
        assert result.figures == f"no {missing}" + (f" ({optional})" if optional else "")


def test_exit_codes_of_the_command() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, HERE / "check.py", *arguments]
        environment = {**os.environ, "CI": "true", "PATH": ""}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert run("--list").stdout.count("\n") == len(STEPS)
    assert (run("nothing").returncode, "no such step: nothing" in run("nothing").stderr) == (2, True)
    lacking = run("fuzz", "rp2040")
    assert lacking.returncode == 1
    assert lacking.stdout.splitlines()[-1] == "firmware: 0 ok, 1 FAILED, 1 skipped; 0 s"
