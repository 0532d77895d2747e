"""What `--hand` names."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
    from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
    from neurograsp.firmware_bridge.link import HandLink


@dataclass
class OpenHand:
    """Attributes:
    name: for people.
    link: connected; None without a hand.
    reopen: connects anew to a hand that was lost.
    trace: of the simulated hand, at the end.
    """

    name: str
    link: "HandLink | None" = None
    reopen: "Callable[[], HandLink] | None" = None
    trace: Any = None


@contextmanager
def open_hand(url: str) -> Iterator[OpenHand]:
    """Connect to the hand that `--hand` names; it is stopped and released at the end.

    Raises:
        LinkError: it is not there, is busy, or does not answer.
    """
    if url == "none":
        yield OpenHand("none")
    elif url == "sim":
        with _simulated() as hand:
            yield hand
    else:
        with _connected(url) as hand:
            hand.name = f"{hand.name} on {url}"
            yield hand


@contextmanager
def _simulated() -> Iterator[OpenHand]:
    from neurograsp.edge_runtime.files import temporary_folder
    from neurograsp.firmware_bridge.host_firmware import SimulatedHand, read_trace

    with temporary_folder("neurograsp-hand-") as folder:
        trace = Path(folder) / "trace.csv"
        with SimulatedHand(trace) as simulated, _connected(simulated.url) as hand:
            hand.name = f"{hand.name}, the firmware in a process of its own on {simulated.url}"
            yield hand
            hand.trace = read_trace(trace)


@contextmanager
def _connected(url: str) -> Iterator[OpenHand]:
    from neurograsp.firmware_bridge.link import HandLink
    from neurograsp.firmware_bridge.transports import open_transport

    hand = OpenHand(url)

    def connect() -> HandLink:
        link = HandLink(open_transport(url))
        try:
            hand.name = link.connect().name
        except BaseException:
            link.close()
            raise
        hand.link = link
        return link

    hand.reopen = connect
    connect()
    try:
        yield hand
    finally:
        if hand.link is not None:
            hand.link.close()


def check_commands(spec: "SignalSpec", hand: OpenHand) -> None:
    """Raises ConfigError when the bundle has commands that the hand does not know."""
    from neurograsp.edge_runtime.contract.errors import ConfigError

    if hand.link is None:
        return
    known = {action.name for action in hand.link.caps.actions}
    odd = sorted(set(spec.actions.commands) - known)
    if odd:
        raise ConfigError(
            f"{hand.name}: the bundle's commands {', '.join(odd)} are none of its actions "
            f"({', '.join(sorted(known))}); change actions.commands and train again"
        )


def check_force(decision: "DecisionSpec", hand: OpenHand) -> None:
    """Raises ConfigError when the bundle limits force and the hand cannot."""
    from neurograsp.edge_runtime.contract.errors import ConfigError
    from neurograsp.firmware_bridge.protocol import Feature

    limited = decision.proportional is not None and decision.proportional.of == "force"
    if limited and hand.link is not None and Feature.FORCE not in hand.link.caps.features:
        raise ConfigError(
            f"{hand.name}: cannot limit its force, as the bundle's decision.proportional wants; take another "
            "hand, or train again with of = 'speed'"
        )
