"""A bundle on the machine that is to run it: signature, golden vectors, and ticks against the deadline.

In processes of their own, since LiteRT runs in them on a network that nobody has run here before; niced and
without real-time priority, so that a control loop beside them keeps its time.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.contract.errors import BundleError, CheckFailed
from neurograsp.edge_runtime.deploy.service import call, last_line
from neurograsp.edge_runtime.signature import read_public_key

CLI = (sys.executable, "-m", "neurograsp.edge_runtime.cli")
TEST_S = 240.0


@dataclass(frozen=True)
class SelfTest:
    """Attributes:
    bundle_sha256, signature: as `neurograsp inspect` says.
    ticks, misses: of the benchmark; a miss is a tick that took longer than `deadline_ms`.
    p50_ms, p99_ms: of a tick.
    """

    bundle_sha256: str
    signature: str
    ticks: int
    misses: int
    deadline_ms: float
    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return (
            f"signature {self.signature}, golden vectors reproduced, tick p50 {self.p50_ms:.1f}, p99 "
            f"{self.p99_ms:.1f} ms, {self.misses} of {self.ticks} over {self.deadline_ms:g} ms"
        )


def self_test(archive: Path, public_key: Path | None, seconds: float, max_misses_percent: float) -> SelfTest:
    """Run all of it.

    Args:
        archive: the bundle.
        public_key: who must have signed it; None: anybody.
        seconds: of the benchmark.
        max_misses_percent: of its ticks.

    Raises:
        BundleError: it is damaged, not signed as it should be, or does not reproduce.
        CheckFailed: too many ticks missed the deadline, or this board cannot test it.
        ConfigError: the key is none.
        MissingExtra: there is a key, and `cryptography` is not installed.
    """
    trusted = None if public_key is None else read_public_key(public_key)
    try:
        open_bundle(archive, trusted)
    except BundleError as error:
        raise BundleError(f"the self-test failed: {error}".replace(f"{archive}: ", "")) from error
    key = () if public_key is None else ("--public-key", str(public_key))
    inspected = _ask("inspect", str(archive), *key, "--json")
    bench = ("bench", str(archive), "--source", "synthetic", "--hand", "none", "--no-realtime", "--json")
    benched = _ask(*bench, *key, "--seconds", f"{seconds:g}", "--warm-up", "0.5")["loop"]
    tick = benched["sections"]["tick"]
    tested = SelfTest(
        bundle_sha256=inspected["sha256"],
        signature=inspected["signature"],
        ticks=benched["ticks"],
        misses=benched["deadline_misses"],
        deadline_ms=benched["tick_ms"],
        p50_ms=(tick["p50_us"] or 0.0) / 1000,
        p99_ms=(tick["p99_us"] or 0.0) / 1000,
    )
    if tested.ticks == 0 or tested.misses > tested.ticks * max_misses_percent / 100:
        raise CheckFailed(
            f"too slow for this board: {tested.misses} of {tested.ticks} ticks took longer than "
            f"{tested.deadline_ms:g} ms, {max_misses_percent:g} % may; p50 {tested.p50_ms:.1f} ms"
        )
    return tested


def _ask(*words: str) -> Any:
    done = call(("nice", "-n", "10", *CLI, *words), TEST_S)
    if done.returncode != 0:
        own = [line for line in done.stderr.splitlines() if line.startswith("neurograsp")]
        # The key is a good one, as was seen before: what remains to be refused with this code is the bundle.
        blamed = BundleError if done.returncode == BundleError.exit_code else CheckFailed
        said = own[-1].partition(": ")[2] if own else last_line(done) or f"exit {done.returncode}"
        raise blamed(f"the self-test failed: {said.replace(f'{words[1]}: ', '')}")
    return json.loads(done.stdout)
