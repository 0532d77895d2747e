"""`neurograsp ports`."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.port_finder import Port

HELP = "list the serial ports of this machine, find out who answers there, or which one a cable is"
EXAMPLE = "neurograsp ports --find"

PATIENCE_S = 60.0
HELLO_S = 0.5
"""For an answer; an Arduino that resets when its port opens gets two seconds more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--probe",
        action="store_true",
        help="say hello on each port, to find hands with our firmware; an Arduino resets when its port is "
        "opened, a hand that is armed is disarmed, and a device of another kind hears nine bytes up to nine "
        "times, which tell none of docs/hands.md anything that listens at 115200 baud (docs/ports.md)",
    )
    way.add_argument(
        "--find", action="store_true", help="unplug a cable and plug it in again: which port it is"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.port_finder import list_ports
    from neurograsp.firmware_bridge.adapters import SLOW_MS, slow

    ports = [_find()] if arguments.find else list_ports()
    rows = [_described(port, arguments.probe) for port in ports]
    if arguments.json:
        print(json.dumps({"ports": rows}))
        return 0
    for row in rows:
        print(f"{row['port']:<20} {row['vid_pid'] or '-':<11} {row['known'] or row['what']}")
        if row["latency_ms"] is not None and row["latency_ms"] > SLOW_MS:
            opened = (
                slow(row["latency_ms"])
                if arguments.probe
                else f"keeps bytes for {row['latency_ms']} ms until opened"
            )
            print(f"{'':<20} {'':<11} {opened}")
        if row["answers"] is not None:
            print(f"{'':<20} {'':<11} {row['answers']}")
    if not rows:
        print("no serial port found; `--hand sim` needs none")
    return 0


def _described(port: "Port", probe: bool) -> dict[str, Any]:
    from neurograsp.firmware_bridge.adapters import latency_ms

    answers = _hello(port.device) if probe else None
    return {
        "port": port.device,
        "what": port.what,
        "vid_pid": port.vid_pid,
        "known": port.known,
        "serial": port.serial,
        "latency_ms": latency_ms(port.device),
        "answers": answers,
    }


def _hello(device: str) -> str:
    from neurograsp.firmware_bridge.errors import NeurograspError
    from neurograsp.firmware_bridge.link import HandLink
    from neurograsp.firmware_bridge.transports import SerialTransport

    try:
        transport = SerialTransport(device)
    except NeurograspError as error:
        return str(error)
    link = HandLink(transport, boot_s=transport.boot_s)
    try:
        caps = link.connect(HELLO_S)
        return f"hand {caps.name}, firmware {caps.firmware[0]}.{caps.firmware[1]}, {caps.joints} joints"
    except NeurograspError as error:
        answered = link.stats.acked or link.stats.nacks
        return str(error) if answered else "no hand with our firmware answers"
    finally:
        link.close()


def _find() -> "Port":
    import time

    from neurograsp.edge_runtime.contract.errors import LinkError
    from neurograsp.edge_runtime.port_finder import list_ports, wait_for_one

    found: Port | None = None
    for word, gone in (("unplug the cable now", True), ("plug it in again", False)):
        print(f"{word} (within {PATIENCE_S:g} s)", file=sys.stderr, flush=True)
        known = list_ports()
        found = wait_for_one(list_ports, known, gone, PATIENCE_S, time.monotonic, time.sleep)
        if found is None:
            raise LinkError(f"no serial port {'went' if gone else 'came back'} in {PATIENCE_S:g} s")
    assert found is not None
    return found
