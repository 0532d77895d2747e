"""The real command line, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CLI = (sys.executable, "-m", "neurograsp.edge_runtime.cli")


def neurograsp(
    *arguments: str | Path, timeout: float = 120, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [*CLI, *(str(argument) for argument in arguments)]
    own = {**os.environ, **(environment or {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=own)


def own_lines(stderr: str) -> list[str]:
    """The lines of stderr that are ours; LiteRT and TensorFlow log there too."""
    return [line for line in stderr.splitlines() if line.startswith("neurograsp")]


def assert_refused(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One clear line with the words, the exit code, no traceback."""
    assert "Traceback" not in result.stderr, result.stderr
    assert result.returncode == code, (result.returncode, result.stderr)
    lines = own_lines(result.stderr)
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0], lines[0]
