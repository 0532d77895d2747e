"""`--log` and `--feed`: what is told of a run, and to whom."""

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.arming import Arming
    from neurograsp.edge_runtime.bundle import Bundle
    from neurograsp.edge_runtime.cli.calibrated import Calibrated
    from neurograsp.edge_runtime.cli.hands import OpenHand
    from neurograsp.edge_runtime.run_summary import RunSummary
    from neurograsp.edge_runtime.telemetry.messages import Session
    from neurograsp.edge_runtime.telemetry.outlet import Outlet
    from neurograsp.edge_runtime.telemetry.start import Observed

BY_MONITOR = "monitor"


def add_telemetry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--log",
        metavar="FILE|DIR",
        help="write the session log there, for replay and for log viewers: a new file where the name ends "
        "in .mcap, else a folder, in which it is named by the time",
    )
    parser.add_argument(
        "--feed",
        nargs="?",
        const="",
        metavar="SOCKET",
        help="tell monitors what happens, over this local socket (default: in /run/neurograsp or "
        "$XDG_RUNTIME_DIR/neurograsp); any of them may stop the hand",
    )


class Telemetry:
    """What the command line asks for.

    Raises:
        UsageError: `--arm-by monitor` without a feed.
        ConfigError: no place for a feed, or the log is there already.
        MissingExtra: mcap is not installed.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        from neurograsp.edge_runtime.contract.errors import UsageError

        self.arms = arguments.arm_by == BY_MONITOR
        if self.arms and arguments.feed is None:
            raise UsageError("--arm-by monitor needs --feed, over which a monitor asks")
        self.log = None if arguments.log is None else _log_path(arguments.log)
        self.feed = None if arguments.feed is None else _feed_path(arguments.feed)
        self._cpu: int | None = arguments.cpu
        self._observed: Observed | None = None

    @property
    def wanted(self) -> bool:
        return self.log is not None or self.feed is not None

    @contextmanager
    def observed(self, session: "Session | None") -> Iterator["Outlet | None"]:
        """Have an observer tell of the run, as long as this lasts; None where nobody asked for it.

        Raises:
            ConfigError: the log or the feed cannot be made.
        """
        if session is None:
            yield None
            return
        from neurograsp.edge_runtime.telemetry.observer import Setup
        from neurograsp.edge_runtime.telemetry.start import observer_started

        log = None if self.log is None else str(self.log)
        feed = None if self.feed is None else str(self.feed)
        setup = Setup(log, feed, self.arms, self._cpu, session)
        with observer_started(setup) as self._observed, _told(self._observed.outlet):
            yield self._observed.outlet

    def arming(self, outlet: "Outlet | None", other: "Arming | None") -> "Arming | None":
        """The way to arm of the command line, and monitors beside it."""
        from neurograsp.edge_runtime.arming import ByMonitor, WithStop

        if outlet is None or self.feed is None:
            return other
        if self.arms:
            return ByMonitor(outlet.asked)
        return None if other is None else WithStop(outlet.asked, other)

    def report(self) -> dict[str, Any] | None:
        """See docs/schemas/run.schema.json."""
        if self._observed is None:
            return None
        result = self._observed.result or {"stopped": "the observer was lost", "bytes": None}
        return {
            "log": None if self.log is None else str(self.log),
            "log_bytes": result["bytes"],
            "log_stopped": result["stopped"],
            "feed": None if self.feed is None else str(self.feed),
            "dropped": {
                "outlet": dict(self._observed.outlet.dropped),
                "log": result.get("log_dropped", {}),
                "feed": result.get("feed_dropped", {}),
            },
        }


def session_of(
    arguments: argparse.Namespace,
    bundle: "Bundle",
    calibrated: "Calibrated",
    hand: "OpenHand",
    source: str,
    armed_by: str | None,
    *,
    arms_again: bool,
    patience_s: float,
) -> "Session":
    """What a run begins with. Asks the hand for the limits of its joints, which moves nothing."""
    from importlib.metadata import version

    from neurograsp.edge_runtime.loop import tick_s
    from neurograsp.edge_runtime.telemetry.messages import VERSION, Joint, Session
    from neurograsp.firmware_bridge.strict import encode

    link, signal = hand.link, bundle.manifest.signal
    on_link_loss = None
    if link is not None:
        watchdog_ms = link.caps.watchdog_ms
        on_link_loss = (
            hand.promises.on_link_loss
            if hand.promises is not None
            else f"stops after {watchdog_ms} ms without a heartbeat"
        )
    return Session(
        version=VERSION,
        neurograsp=version("neurograsp"),
        started_at="",
        bundle=str(arguments.bundle.resolve()),
        bundle_sha256=bundle.sha256,
        signal=encode(signal),
        decision=encode(calibrated.decision),
        calibration_sha256=None
        if calibrated.path is None
        else sha256(calibrated.path.read_bytes()).hexdigest(),
        source=f"{arguments.source}: {source}",
        hand=None if link is None else hand.name,
        hand_actions=() if link is None else tuple(sorted(action.name for action in link.caps.actions)),
        hand_max_ttl_ms=None if link is None else link.caps.max_ttl_ms,
        on_link_loss=on_link_loss,
        joints=()
        if link is None
        else tuple(Joint(joint.name, joint.low, joint.high, joint.unit) for joint in link.ranges()),
        arming=armed_by,
        arms_again=arms_again,
        patience_s=patience_s,
        tick_ms=tick_s(signal) * 1000,
    )


def ended(summary: "RunSummary", failure: BaseException | None) -> str:
    """The last line of a session."""
    why = summary.stopped_by if failure is None else str(failure) or "interrupted"
    return (
        f"ended: {why}; {summary.ticks} ticks, {summary.deadline_misses} missed their deadline; "
        f"{summary.n_decisions} decisions, {summary.activations} activations, "
        f"{sum(summary.commands.values())} commands, {len(summary.stops)} stops"
    )


@contextmanager
def _told(outlet: "Outlet") -> Iterator[None]:
    """What this package logs is told too, whatever is shown on the screen."""
    from neurograsp.edge_runtime.telemetry.outlet import ToOutlet

    handler = ToOutlet(outlet)
    package = logging.getLogger("neurograsp")
    silent = [
        logger
        for name, logger in logging.Logger.manager.loggerDict.items()
        if name.startswith("neurograsp.") and isinstance(logger, logging.Logger) and not logger.propagate
    ]
    before, level = package.level, package.getEffectiveLevel()
    screens = [(screen, screen.level) for screen in logging.getLogger().handlers]
    for screen, its_level in screens:
        screen.setLevel(max(its_level, level))
    package.setLevel(logging.INFO)
    for logger in (package, *silent):
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in (package, *silent):
            logger.removeHandler(handler)
        package.setLevel(before)
        for screen, its_level in screens:
            screen.setLevel(its_level)


def _log_path(text: str) -> Path:
    from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra
    from neurograsp.edge_runtime.files import check_writable

    try:
        import mcap.writer  # noqa: F401
    except ImportError as error:
        raise MissingExtra("mcap", "recorder") from error
    path = Path(text)
    if path.suffix != ".mcap":
        path /= f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.mcap"
    if path.exists():
        raise ConfigError(f"--log {path}: is there already; name a new file, or a folder")
    check_writable(path, private=True)
    return path


def _feed_path(text: str) -> Path:
    from neurograsp.edge_runtime.telemetry.feed import default_path

    return Path(text) if text else default_path()
