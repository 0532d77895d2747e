"""`neurograsp ports`."""

import argparse
import json

HELP = "list the serial ports of this machine"
EXAMPLE = "neurograsp ports"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from serial.tools.list_ports import comports

    ports = [
        {
            "port": port.device,
            "what": port.description,
            "vid_pid": None if port.vid is None else f"{port.vid:04x}:{port.pid:04x}",
        }
        for port in sorted(comports(), key=lambda port: port.device)
    ]
    if arguments.json:
        print(json.dumps({"ports": ports}))
        return 0
    for port in ports:
        print(f"{port['port']:<20} {port['vid_pid'] or '-':<11} {port['what']}")
    if not ports:
        print("no serial port found; `--hand sim` needs none")
    return 0
