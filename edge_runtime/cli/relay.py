"""`neurograsp relay`."""

import argparse
import sys

HELP = "send the frames of an amplifier on this machine to a board that runs a bundle"
EXAMPLE = "neurograsp relay --source board:cyton:/dev/ttyUSB0 --listen 192.168.1.20"

PORT = 7007


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", required=True, help="board:NAME[:port], lsl:NAME, playback:FILE or synthetic"
    )
    parser.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="of this machine, for the board to reach (default 127.0.0.1: this machine alone)",
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"TCP port (default {PORT}; 0 takes any)")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.interrupts import interrupts
    from neurograsp.edge_runtime.cli.sources import open_whole, relay_token
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.sources.relay_protocol import is_loopback
    from neurograsp.edge_runtime.sources.relay_server import Relay, listen

    token = relay_token()
    with listen(arguments.listen, arguments.port) as listener:
        address, port = listener.getsockname()[:2]
        if not token and not is_loopback(address):
            raise UsageError(
                f"--listen {arguments.listen}: other machines can connect, so both need one secret: set "
                "NEUROGRASP_RELAY_TOKEN on both (`openssl rand -hex 16` makes one)"
            )
        layout, source = open_whole(arguments.source)
        relay = Relay(source, layout, listener, token)
        print(
            f"{source.description}, {len(layout.channels)} channels at {layout.rate_hz:g} Hz: "
            f"listening on {address}, port {port}; Ctrl-C ends",
            file=sys.stderr,
            flush=True,
        )
        with interrupts() as interrupted:
            relay.serve(interrupted)
    print(
        f"  relayed    {relay.n_sent} frames to {relay.n_receivers} receivers, "
        f"{relay.n_dropped} dropped because they were too slow"
    )
    if interrupted():
        raise KeyboardInterrupt
    return 0
