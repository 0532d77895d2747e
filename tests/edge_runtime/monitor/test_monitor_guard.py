"""Who is let in, and how often one may guess."""

import os
from pathlib import Path

import pytest

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.monitor.guard import (
    FREE_GUESSES,
    GUESSES_A_MINUTE,
    KEPT_ADDRESSES,
    LONGEST_WAIT_S,
    Guesses,
    is_our_host,
    is_our_origin,
    metrics_token,
    new_token,
    read_token,
    same,
)

NAMES = frozenset({"localhost", "board.local"})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8088",
        "localhost:9",
        "LOCALHOST",
        "[::1]:8088",
        "192.168.1.2",
        "board.local:80",
        "board.local.",
    ],
)
def test_our_host(host: str) -> None:
    assert is_our_host(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "evil.example:8088",
        "127.0.0.1.evil.example",
        "[::1",
        "a@b",
    ],
)
def test_not_our_host(host: str) -> None:
    assert not is_our_host(host, NAMES)


def test_our_origin() -> None:
    assert is_our_origin("http://localhost:8088", "localhost:8088")
    for origin in ("null", "", "http://localhost:9", "https://localhost:8088", "http://evil.example"):
        assert not is_our_origin(origin, "localhost:8088")
    assert not is_our_origin("http://", "")


def test_a_person_may_mistype() -> None:
    guesses = Guesses()
    for _ in range(FREE_GUESSES):
        assert guesses.wait_s("10.0.0.1", 0.0) == 0
        guesses.wrong("10.0.0.1", 0.0)
    assert guesses.wait_s("10.0.0.1", 0.0) == 0


def test_waits_double_up_to_a_limit_and_end_with_the_right_token() -> None:
    guesses, now, waits = Guesses(), 0.0, []
    for _ in range(FREE_GUESSES + 12):
        guesses.wrong("10.0.0.1", now)
        waits.append(guesses.wait_s("10.0.0.1", now))
        now += max(waits[-1], 60.0)
    assert waits[:FREE_GUESSES] == [0.0] * FREE_GUESSES
    assert waits[FREE_GUESSES : FREE_GUESSES + 4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_WAIT_S
    guesses.right("10.0.0.1")
    assert guesses.wait_s("10.0.0.1", now) == 0


def test_others_do_not_wait_until_there_are_very_many() -> None:
    guesses = Guesses()
    guesses.right("10.9.9.9")
    for k in range(GUESSES_A_MINUTE - 1):
        guesses.wrong(f"10.0.0.{k}", 5.0)
    assert guesses.wait_s("10.0.1.1", 5.0) == 0
    guesses.wrong("10.0.2.2", 5.0)
    assert guesses.wait_s("10.0.1.1", 5.0) == 55.0
    assert guesses.wait_s("10.9.9.9", 5.0) == 0  # it had the token before
    assert guesses.wait_s("10.0.1.1", 60.0) == 0


def test_who_has_one_address_of_ipv6_has_the_rest_of_its_network() -> None:
    guesses = Guesses()
    for k in range(FREE_GUESSES + 1):
        guesses.wrong(f"2001:db8::{k}", 0.0)
    assert guesses.wait_s("2001:db8::ffff:1", 0.0) == 1.0
    assert guesses.wait_s("2001:db8:0:1::1", 0.0) == 0


def test_memory_is_bounded() -> None:
    guesses = Guesses()
    for k in range(3 * KEPT_ADDRESSES):
        guesses.wrong(f"10.0.{k // 256}.{k % 256}", 0.0)
        guesses.right(f"10.1.{k // 256}.{k % 256}")
    assert len(guesses._wrong) == len(guesses._friends) == KEPT_ADDRESSES


def test_tokens() -> None:
    assert len(new_token()) >= 32
    assert new_token() != new_token()
    assert same("abc", "abc")
    assert not same("abd", "abc")
    assert not same("\ud800", "abc")
    assert metrics_token("one") != metrics_token("two")
    assert "one" not in metrics_token("one")


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_token_from_a_file(tmp_path: Path) -> None:
    assert read_token(write(tmp_path / "token", "0123456789abcdef\n")) == "0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        ("0123456789abcdef\n", 0o640, "chmod 600"),
        ("short\n", 0o600, "16 to 128"),
        ("two lines\nof a token\n", 0o600, "one line"),
        ("x" * 5000, 0o600, "16 to 128"),
        ("ääääääääääääääää", 0o600, "ASCII"),
    ],
)
def test_no_token_in_a_file(text: str, mode: int, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        read_token(write(tmp_path / "token", text, mode))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(Path(os.fspath(tmp_path)))
