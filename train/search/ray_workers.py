"""Workers of a Ray cluster. The study stays with this process: a node only runs trials.

A node must reach the recordings and the folder of the search under the same paths as this machine, and
have the same Neurograsp installed. Ray runs whatever whoever reaches its ports sends it, and this process
unpickles what nodes answer: use a cluster of your own, in a network of your own (docs/search.md).
"""

import logging
import os
import subprocess
import sys
import time
from importlib import import_module
from typing import Any

from neurograsp.edge_runtime.contract.errors import ClusterError
from neurograsp.train.search.workers import Job, Outcome, run_job

CONNECT_S = 10
PROBE_S = 90
RETRIES = 5
"""Of a trial whose node or worker is lost."""

NO_STATISTICS = {"RAY_USAGE_STATS_ENABLED": "0"}
PATIENCE = {
    "RAY_gcs_rpc_server_connect_timeout_s": str(CONNECT_S),
    "RAY_gcs_rpc_server_reconnect_timeout_s": str(CONNECT_S),
}
PROBE = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)"


class RayWorkers:
    """Trials as Ray tasks of one CPU each.

    Args:
        address: host:port of a running cluster, or "auto" for the one of this machine.
        slots: trials at a time; as many as the cluster has CPUs unless given.

    Raises:
        ClusterError: no cluster answers there.
        ModuleNotFoundError: Ray is not installed.
    """

    def __init__(self, address: str, slots: int | None = None) -> None:
        os.environ.update(NO_STATISTICS)
        ray: Any = import_module("ray")
        _probe(address)
        self._ray = ray
        self._errors: Any = (ray.exceptions.RayError, ConnectionError)
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            cpus = ray.cluster_resources().get("CPU", 0)
        except (*self._errors, ValueError, RuntimeError) as error:
            raise ClusterError(f"{address}: {_line(str(error))}") from error
        self.slots = slots or max(1, int(cpus))
        self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(run_job)
        self._running: dict[Any, tuple[int, float]] = {}

    def start(self, job: Job) -> None:
        self._running[self._task.remote(job)] = (job.number, time.monotonic())

    def wait(self) -> tuple[int, Outcome]:
        """Raises ClusterError when the cluster is lost."""
        try:
            ended = self._ray.wait(list(self._running), num_returns=1)[0][0]
        except self._errors as error:
            raise ClusterError(f"the Ray cluster is lost: {_line(str(error))}") from error
        number, began = self._running.pop(ended)
        try:
            found: Outcome = self._ray.get(ended)
        except self._errors as error:
            return number, Outcome(None, time.monotonic() - began, f"worker lost: {_line(str(error))}")
        return number, found

    def stop(self) -> None:
        """Leave the cluster; it ends the tasks of whoever leaves, and they their trials."""
        self._running.clear()
        self._ray.shutdown()


def _probe(address: str) -> None:
    """Connect from another process first: Ray ends the process that finds nobody.

    Raises:
        ClusterError: nobody, or another version.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE, address],
            env={**os.environ, **PATIENCE},
            capture_output=True,
            text=True,
            timeout=PROBE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"{address}: no Ray cluster answers there within {PROBE_S} s") from error
    if done.returncode != 0:
        raise ClusterError(
            f"{address}: no Ray cluster that can be used ({_line(done.stderr)}); start one with "
            "`ray start --head`, of the same Ray and Python, and name its host:port"
        )


def _line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or ["no reason given"])[-1][:200]
