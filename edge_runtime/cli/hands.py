"""What `--hand` names."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
    from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
    from neurograsp.firmware_bridge.hands.hand import Capabilities, Hand, JointRange, Promises
    from neurograsp.firmware_bridge.profiles import Profile

log = logging.getLogger(__name__)


@dataclass
class OpenHand:
    """Attributes:
    name: for people.
    link: connected; None without a hand.
    reopen: connects anew to a hand that was lost.
    profile: what the simulated hand is.
    promises: what a device without our firmware does by itself.
    trace: of the simulated hand, at the end.
    caps: of the hand that was there first.
    """

    name: str
    link: "Hand | None" = None
    reopen: "Callable[[], Hand] | None" = None
    profile: str = ""
    promises: "Promises | None" = None
    trace: Any = None
    caps: "Capabilities | None" = None


def is_simulated(url: str) -> bool:
    """Whether `--hand` names the simulated hand: `sim`, or `sim:` with a profile's name or file."""
    return url == "sim" or url.startswith("sim:")


def device_of(url: str) -> tuple[str, str] | None:
    """Profile and port of `--hand PROFILE:PORT`; None where it names a port alone.

    Raises:
        UsageError: a profile without a port, or a port with a profile of our firmware.
    """
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.firmware_bridge.hands.device_profile import shipped_devices
    from neurograsp.firmware_bridge.profiles import shipped_profiles

    file, suffix, port = url.partition(".toml:")
    name, colon, rest = url.partition(":")
    if suffix:
        name = f"{file}.toml"
    elif url.endswith(".toml") or (not colon and url in (*shipped_devices(), *shipped_profiles())):
        name, port = url, ""
    elif not colon or rest.startswith("//") or url.startswith("/"):
        return None
    else:
        port = rest
    if name in shipped_profiles():
        raise UsageError(
            f"--hand {url}: {name} is a profile of our firmware, which says itself what it is: name its port "
            f"alone, such as /dev/ttyACM0, or simulate it with sim:{name}"
        )
    if not port:
        raise UsageError(
            f"--hand {url}: no port: a device is PROFILE:PORT, such as {name}:/dev/ttyUSB0, our firmware "
            "a port alone"
        )
    return name, port


@contextmanager
def open_hand(url: str, accept_no_watchdog: bool = False) -> Iterator[OpenHand]:
    """Connect to the hand that `--hand` names; it is stopped and released at the end.

    Args:
        url: `none`, `sim`, `sim:PROFILE`, a port with our firmware behind it, or `PROFILE:PORT` of
            another device.
        accept_no_watchdog: let a device be armed that goes on when this computer dies.

    Raises:
        UsageError: a profile without its port.
        ConfigError: no such profile, or something is wrong in its file.
        LinkError: it is not there, is busy, or does not answer.
    """
    if url == "none":
        yield OpenHand("none")
    elif is_simulated(url):
        with _simulated("arm" if url == "sim" else url.removeprefix("sim:")) as hand:
            yield hand
    else:
        with _connected(url, accept_no_watchdog) as hand:
            hand.name = f"{hand.name} on {url}"
            yield hand


@contextmanager
def _simulated(profile: str) -> Iterator[OpenHand]:
    from neurograsp.edge_runtime.files import temporary_folder
    from neurograsp.firmware_bridge.host_firmware import SimulatedHand, read_trace

    with temporary_folder("neurograsp-hand-") as folder:
        trace = Path(folder) / "trace.csv"
        with SimulatedHand(trace, profile) as simulated, _connected(simulated.url) as hand:
            hand.name = f"{hand.name}, the firmware in a process of its own on {simulated.url}"
            hand.profile = profile
            yield hand
            hand.trace = read_trace(trace)


@contextmanager
def _connected(url: str, accept_no_watchdog: bool = False) -> Iterator[OpenHand]:
    from neurograsp.edge_runtime import port_finder

    hand = OpenHand(url)
    profile, port = device_of(url) or ("", url)
    whereabouts = port_finder.Whereabouts(port, port_finder.list_ports)

    def connect() -> "Hand":
        now = whereabouts.now()
        if now != port:
            log.warning("%s: is back as %s", port, now)
        link = _open(profile, now, hand, accept_no_watchdog)
        try:
            caps = link.connect()
            _check_same(hand.caps, caps, url)
        except BaseException:
            link.close()
            raise
        hand.name, hand.caps, hand.link = caps.name, caps, link
        return link

    hand.reopen = connect
    connect()
    try:
        yield hand
    finally:
        if hand.link is not None:
            hand.link.close()


def _check_same(before: "Capabilities | None", now: "Capabilities", url: str) -> None:
    """Raises LinkError when another hand is there than before."""
    from neurograsp.edge_runtime.contract.errors import LinkError

    if before is not None and (before.name, before.joints) != (now.name, now.joints):
        raise LinkError(f"{url}: another hand answers, {now.name}; plug in the one that was there")


def _open(profile: str, port: str, hand: OpenHand, accept_no_watchdog: bool) -> "Hand":
    if not profile:
        from neurograsp.firmware_bridge.link import HandLink
        from neurograsp.firmware_bridge.transports import SerialTransport

        transport = SerialTransport(port)
        return HandLink(transport, boot_s=transport.boot_s)
    from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
    from neurograsp.firmware_bridge.hands.device_profile import load_device
    from neurograsp.firmware_bridge.hands.open_device import open_device

    device = load_device(profile)
    driven = DeviceHand(open_device(device, port), device, accept_no_watchdog)
    hand.promises = driven.promises
    return driven


def profile_of(hand: OpenHand) -> "Profile | None":
    """Of a hand with our firmware: what it is simulated as, or what ships by the name that it says."""
    from neurograsp.firmware_bridge.profiles import load_profile, shipped_profiles

    if hand.link is None or hand.link.caps.firmware is None:
        return None
    which = hand.profile or hand.link.caps.name
    return load_profile(which) if hand.profile or which in shipped_profiles() else None


def ranges_of(hand: OpenHand) -> "tuple[JointRange, ...]":
    """What its joints may do, with names for people where its profile is known and has the same limits.

    Raises:
        LinkError: the hand is lost.
    """
    from neurograsp.firmware_bridge.profiles import labelled

    if hand.link is None:
        return ()
    profile = profile_of(hand)
    ranges = hand.link.ranges()
    return ranges if profile is None else labelled(ranges, profile)


def check_promises(hand: OpenHand, accept_no_watchdog: bool) -> None:
    """Raises UsageError for a device that goes on when this computer dies, unless that was accepted."""
    from neurograsp.edge_runtime.contract.errors import UsageError

    if hand.promises is not None and hand.promises.watchdog_s is None and not accept_no_watchdog:
        raise UsageError(
            f"{hand.name}: when this computer or the cable dies it {hand.promises.on_link_loss}; "
            "--accept-no-watchdog drives it all the same"
        )


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
