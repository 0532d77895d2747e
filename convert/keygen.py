"""`neurograsp keygen`."""

import argparse
from pathlib import Path

HELP = "make a key pair to sign bundles with"
EXAMPLE = "neurograsp keygen --out ~/.config/neurograsp/signing-key.pem"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="KEY",
        help="private key to write, and KEY.pub the public one",
    )


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.trust import INSTALLED
    from neurograsp.edge_runtime.signature import make_keys

    public = make_keys(arguments.out)
    print(f"private key: {arguments.out} (keep it: neurograsp convert ... --sign {arguments.out})")
    print(f"public key:  {public} (for the board: {INSTALLED})")
    return 0
