"""What a run reaches: its ports, under names that stay, and whether it needs a network."""

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.service.device_names import UsbPort

NODE = re.compile(r"/dev/(tty[A-Za-z]+)\d+")
"""Numbered by the order of plugging in."""

OF_USB = {"char-ttyACM", "char-ttyUSB"}
"""A name that stays may stand for either."""


def _roles(wanted: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Paths of devices below /dev, each with what it is for."""
    kind, _, rest = wanted.source.partition(":")
    texts = {
        "hand": wanted.hand,
        "amplifier": rest.partition(":")[2] if kind == "board" else "",
        "switch": wanted.arm_by.removeprefix("serial:") if wanted.arm_by else "",
    }
    for role, text in texts.items():
        device = re.search(r"(?:^|:)(/dev/.+)$", text)
        if device:
            yield role, device[1]


def named_ports(
    words: Sequence[str], wanted: argparse.Namespace, named: "dict[str, UsbPort]"
) -> "tuple[list[str], dict[str, UsbPort], tuple[str, ...]]":
    """Paths that change with the order of plugging in, replaced by names that do not.

    Args:
        words: arguments of `run`.
        wanted: what they mean.
        named: ports by role that are known by their numbers.

    Returns:
        the arguments, the ports by role, and notes for the person.

    Raises:
        UsageError: a name of ours is used, and nothing tells what it stands for.
    """
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.port_finder import list_ports
    from neurograsp.edge_runtime.service.device_names import device_name, usb_port

    found, notes, new = dict(named), [], list(words)
    there = {port.device: port for port in list_ports()}
    for role, device in _roles(wanted):
        name = device_name(role)
        port = there.get(os.path.realpath(device) if device == name else device)
        usb = None if port is None else usb_port(port)
        if usb is not None:
            found.setdefault(role, usb)
        if device == name:
            if role not in found:
                raise UsageError(
                    f"{name}: is not plugged in; say what it is with --usb {role}=VENDOR:PRODUCT"
                )
        elif role in found and NODE.fullmatch(device):
            new = [re.sub(rf"(^|[:=]){re.escape(device)}$", rf"\g<1>{name}", word) for word in new]
            notes.append(f"{device} is called {name} from now on")
        elif device.startswith(("/dev/ttyUSB", "/dev/ttyACM")):
            notes.append(
                f"{device} is not plugged in, and may be another device after the next start: plug it in and "
                f"install again, or say which it is with --usb {role}=VENDOR:PRODUCT"
            )
    return new, found, tuple(notes)


def devices(wanted: argparse.Namespace) -> Iterator[str]:
    """Kinds of devices, as DeviceAllow= has them."""
    kinds: set[str] = set()
    roles = dict(_roles(wanted))
    for device in roles.values():
        node = NODE.fullmatch(device)
        kind = f"char-{node[1]}" if node else None
        kinds |= OF_USB if kind is None or kind in OF_USB else {kind}
    if wanted.source.startswith("board:") and "amplifier" not in roles:
        kinds.add("char-usb_device")
    if gpio_chip(wanted.arm_by):
        kinds.add("char-gpiochip")
    yield from sorted(kinds)


def network(wanted: argparse.Namespace) -> bool:
    """Whether the source or the hand is reached over one."""
    kind, _, rest = wanted.source.partition(":")
    board_elsewhere = kind == "board" and rest != "synthetic" and not rest.partition(":")[2].startswith("/")
    return kind in ("relay", "lsl") or board_elsewhere or "://" in wanted.hand


def gpio_chip(arm_by: str | None) -> str | None:
    """Of the switch that arms, such as gpiochip0."""
    if arm_by is None or not arm_by.startswith("gpio:"):
        return None
    return arm_by.split(":")[1].removeprefix("/dev/")
