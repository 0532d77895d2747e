"""udev rules, against a small reading of udev(7)."""

import fnmatch
import re

import pytest

from neurograsp.edge_runtime.contract.errors import UsageError
from neurograsp.edge_runtime.port_finder import Port
from neurograsp.edge_runtime.service.device_names import UsbPort, parse_usb, rules_text, usb_port

ARDUINO = Port("/dev/ttyACM0", "Arduino Uno", "2341:0043", "75830303934351E0E1F1", "1-1.2:1.0")
CLONE = Port("/dev/ttyUSB0", "USB Serial", "1a86:7523", None, "1-1.4")
ONBOARD = Port("/dev/ttyS0", "n/a", None, None)

TERM = re.compile(r'([A-Z]+)(?:\{(\w+)\})?(==|\+=|=)"([^"]*)"')


def applied(rules: str, event: dict[str, str], parent: dict[str, str]) -> dict[str, str]:
    """What rules set for an event. Keys of `parent` are looked for in one and the same parent device."""
    new: dict[str, str] = {}
    for rule in rules.splitlines():
        terms = [TERM.fullmatch(term) for term in re.split(r", (?=[A-Z])", rule)]
        assert all(terms), rule
        words = [
            (f"{term[1]}{{{term[2]}}}" if term[2] else term[1], term[3], term[4]) for term in terms if term
        ]
        known = {"tty": parent | event, "usb": parent | event, "gpio": event}[event["SUBSYSTEM"]]
        if all(fnmatch.fnmatchcase(known.get(key, ""), value) for key, how, value in words if how == "=="):
            new |= {key: value for key, how, value in words if how != "=="}
    return new


def tty(port: UsbPort, interface: str = "00") -> dict[str, str]:
    return applied_to({"SUBSYSTEM": "tty", "ENV{ID_USB_INTERFACE_NUM}": interface}, port)


def applied_to(event: dict[str, str], port: UsbPort) -> dict[str, str]:
    ids = {
        "ATTRS{idVendor}": port.vendor,
        "ATTRS{idProduct}": port.product,
        "ATTRS{serial}": port.serial or "",
    }
    return event | ids | {"KERNELS": port.socket or ""}


def known(port: Port) -> UsbPort:
    found = usb_port(port)
    assert found is not None
    return found


def test_a_port_with_a_number_is_known_wherever_it_is() -> None:
    port = known(ARDUINO)
    rules = rules_text({"hand": port}, None)
    new = applied(rules, tty(port), {})
    assert new["SYMLINK"] == "neurograsp-hand"
    assert new["GROUP"] == "dialout"
    assert new["ENV{ID_MM_PORT_IGNORE}"] == "1"
    assert "KERNELS" not in rules


@pytest.mark.parametrize(
    "other",
    [
        UsbPort("2341", "0043", "another"),
        UsbPort("2341", "0001", ARDUINO.serial),
        UsbPort("0403", "0043", ARDUINO.serial),
    ],
)
def test_another_one_is_not_taken_for_it(other: UsbPort) -> None:
    assert applied(rules_text({"hand": known(ARDUINO)}, None), tty(other), {}) == {}


def test_of_several_ports_of_a_device_one_is_named() -> None:
    port = known(ARDUINO)
    rules = rules_text({"hand": port}, None)
    assert applied(rules, tty(port, "02"), {}) == {}


def test_a_port_without_a_number_is_known_by_its_socket() -> None:
    port = known(CLONE)
    assert (port.serial, port.socket, port.interface) == (None, "1-1.4", None)
    rules = rules_text({"amplifier": port}, None)
    assert applied(rules, tty(port), {})["SYMLINK"] == "neurograsp-amplifier"
    assert applied(rules, tty(UsbPort("1a86", "7523", None, "1-1.3")), {}) == {}


def test_nothing_is_said_to_the_device_by_modem_manager() -> None:
    device = {"SUBSYSTEM": "usb", "ENV{DEVTYPE}": "usb_device", "KERNEL": "1-1.4"}
    ids = {"ATTR{idVendor}": "1a86", "ATTR{idProduct}": "7523"}
    rules = rules_text({"amplifier": known(CLONE)}, None)
    assert applied(rules, device | ids, {}) == {"ENV{ID_MM_DEVICE_IGNORE}": "1"}


def test_a_number_of_odd_characters_still_matches_itself() -> None:
    port = UsbPort("2341", "0043", 'a"b*c[d]')
    rules = rules_text({"hand": port}, None)
    assert '"2341", ' in rules
    assert applied(rules, tty(port), {})["SYMLINK"] == "neurograsp-hand"


def test_what_is_not_of_usb_gets_no_rule() -> None:
    assert usb_port(ONBOARD) is None
    assert rules_text({}, None) == ""


def test_the_group_gpio_may_read_the_switch() -> None:
    event = {"SUBSYSTEM": "gpio", "KERNEL": "gpiochip0"}
    assert applied(rules_text({}, "gpiochip0"), event, {}) == {"GROUP": "gpio", "MODE": "0660"}


def test_numbers_on_the_command_line() -> None:
    assert parse_usb("hand=2341:0043") == ("hand", UsbPort("2341", "0043"))
    assert parse_usb("switch=0403:6001:A5:X") == ("switch", UsbPort("0403", "6001", "A5:X"))


@pytest.mark.parametrize(
    "text", ["2341:0043", "foot=2341:0043", "hand=2341", "hand=23:43", "hand=2341:0043:", ""]
)
def test_other_forms_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match="hand=2341:0043"):
        parse_usb(text)
