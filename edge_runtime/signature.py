"""Who made a bundle: Ed25519 signatures (RFC 8032) of its manifest, whose hashes cover all the rest."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_KEY_FILE = 2**16


def make_keys(path: Path) -> Path:
    """Write a new private key, readable by its owner only, and beside it the public one.

    Args:
        path: of the private key (PKCS #8, PEM, not encrypted).

    Returns:
        path of the public key (SubjectPublicKeyInfo, PEM): the same with `.pub` behind it.

    Raises:
        ConfigError: one of them is there already, or cannot be written.
        MissingExtra: `cryptography` is not installed.
    """
    _cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, encryption_algorithm=serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    beside = path.with_name(f"{path.name}.pub")
    if beside.exists():
        raise ConfigError(f"{beside}: is there already; a new key would not fit what the old one signed")
    _write_new(path, private, 0o600)
    _write_new(beside, public, 0o644)
    return beside


def read_private_key(path: Path) -> "Ed25519PrivateKey":
    """Raises ConfigError where the file is no Ed25519 private key, MissingExtra without `cryptography`."""
    _cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = _load(path, lambda data: load_pem_private_key(data, password=None))
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: no Ed25519 private key; make one with `neurograsp keygen`")
    return key


def read_public_key(path: Path) -> "Ed25519PublicKey":
    """Raises ConfigError where the file is no Ed25519 public key, MissingExtra without `cryptography`."""
    _cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _load(path, load_pem_public_key)
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path}: no Ed25519 public key; take the .pub file that `neurograsp keygen` wrote")
    return key


def is_signed_by(key: "Ed25519PublicKey", manifest: bytes, signature: bytes) -> bool:
    """Whether the holder of the private key signed exactly this manifest."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        return False
    return True


def _load(path: Path, parse: Any) -> Any:
    """The key in a file, or None where there is no key of any kind in it."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        with path.open("rb") as file:
            data = file.read(MAX_KEY_FILE)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return parse(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError as error:
        raise ConfigError(f"{path}: is there already; keys are never overwritten") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise MissingExtra("cryptography", "sign") from error
