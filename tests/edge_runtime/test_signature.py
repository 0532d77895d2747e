"""A machine with a public key takes the bundles of its holder, unchanged, and no others."""

import hashlib
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from neurograsp.edge_runtime.bundle import MANIFEST, MANIFEST_HASH, SIGNATURE, manifest_hash_line, open_bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import BundleError, ConfigError
from neurograsp.edge_runtime.signature import make_keys, read_private_key, read_public_key

pytest.importorskip("cryptography", reason="the extra `sign` is not installed")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_keys(tmp_path / "key.pem")
    return tmp_path / "key.pem"


@pytest.fixture
def public(key: Path) -> Path:
    return key.with_name("key.pem.pub")


@pytest.fixture
def signed(tmp_path: Path, key: Path) -> Path:
    bundle = tmp_path / "bundle"
    shutil.copytree(
        str(resources.files("neurograsp.edge_runtime") / "samples/bundles/grasp-and-lift"), bundle
    )
    (bundle / SIGNATURE).write_bytes(read_private_key(key).sign((bundle / MANIFEST).read_bytes()))
    return bundle


def test_signed_and_unchanged(signed: Path, public: Path) -> None:
    assert open_bundle(signed, read_public_key(public)).signature == "valid"
    assert open_bundle(signed).signature == "not checked"
    (signed / SIGNATURE).unlink()
    assert open_bundle(signed).signature == "none"


def test_unsigned_is_refused(signed: Path, public: Path) -> None:
    (signed / SIGNATURE).unlink()
    with pytest.raises(BundleError, match="not signed, and only signed bundles are taken here"):
        open_bundle(signed, read_public_key(public))


def test_of_somebody_else_is_refused(signed: Path, tmp_path: Path) -> None:
    other = make_keys(tmp_path / "other.pem")
    with pytest.raises(BundleError, match="not signed with the key that is trusted here"):
        open_bundle(signed, read_public_key(other))


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, b"x" * 63, b"x" * 1000])
def test_what_is_no_signature_is_refused(signed: Path, public: Path, damage: bytes) -> None:
    (signed / SIGNATURE).write_bytes(damage)
    with pytest.raises(BundleError, match="not signed with the key"):
        open_bundle(signed, read_public_key(public))


def test_a_manifest_that_was_changed_and_hashed_again_is_refused(signed: Path, public: Path) -> None:
    """The hash alone stops accidents; the signature stops a lower threshold."""
    raw = (signed / MANIFEST).read_bytes().replace(b'"REACH"', b'"TOUCH"', 1)
    (signed / MANIFEST).write_bytes(raw)
    (signed / MANIFEST_HASH).write_bytes(manifest_hash_line(hashlib.sha256(raw).hexdigest()))
    open_bundle(signed)
    with pytest.raises(BundleError, match="changed since"):
        open_bundle(signed, read_public_key(public))


@pytest.mark.parametrize("how", ["option", "environment"])
@pytest.mark.parametrize(
    "command",
    [
        ["inspect"],
        ["run", "--source", "synthetic", "--hand", "none", "--seconds", "0.5", "--bundle"],
        ["doctor", "--bundle"],
    ],
)
def test_commands(
    command: list[str],
    how: str,
    signed: Path,
    public: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("brainflow")
    if how == "option":
        command = [command[0], "--public-key", str(public), *command[1:]]
    else:
        monkeypatch.setenv("NEUROGRASP_PUBLIC_KEY", str(public))
    assert main([*command, str(signed)]) == 0
    (signed / SIGNATURE).unlink()
    assert main([*command, str(signed)]) == (1 if command[0] == "doctor" else 4)
    told = capsys.readouterr()
    assert "not signed, and only signed bundles are taken here" in told.out + told.err


@pytest.mark.parametrize("what", ["missing", "empty", "private", "foreign"])
def test_a_public_key_that_is_none_lets_nothing_in(
    what: str, signed: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"private": key}.get(what, tmp_path / "wrong.pub")
    if what == "empty":
        wrong.write_bytes(b"")
    if what == "foreign":
        wrong.write_text("-----BEGIN PUBLIC KEY-----\nbm90IGEga2V5\n-----END PUBLIC KEY-----\n")
    assert main(["inspect", str(signed), "--public-key", str(wrong)]) == 4
    told = capsys.readouterr()
    assert told.out == ""
    assert str(wrong) in told.err
    assert told.err.count("\n") == 1


def test_keys_are_private_and_never_overwritten(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        make_keys(key)
    key.with_name("key.pem.pub").unlink()
    assert main(["keygen", "--out", str(key)]) == 4
    assert key.read_bytes() == before
    assert main(["keygen", "--out", str(key.parent / "no" / "key.pem")]) == 4
    assert main(["keygen", "--out", str(key.with_name("new.pem"))]) == 0
    assert "new.pem.pub" in capsys.readouterr().out


def test_openssl_agrees(signed: Path, public: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin"]
    files = ["-in", str(signed / MANIFEST), "-sigfile", str(signed / SIGNATURE)]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout + done.stderr
