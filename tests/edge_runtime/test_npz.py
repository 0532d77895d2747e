"""Arrays of archives that somebody else wrote: one line says what is wrong, or they are what was written."""

import io
import zipfile

import numpy as np
import pytest
from toys import REPOSITORY, zip_of

from neurograsp.edge_runtime.npz import NpzError, read_npz

GOLDEN = REPOSITORY / "edge_runtime/samples/bundles/grasp-and-lift/golden.npz"
LIMIT = 64 << 20


def refusal(raw: bytes, name: str = "counts") -> str:
    with pytest.raises(NpzError) as caught:
        read_npz(io.BytesIO(raw), (name,), max_bytes=LIMIT)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400
    return message


def test_one_flipped_byte() -> None:
    """A hash would refuse it; whoever makes the hash fit must not get further than an error."""
    raw = GOLDEN.read_bytes()
    good = read_npz(io.BytesIO(raw), ("counts", "filtered"), max_bytes=LIMIT)
    directory = raw.index(b"PK\x01\x02")
    spread = np.linspace(0, directory, 300).astype(int)
    n_refused = 0
    for position in {*range(200), *spread.tolist(), *range(directory, len(raw))}:
        damaged = bytearray(raw)
        damaged[position] ^= 1 << (position % 8)
        try:
            read = read_npz(io.BytesIO(bytes(damaged)), ("counts", "filtered"), max_bytes=LIMIT)
        except NpzError as error:
            n_refused += 1
            assert str(error).isprintable()
        else:
            assert all(np.array_equal(read[name], good[name]) for name in good)
    assert n_refused > 100


def npy(shape: str, descr: str = "|i1", body: bytes = b"\0" * 16) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


@pytest.mark.parametrize(
    "array",
    [
        npy("(1152921504606846976,)"),
        npy("(4294967296, 4294967296)"),
        npy("(1099511627776,)"),
        npy("(-1,)"),
        npy("(17,)"),
        npy("(1, __import__('os'))"),
        npy("(1,)", descr="|O"),
        npy("(1,)", descr="nonsense"),
        npy("(2000000000,)", descr="<U0", body=b""),
        npy("(0,)", descr="|V0", body=b""),
        npy("(" * 5000 + "1"),
        b"",
        b"\x93NUMPY\x09\x00",
        b"not an array",
    ],
    ids=lambda raw: raw[10:60].decode("latin-1").strip() or "empty",
)
def test_arrays_that_lie(array: bytes) -> None:
    assert refusal(zip_of({"counts.npy": array})).startswith("damaged or not an .npz (")


def test_arrays_over_the_cap_are_not_unpacked() -> None:
    bomb = zip_of({f"{number}.npy": b"\0" * (30 << 20) for number in range(3)})
    assert len(bomb) < 1 << 20
    assert "over the limit" in refusal(bomb)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compression_is_refused_whole_or_damaged(method: int) -> None:
    raw = bytearray(zip_of({"counts.npy": npy("(16,)")}, method))
    assert f"compressed by method {method}" in refusal(bytes(raw))
    raw[60] ^= 0x10
    assert "damaged" in refusal(bytes(raw))


def test_a_missing_array_is_named() -> None:
    assert "no array 'logits' in it" in refusal(zip_of({"counts.npy": npy("(16,)")}), "logits")


def test_python_objects_are_never_unpickled() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, counts=np.array([{"a": 1}], dtype=object))
    assert "does not hold the object" in refusal(buffer.getvalue())


def test_an_encrypted_member_is_refused() -> None:
    raw = bytearray(zip_of({"counts.npy": npy("(16,)")}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + offset] |= 1
    assert "encrypted" in refusal(bytes(raw))
