"""`neurograsp monitor`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from neurograsp.edge_runtime.monitor.listener import Listener
    from neurograsp.edge_runtime.monitor.metrics import Metrics
    from neurograsp.edge_runtime.monitor.server import Server

HELP = "watch a run in a browser or a terminal, and stop it"
EXAMPLE = "neurograsp monitor"

HOST = "127.0.0.1"
PORT = 8088
NICE = 10
"""Whoever watches gives way to what moves the hand, where that has no real-time priority."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--feed", type=Path, metavar="SOCKET", help="of `neurograsp run --feed` (default: where that puts it)"
    )
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help=f"of this machine, for browsers to reach (default {HOST}: this machine alone)",
    )
    parser.add_argument("--port", type=int, help=f"TCP port (default {PORT}; 0 takes any)")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="another name of this machine, as browsers write it; may be given again",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="the token to ask for, in a file that only you can read (default: a new one, printed)",
    )
    parser.add_argument("--metrics", action="store_true", help="figures for Prometheus at /metrics")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--tui", action="store_true", help="in this terminal, without a server: s stops, q ends"
    )
    other.add_argument(
        "--dashboard", action="store_true", help="print a Grafana dashboard of the metrics, end"
    )


def run(arguments: argparse.Namespace) -> int:
    from importlib.resources import files

    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.telemetry.feed import default_path

    if arguments.dashboard:
        print((files("neurograsp.edge_runtime.monitor") / "grafana.json").read_text(), end="")
        return 0
    place = (arguments.host, arguments.port) != (None, None)
    if arguments.tui and (place or arguments.metrics or arguments.token_file or arguments.name):
        raise UsageError(
            "--tui has no server: --host, --port, --name, --token-file and --metrics are for the page"
        )
    path = arguments.feed or default_path()
    return _terminal(path) if arguments.tui else _serve(arguments, path)


def _terminal(path: Path) -> int:
    import asyncio

    from neurograsp.edge_runtime.cli.arming import key_by_key
    from neurograsp.edge_runtime.contract.errors import MissingExtra, UsageError
    from neurograsp.edge_runtime.monitor.listener import Listener

    try:
        from rich.console import Console
    except ModuleNotFoundError as error:
        raise MissingExtra("rich", "monitor") from error
    from neurograsp.edge_runtime.monitor.terminal import watch

    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--tui: this is no terminal; with ssh, `ssh -t`")

    async def show() -> None:
        listener = Listener(path)
        listener.open()
        stop = _interrupted(asyncio.get_running_loop())
        await watch(listener, sys.stdin.fileno(), Console(), stop)

    with key_by_key(sys.stdin.fileno()):
        asyncio.run(show())
    return 0


def _serve(arguments: argparse.Namespace, path: Path) -> int:
    import asyncio
    import os
    import socket

    from neurograsp.edge_runtime.monitor.guard import new_token, read_token
    from neurograsp.edge_runtime.monitor.listener import Listener
    from neurograsp.edge_runtime.monitor.server import Server
    from neurograsp.edge_runtime.sources.relay_server import listen

    token = read_token(arguments.token_file) if arguments.token_file else new_token()
    machine = socket.gethostname().lower()
    names = frozenset({"localhost", machine, f"{machine}.local", *(name.lower() for name in arguments.name)})
    host = HOST if arguments.host is None else arguments.host
    listening = listen(host, PORT if arguments.port is None else arguments.port)

    async def serve() -> None:
        listener = Listener(path)
        metrics = _metrics(listener) if arguments.metrics else None
        listener.open()
        server = Server(listener, token, names, metrics)
        _say_where(arguments, listening.getsockname()[:2], token, server)
        os.nice(NICE)
        await server.serve(listening, _interrupted(asyncio.get_running_loop()))

    with listening:
        asyncio.run(serve())
    raise KeyboardInterrupt


def _metrics(listener: "Listener") -> "Metrics":
    from neurograsp.edge_runtime.monitor.metrics import Metrics

    metrics = Metrics(lambda: listener.silent_s)
    listener.watch = metrics.take
    return metrics


def _interrupted(loop: "asyncio.AbstractEventLoop") -> "asyncio.Event":
    import asyncio
    import signal

    came = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, came.set)
    return came


def _say_where(arguments: argparse.Namespace, bound: tuple[str, int], token: str, server: "Server") -> None:
    import ipaddress
    import socket

    from neurograsp.edge_runtime.sources.relay_protocol import is_loopback

    address, port = bound
    everywhere = ipaddress.ip_address(address).is_unspecified
    host = socket.gethostname() if everywhere else f"[{address}]" if ":" in address else address
    shown = "" if arguments.token_file else f"/#{token}"
    print(f"open http://{host}:{port}{shown} in a browser; Ctrl-C ends", file=sys.stderr)
    if arguments.token_file:
        print(f"the token is in {arguments.token_file}", file=sys.stderr)
    if arguments.metrics:
        print(f"Prometheus: /metrics, bearer token {server.metrics_token}", file=sys.stderr)
    if not is_loopback(address):
        print(
            "whoever shares this network can read what is sent, the token included; safer is the default "
            f"address and `ssh -L {port}:127.0.0.1:{port} THIS-MACHINE`",
            file=sys.stderr,
        )
    sys.stderr.flush()
