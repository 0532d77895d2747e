"""The fuzzing harnesses: clean on the core as it is, and able to find what is planted in it."""

import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import fuzz
import fuzz_seeds
import pytest
from core_bench import C_TEST, compile_c

from neurograsp.firmware_bridge.host_firmware import FIRMWARE

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake in one file of the core, and what the judge is to say of it: where it shows in several
    ways, chance decides which comes first, and `or_verdict` is the other one."""

    file: str
    right: str
    wrong: str
    verdict: str
    harness: str = "sessions"
    or_verdict: str | None = None

    def plant(self, folder: Path) -> Path:
        """A copy of the core with the mistake."""
        sources = folder / "src"
        shutil.copytree(FIRMWARE / "src", sources)
        text = (sources / self.file).read_text()
        assert text.count(self.right) == 1, "the core has changed: plant the bug anew"
        (sources / self.file).write_text(text.replace(self.right, self.wrong))
        return sources


FEED = "        hand_safety_feed(&self->safety, now_ms);\n"
DEAF = Bug(
    "hand_safety.c",
    "silent_ms >= hand_profile_watchdog_ms(profile)",
    "silent_ms > hand_profile_watchdog_ms(profile) + 20u",
    "silence has not stopped the hand",
)
BUGS = {
    "watchdog": DEAF,
    "watchdog_wrap": Bug(
        "hand_safety.c",
        "uint32_t silent_ms = now_ms - safety->fed_ms;",
        "uint32_t silent_ms = now_ms > safety->fed_ms ? now_ms - safety->fed_ms : 0;",
        "silence has not stopped the hand",
    ),
    "duplicates_feed": Bug(
        "hand_protocol.c",
        "        return;\n    }\n    if (ahead == 0 || ahead >= 128u) {",
        f"{FEED}        return;\n    }}\n    if (ahead == 0 || ahead >= 128u) {{",
        "silence has not stopped the hand",
    ),
    "refusals_feed": Bug(
        "hand_protocol.c",
        "        fill_nack(self, request, result, &self->reply);\n",
        f"        fill_nack(self, request, result, &self->reply);\n{FEED}",
        "silence has not stopped the hand",
        or_verdict="IDLE does not let go",
    ),
    "latch": Bug(
        "hand_safety.c",
        "latched(safety) && !safety->renewed",
        "safety->state == ESTOP && !safety->renewed",
        "a latch opened without a new session",
    ),
    "latch_for_good": Bug(
        "hand_safety.c",
        "safety->renewed = latched(safety);",
        "safety->renewed = false;",
        "a new session and ARM do not bring the hand back",
    ),
    "table": Bug(
        "hand_safety.c",
        "FAILSAFE, ARMED,    FAILSAFE, FAILSAFE, FAILSAFE, FAILSAFE, FAILSAFE",
        "FAILSAFE, ARMED,    FAILSAFE, FAILSAFE, FAILSAFE, FAILSAFE, IDLE",
        "a latch opened without ARM",
    ),
    "estop": Bug(
        "hand_safety.c",
        "HAND_FAULT_ESTOP_INPUT, now_ms);\n        safety->attached = false;",
        "HAND_FAULT_ESTOP_INPUT, now_ms);",
        "the stop input has not stopped the hand",
    ),
    "stall": Bug(
        "hand_safety.c",
        "if (armed(safety) && stalled) {",
        "if (safety->state == MOVING && stalled) {",
        "a stall has not stopped the hand",
    ),
    "limp": Bug(
        "hand_safety.c",
        "now_ms - safety->latched_ms >= limp_ms",
        "now_ms - safety->latched_ms > limp_ms",
        "FAILSAFE does not let go",
    ),
    "time_to_live": Bug(
        "hand_safety.c",
        "now_ms - safety->ttl_from_ms >= safety->ttl_ms",
        "now_ms - safety->ttl_from_ms > safety->ttl_ms",
        "motion after the time to live",
    ),
    "rate": Bug(
        "hand_protocol.c",
        "hand_motion_step(&self->motion, &self->safety))",
        "hand_motion_step(&self->motion, &self->safety) +\n"
        "            hand_motion_step(&self->motion, &self->safety) == 2)",
        "a step above the profile's rate",
    ),
    "first_pulse": Bug(
        "hand_protocol.c",
        "hand_motion_settle(&self->motion, safety);",
        "",
        "a pulse",
    ),
    "cobs": Bug(
        "hand_frames.c",
        "if (code > size - from) {",
        "if (code > size) {",
        "",
        "frames",
    ),
}
IN_CI = {"cobs", "estop", "latch", "rate", "watchdog"}
"""The others are looked for before a release."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in IN_CI else pytest.mark.long) for name in BUGS],
)
def test_planted_bug_is_found_within_a_minute(name: str, tmp_path: Path) -> None:
    bug = BUGS[name]
    corpus = tmp_path / bug.harness
    fuzz.write_seeds(bug.harness, corpus)
    try:
        program = fuzz.build(bug.harness, tmp_path, bug.plant(tmp_path))
    except fuzz.NoFuzzer as failure:
        pytest.skip(str(failure))
    outcome = fuzz.Fuzzing(program, corpus, SECONDS).wait()
    assert outcome.crash is not None, outcome
    assert any(verdict in outcome.found for verdict in (bug.verdict, bug.or_verdict) if verdict is not None)
    assert outcome.crash.is_file()


def run_harness(folder: Path, sources: Path) -> subprocess.CompletedProcess[str]:
    """The harness for sessions without a fuzzer, on the seeds and on seeded medleys of them."""
    files = [C_TEST / name for name in (*fuzz.HARNESSES["sessions"], "fuzz_main.c")]
    program = compile_c([*files, *sorted(sources.glob("*.c"))], folder / "harness", "-fsanitize=address")
    rng = random.Random(0)
    inputs = fuzz_seeds.seeds() | {f"medley_{number}": fuzz_seeds.medley(rng) for number in range(400)}
    corpus = folder / "inputs"
    corpus.mkdir()
    for name, data in inputs.items():
        (corpus / name).write_bytes(data)
    return subprocess.run([program, *sorted(corpus.iterdir())], capture_output=True, text=True, check=False)


def test_fuzz(tmp_path: Path) -> None:
    done = run_harness(tmp_path, FIRMWARE / "src")
    assert (done.stderr, done.returncode) == ("", 0)


def test_these_sessions_tell_a_deaf_watchdog(tmp_path: Path) -> None:
    assert DEAF.verdict in run_harness(tmp_path, DEAF.plant(tmp_path)).stderr
