"""What a person sees."""

import io
import itertools
import re
import shutil

import numpy as np
import pytest
from sources import block_of

from neurograsp.edge_runtime.recording.recorder import Recorder
from neurograsp.edge_runtime.recording.schedule import Cue
from neurograsp.edge_runtime.recording.screen import TerminalScreen, large

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    encoding = "utf-8"


@pytest.fixture(autouse=True)
def size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: (80, 24))


def test_letters_are_as_wide_as_there_is_room() -> None:
    assert large("HI", 80, "#") == [
        "##  ##  ######",
        "##  ##    ##  ",
        "######    ##  ",
        "##  ##    ##  ",
        "##  ##  ######",
    ]
    assert len(large("RELEASE", 78)[0]) == 7 * 8 - 2
    assert large("A" * 19, 78, "#")[0].startswith(" #   # ")
    assert large("wrist_pronate_and_more", 78) == ["WRIST_PRONATE_AND_MORE"]


def pages(out: Terminal) -> list[list[str]]:
    return [CODES.sub("", page).split("\r\n") for page in out.getvalue().split("\x1b[H")[1:]]


def test_a_session_in_a_terminal() -> None:
    out = Terminal()
    recorder = Recorder((Cue("rest", 100), Cue("grip", 100)), 100, 1.0, limit=10**6)
    with TerminalScreen(out, 2, 2.0) as screen:
        for n in range(0, 300, 5):
            before = recorder.phase
            recorder.push(block_of(np.arange(n, n + 5)))
            if recorder.phase is not before:
                screen.settled(["flat: Cz (1 of 1 s)"])
            screen.show(recorder)
            screen.show(recorder)
    seen = pages(out)
    assert all(len(page) <= 24 and max(map(len, page)) <= 80 for page in seen)
    assert all(a != b for a, b in itertools.pairwise(seen)), "nothing is drawn twice"
    words = ["\n".join(line.strip() for line in page) for page in seen]
    for word, state in (("SIT STILL", "cue 0 of 2"), ("REST", "cue 1 of 2"), ("GRIP", "cue 2 of 2")):
        top = large(word, 78)[0].strip()
        assert any(top in text and state in text for text in words)
    assert "check the electrodes: flat: Cz (1 of 1 s)" in words[-1]
    assert out.getvalue().endswith("\x1b[?25h\x1b[?1049l")


def test_the_terminal_is_restored_whatever_happens() -> None:
    out = Terminal()
    with pytest.raises(KeyboardInterrupt), TerminalScreen(out, 2, 2.0):
        raise KeyboardInterrupt
    assert out.getvalue().endswith("\x1b[?25h\x1b[?1049l")
