"""A run's messages as figures for Prometheus, named by its conventions: base units, `_total` for counters."""

from collections.abc import Callable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from neurograsp.edge_runtime.quality import Fault
from neurograsp.edge_runtime.run_summary import RuntimeState
from neurograsp.edge_runtime.telemetry.messages import (
    Command,
    Decided,
    Event,
    HandReport,
    Message,
    Session,
    Tick,
)
from neurograsp.firmware_bridge.codes import HandState

BUCKETS_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
PARTS = ("late", "read", "filter", "infer", "decide", "send")
LINK = (
    "sent",
    "acked",
    "nacks",
    "retries",
    "unanswered",
    "beats",
    "stops",
    "states",
    "crc_errors",
    "bad_frames",
)


class Metrics:
    """Fed with every message of one run after the other; counters count through all of them.

    Args:
        silent_s: seconds since the last message.
    """

    def __init__(self, silent_s: Callable[[], float] = lambda: 0.0) -> None:
        # They are a second series of every counter.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        self._session: Session | None = None
        self._tick: Tick | None = None
        self._seen: dict[tuple[str, str], float] = {}
        self._silence = self._gauge("feed_silent_seconds", "Since the last message of a run")
        self._silence.set_function(silent_s)
        self._runs = self._counter("runs", "Runs that were seen to begin")
        self._info = self._gauge(
            "run_info", "1 for the newest run", "bundle_sha256", "source", "hand", "version"
        )
        self._deadline = self._gauge("tick_deadline_seconds", "From one tick to the next")
        self._duration = self._histogram("tick_duration_seconds", "What a tick's work took")
        self._parts = self._histogram("tick_part_duration_seconds", "What parts of a tick took", "part")
        self._missed = self._counter("tick_deadline_misses", "Ticks whose work outlasted their deadline")
        self._lost = self._counter("ticks_unseen", "Ticks that did not reach the monitor")
        self._age = self._gauge("frame_age_seconds", "Of the newest frame, at the newest tick")
        self._state = self._gauge("runtime_state", "1 for the state that the runtime is in", "state")
        self._armings = self._counter("armings", "How often the hand was armed")
        self._stops = self._counter("stops", "How often the runtime stopped", "cause")
        self._losses = self._counter("losses", "How often the amplifier or the hand was lost", "what")
        self._decisions = self._counter("decisions", "Decisions")
        self._activations = self._counter("activations", "Decisions that started an action", "action")
        self._commands = self._counter("commands", "What was asked of the hand", "kind", "name")
        self._electrodes = self._gauge("electrodes", "Electrodes, by what is wrong with them", "fault")
        self._hand = self._gauge("hand_state", "1 for the state that the hand is in", "state")
        self._link = self._counter("hand_link", "What went over the line to the hand", "what")
        self._round_trip = self._gauge("hand_link_round_trip_seconds", "Median, request to answer")
        self._warm = self._gauge("hand_joint_temperature_celsius", "Of a joint", "joint")
        self._dropped = self._counter("messages_dropped", "Messages lost on the way, by topic", "topic")
        self._events = self._counter("events", "What was logged", "level")

    def take(self, message: Message) -> None:
        """Count one message."""
        if isinstance(message, Tick):
            self._time(message)
        elif isinstance(message, Decided):
            self._decide(message)
        elif isinstance(message, Command):
            self._commands.labels(message.kind, message.name).inc()
        elif isinstance(message, HandReport):
            self._report(message)
        elif isinstance(message, Event):
            self._events.labels(message.level).inc()
            self._catch_up(self._dropped, "dropped", message.dropped)
        elif isinstance(message, Session):
            self._begin(message)

    def exposition(self) -> tuple[bytes, str]:
        """All figures, and the type of the text."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _begin(self, session: Session) -> None:
        self._session, self._tick = session, None
        self._seen.clear()
        self._runs.inc()
        self._info.clear()
        hand = session.hand or "none"
        self._info.labels(session.bundle_sha256, session.source, hand, session.neurograsp).set(1)
        self._deadline.set(session.tick_ms / 1000)
        self._warm.clear()

    def _time(self, tick: Tick) -> None:
        before, self._tick = self._tick, tick
        self._duration.observe(tick.tick_us / 1e6)
        for part in PARTS:
            self._parts.labels(part).observe(getattr(tick, f"{part}_us") / 1e6)
        self._missed.inc(tick.missed)
        if tick.age_s is not None:
            self._age.set(tick.age_s)
        for state in RuntimeState:
            self._state.labels(state.value).set(state.value == tick.state)
        if before is None:
            return
        self._lost.inc(max(0, tick.number - before.number - 1))
        self._losses.labels("source").inc(tick.source_lost and not before.source_lost)
        self._losses.labels("hand").inc(tick.hand_lost and not before.hand_lost)
        if tick.state != before.state:
            self._armings.inc(tick.state == "armed")
            if tick.state == "stopped":
                self._stops.labels(cause_of(tick)).inc()

    def _decide(self, decided: Decided) -> None:
        self._decisions.inc()
        if decided.started and decided.action is not None:
            self._activations.labels(decided.action).inc()
        for fault in Fault:
            self._electrodes.labels(fault.name.lower()).set(decided.channel_faults.count(fault))

    def _report(self, hand: HandReport) -> None:
        for state in HandState:
            self._hand.labels(state.name.lower()).set(state.name == hand.state)
        self._catch_up(self._link, "link", {name: hand.link.get(name, 0) for name in LINK})
        if hand.link.get("rtt_ms_p50") is not None:
            self._round_trip.set(hand.link["rtt_ms_p50"] / 1000)
        joints = self._session.joints if self._session is not None else ()
        for joint, warm in zip(joints, hand.temperatures_c):
            if warm is not None:
                self._warm.labels(joint.name).set(warm)

    def _catch_up(self, counter: Counter, what: str, totals: Mapping[str, float]) -> None:
        """Counters that somebody else counts; they begin at 0 again with a new run, or a new connection."""
        for name, total in totals.items():
            before = self._seen.get((what, name), 0)
            counter.labels(name).inc(total - before if total >= before else total)
            self._seen[what, name] = total

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"neurograsp_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"neurograsp_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"neurograsp_{name}", text, labels, registry=self.registry, buckets=BUCKETS_S)


def cause_of(tick: Tick) -> str:
    """Of a stop, as one of a few words, so that they can be counted."""
    if tick.request == "stop":
        return "person"
    if tick.source_lost:
        return "source"
    if tick.hand_lost or tick.stopped_by.startswith("the hand went"):
        return "hand"
    return "signal" if tick.doubt is not None else "other"
