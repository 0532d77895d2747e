"""Cues for a person: large in a terminal, a line each elsewhere."""

import math
import shutil
from types import TracebackType
from typing import TextIO

from neurograsp.edge_runtime.recording.recorder import Phase, Recorder
from neurograsp.edge_runtime.recording.schedule import REST

END_OF_LINE = "\x1b[0m\x1b[K"

# Three pixels by five, a row an octal digit.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ "
_ROWS = (
    "25755 65656 34443 65556 74647 74644 34553 55755 72227 11152 55655 44447 57755 65555 25552 65644 25563 "
    "65655 34216 72222 55557 55552 55775 55255 55222 71247 "
    "25552 26227 61247 61216 55711 74616 34757 71222 75757 75716 "
    "00700 00007 00000"
)
_GLYPHS = dict(zip(_LETTERS, _ROWS.split()))


def large(text: str, width: int, pixel: str = "\u2588") -> list[str]:
    """Lines of a text in large letters, or as it is where it does not fit into `width` columns."""
    for scale in (2, 1):
        dots = {True: pixel * scale, False: " " * scale}
        letters = [_GLYPHS.get(one, _GLYPHS["-"]) for one in text.upper()]
        if len(text) * 4 * scale <= width:
            return [
                dots[False].join(
                    "".join(dots[bool(int(one[row]) & bit)] for bit in (4, 2, 1)) for one in letters
                )
                for row in range(5)
            ]
    return [text.upper()[:width]]


class PlainScreen:
    """A line a cue."""

    def __init__(self, out: TextIO, n_cues: int) -> None:
        self._out, self._n_cues = out, n_cues
        self._n_up = -1

    def __enter__(self) -> "PlainScreen":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def settled(self, faults: list[str]) -> None:
        for fault in faults:
            print(f"  check the electrodes: {fault}", file=self._out, flush=True)

    def show(self, recorder: Recorder) -> None:
        if recorder.phase is Phase.DONE or recorder.n_up == self._n_up:
            return
        self._n_up = recorder.n_up
        what = "settling, sit still" if recorder.phase is Phase.SETTLING else recorder.cue.label
        print(
            f"  {recorder.n_up:>3}/{self._n_cues}  {what} ({recorder.left_s:.1f} s)",
            file=self._out,
            flush=True,
        )


class TerminalScreen:
    """Large letters and a bar, on the terminal's second screen; drawn anew only where they changed."""

    def __init__(self, out: TextIO, n_cues: int, cues_s: float) -> None:
        self._out, self._n_cues, self._cues_s = out, n_cues, cues_s
        self._faults: list[str] = []
        self._shown = ""
        self._pixel = "\u2588" if (out.encoding or "").lower().replace("-", "") == "utf8" else "#"

    def __enter__(self) -> "TerminalScreen":
        self._out.write("\x1b[?1049h\x1b[?25l\x1b[2J")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.write("\x1b[?25h\x1b[?1049l")
        self._out.flush()

    def settled(self, faults: list[str]) -> None:
        self._faults = faults

    def show(self, recorder: Recorder) -> None:
        if recorder.phase is Phase.DONE:
            return
        page = self._page(recorder, *shutil.get_terminal_size())
        if page != self._shown:
            self._shown = page
            self._out.write(f"\x1b[H{page}\x1b[J")
            self._out.flush()

    def _page(self, recorder: Recorder, columns: int, rows: int) -> str:
        settling = recorder.phase is Phase.SETTLING
        word = "SIT STILL" if settling else recorder.cue.label
        colour = "\x1b[2m" if settling or word == REST else "\x1b[1;32m"
        left_s = recorder.left_s
        full = min(40, columns - 12)
        length = full if settling else round(full * min(1.0, left_s / _cue_s(recorder)))
        bar = f"{self._pixel * length:<{full}}  {math.ceil(left_s):>2} s"
        done_s = 0 if settling else recorder.stream.n_frames / recorder.rate_hz
        state = (
            f"cue {recorder.n_up} of {self._n_cues}   {_minutes(done_s)} of {_minutes(self._cues_s)}   "
            f"frames lost {recorder.stream.n_lost}"
        )
        small = [state, "Ctrl-C ends the session and keeps what is recorded"]
        small += [f"check the electrodes: {fault}" for fault in self._faults]
        letters = large(word, columns - 2, self._pixel)
        lines = [(line, colour) for line in letters] + [("", ""), (bar, ""), ("", "")]
        lines += [(line[: columns - 1], "\x1b[2m") for line in small]
        above = max(0, (rows - len(lines)) // 3)
        centred = [
            f"{' ' * max(0, (columns - len(line)) // 2)}{code}{line}{END_OF_LINE}"
            for line, code in lines[: rows - 1]
        ]
        return "\r\n".join([END_OF_LINE] * above + centred)


def _cue_s(recorder: Recorder) -> float:
    return recorder.cue.n_frames / recorder.rate_hz


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
