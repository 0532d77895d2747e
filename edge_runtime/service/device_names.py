"""Names of ports that stay the same, as udev rules: /dev/neurograsp-hand is the hand on whichever socket, in
whichever order things were plugged in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from neurograsp.edge_runtime.contract.errors import UsageError
from neurograsp.edge_runtime.port_finder import Port

ROLES = ("hand", "amplifier", "switch")
GPIO_GROUP = "gpio"

_USB = re.compile(r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})(?::(.+))?")
_INTERFACE = re.compile(r"([\d.-]+):\d+\.(\d+)")


@dataclass(frozen=True, slots=True)
class UsbPort:
    """What a port is known by.

    Attributes:
        vendor, product: of USB, four hexadecimal digits each.
        serial: its own number; None: of any number.
        socket: of the computer, such as 1-1.2, for what has no number of its own; None: at any.
        interface: of a device with several ports; None: its only one.
    """

    vendor: str
    product: str
    serial: str | None = None
    socket: str | None = None
    interface: int | None = None


def device_name(role: str) -> str:
    return f"/dev/neurograsp-{role}"


def usb_port(port: Port) -> UsbPort | None:
    """What a port that is plugged in is known by from now on; None of one that is not of USB."""
    if port.vid_pid is None:
        return None
    vendor, product = port.vid_pid.split(":")
    several = _INTERFACE.fullmatch(port.location or "")
    socket = several[1] if several else port.location
    return UsbPort(
        vendor,
        product,
        port.serial,
        None if port.serial else socket,
        int(several[2]) if several else None,
    )


def parse_usb(text: str) -> tuple[str, UsbPort]:
    """`ROLE=VENDOR:PRODUCT[:SERIAL]`. Raises UsageError."""
    role, _, numbers = text.partition("=")
    found = _USB.fullmatch(numbers)
    if role not in ROLES or found is None:
        raise UsageError(
            f"--usb {text}: expected hand=2341:0043 or hand=2341:0043:SERIAL, of {', '.join(ROLES)}"
        )
    return role, UsbPort(found[1].lower(), found[2].lower(), found[3])


def rules_text(ports: Mapping[str, UsbPort], gpio_chip: str | None) -> str:
    """Rules for udev, or "" where none are needed.

    ModemManager would otherwise say AT commands to whatever looks like a modem.

    Args:
        ports: by role.
        gpio_chip: of the switch that arms, such as gpiochip0; Debian gives it to root alone.
    """
    lines = []
    for role, port in ports.items():
        ids = [f'ATTRS{{idVendor}}=="{port.vendor}"', f'ATTRS{{idProduct}}=="{port.product}"']
        if port.serial is not None:
            ids.append(f'ATTRS{{serial}}=="{_pattern(port.serial)}"')
        if port.socket is not None:
            ids.insert(0, f'KERNELS=="{port.socket}"')
        device = ", ".join(ids)
        if port.interface is not None:
            ids.append(f'ENV{{ID_USB_INTERFACE_NUM}}=="{port.interface:02}"')
        name = device_name(role).removeprefix("/dev/")
        lines.append(
            f'SUBSYSTEM=="tty", {", ".join(ids)}, SYMLINK+="{name}", GROUP="dialout", MODE="0660", '
            'ENV{ID_MM_PORT_IGNORE}="1"'
        )
        own = device.replace("ATTRS{", "ATTR{").replace("KERNELS", "KERNEL")
        lines.append(f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", {own}, ENV{{ID_MM_DEVICE_IGNORE}}="1"')
    if gpio_chip is not None:
        lines.append(f'SUBSYSTEM=="gpio", KERNEL=="{gpio_chip}", GROUP="{GPIO_GROUP}", MODE="0660"')
    return "".join(f"{line}\n" for line in lines)


def _pattern(serial: str) -> str:
    """udev compares with a pattern; `?` is any one character."""
    return re.sub(r"[^A-Za-z0-9 ._:@#+-]", "?", serial)
