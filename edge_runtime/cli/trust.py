"""Whose bundles are taken: of anybody, or where a public key is configured of its holder alone."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.bundle import Bundle

INSTALLED = Path("/etc/neurograsp/public-key.pem")


def add_public_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="refuse bundles that its private key did not sign; default: NEUROGRASP_PUBLIC_KEY, "
        f"then {INSTALLED}",
    )


def open_trusted(path: Path, public_key: Path | None) -> "Bundle":
    """Open a bundle, and refuse one that is not of whom this machine trusts.

    Args:
        path: of the bundle.
        public_key: what `--public-key` gave.

    Raises:
        BundleError: see `open_bundle`.
        ConfigError: the configured key is none.
        MissingExtra: a key is configured and `cryptography` is not installed.
    """
    from neurograsp.edge_runtime.bundle import open_bundle
    from neurograsp.edge_runtime.signature import read_public_key

    chosen = public_key or configured()
    return open_bundle(path, None if chosen is None else read_public_key(chosen))


def configured() -> Path | None:
    """The key of this machine."""
    named = os.environ.get("NEUROGRASP_PUBLIC_KEY")
    if named:
        return Path(named)
    return INSTALLED if INSTALLED.exists() else None
