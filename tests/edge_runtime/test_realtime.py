"""What the operating system gives, refuses and gets back, each in a process that may be changed."""

import gc
import json
import os
import subprocess
import sys
from typing import Any

from neurograsp.edge_runtime.realtime import frozen_garbage

LOOK = """
import json, os, resource, sys, threading
from pathlib import Path
from neurograsp.edge_runtime.realtime import Realtime

def state():
    locked = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmLck")]
    policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    return {
        "policy": policy,
        "priority": os.sched_getparam(0).sched_priority,
        "cpus": sorted(os.sched_getaffinity(0)),
        "locked_kb": int(locked[0].split()[1]),
    }

def state_of_a_new_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(state()))
    thread.start()
    thread.join()
    return found[0]
"""
REPORT = """
before = state()
with Realtime(priority=True, cpu=CPU).taken() as grants:
    print(json.dumps({
        "before": before,
        "inside": state(),
        "thread": state_of_a_new_thread(),
        "grants": {name: [grant.granted, grant.detail] for name, grant in grants.items()},
    }))
print(json.dumps(state()))
"""
UNPRIVILEGED = """
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
"""


def run(code: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is seen inside, and afterwards."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    inside, after = (json.loads(line) for line in done.stdout.splitlines())
    return inside, after


def test_what_is_granted_holds_inside_and_is_given_back() -> None:
    cpu = max(os.sched_getaffinity(0))
    seen, after = run(LOOK + REPORT.replace("CPU", str(cpu)))
    grants, inside = seen["grants"], seen["inside"]
    assert grants["cpu"] == [True, f"stays on processor {cpu}"]
    assert inside["cpus"] == [cpu]
    wanted = (os.SCHED_FIFO, 50) if grants["priority"][0] else (os.SCHED_OTHER, 0)
    assert (inside["policy"], inside["priority"]) == wanted
    assert (inside["locked_kb"] > 0) == grants["memory"][0]
    assert seen["thread"]["policy"] == os.SCHED_OTHER
    assert after == seen["before"]


def test_what_is_refused_is_told_with_its_remedy() -> None:
    seen, after = run(LOOK + UNPRIVILEGED + REPORT.replace("CPU", "4095"))
    grants = seen["grants"]
    assert [granted for granted, _ in grants.values()] == [False, False, False]
    assert "LimitRTPRIO=50" in grants["priority"][1]
    assert "LimitMEMLOCK=infinity" in grants["memory"][1]
    assert "may run on 0" in grants["cpu"][1]
    assert all("\n" not in detail for _, detail in grants.values())
    assert seen["inside"] == seen["before"] == after


def test_the_garbage_collector_has_less_to_search_meanwhile() -> None:
    before = gc.get_freeze_count()
    with frozen_garbage():
        assert gc.get_freeze_count() > before + 1000
    assert gc.get_freeze_count() == 0
