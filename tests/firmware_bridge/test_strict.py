import json
import math
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.firmware_bridge.strict import MAX_ITEMS, MAX_KEY, decode, encode, nearest


@dataclass(frozen=True)
class Circle:
    type: Literal["circle"]
    radius: float


@dataclass(frozen=True)
class Square:
    type: Literal["square"]
    side: int


@dataclass(frozen=True)
class Inner:
    gain: float = 1.0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.gain < 0:
            raise ValueError("gain must not be negative")


@dataclass(frozen=True)
class Outer:
    count: int
    inner: Inner
    on: bool = False
    limit: float | Literal["never"] = 1.0
    maybe: float | None = None
    pair: tuple[int, str] = (0, "")
    shapes: tuple[Circle | Square, ...] = ()
    table: dict[str, tuple[float, ...]] | None = None
    free: Any = None


SMALLEST = {"count": 1, "inner": {}}


def refusal(**change: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        decode(Outer, {**SMALLEST, **change}, "file.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"conut": 2}, "file.toml: unknown key 'conut'; did you mean 'count'?"),
        ({"inner": {"gian": 2.0}}, "file.toml.inner: unknown key 'gian'; did you mean 'gain'?"),
        ({"zzz": 2}, "file.toml: unknown key 'zzz'; known are count, free, inner"),
        ({"count": 1.0}, "file.toml.count: expected a whole number, got 1.0"),
        ({"count": True}, "file.toml.count: expected a whole number, got True"),
        ({"count": "1"}, "file.toml.count: expected a whole number, got '1'"),
        ({"on": 1}, "file.toml.on: expected true or false, got 1"),
        ({"inner": {"gain": "loud"}}, "file.toml.inner.gain: expected a number, got 'loud'"),
        ({"inner": {"gain": False}}, "file.toml.inner.gain: expected a number, got False"),
        ({"inner": {"gain": math.nan}}, "file.toml.inner.gain: expected a number, got nan"),
        ({"inner": {"gain": -math.inf}}, "file.toml.inner.gain: expected a number, got -inf"),
        ({"inner": {"gain": -1.0}}, "file.toml.inner: gain must not be negative"),
        ({"inner": 3}, "file.toml.inner: expected a table, got 3"),
        ({"inner": {"names": "ab"}}, "file.toml.inner.names: expected a list, got 'ab'"),
        ({"inner": {"names": ["a", 2]}}, "file.toml.inner.names[1]: expected a text, got 2"),
        ({"pair": [1]}, "file.toml.pair: expected 2 items, got 1"),
        ({"pair": [1, 2]}, "file.toml.pair[1]: expected a text, got 2"),
        ({"limit": "nevr"}, "file.toml.limit: 'nevr' is not possible; did you mean 'never'?"),
        ({"limit": math.nan}, "file.toml.limit: nan is not possible"),
        ({"maybe": "x"}, "file.toml.maybe: expected a number, got 'x'"),
        ({"shapes": [{"type": "cirle", "radius": 1}]}, "did you mean 'circle'?"),
        ({"shapes": [{"side": 1}]}, "file.toml.shapes[0].type: None is not possible"),
        ({"shapes": [{"type": "square", "radius": 1}]}, "file.toml.shapes[0]: unknown key 'radius'"),
        ({"table": {"a": [1, "b"]}}, "file.toml.table.a[1]: expected a number, got 'b'"),
    ],
)
def test_refusals_name_the_place(change: dict[str, Any], text: str) -> None:
    assert text in refusal(**change)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^x: the key 'count' is missing$"):
        decode(Outer, {"inner": {}}, "x")
    with pytest.raises(ConfigError, match=r"^x: expected a table, got \[\]$"):
        decode(Outer, [], "x")


def test_messages_stay_short() -> None:
    assert len(refusal(count="9" * 10_000)) < 200


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"shapes": [{"type": [], "side": 1}]}, "file.toml.shapes[0].type: [] is not possible"),
        ({"shapes": [{"type": {}, "side": 1}]}, "file.toml.shapes[0].type: {} is not possible"),
        ({"limit": []}, "file.toml.limit: [] is not possible"),
        ({"count": 2**63}, "file.toml.count: 9223372036854775808 does not fit into 64 bits"),
        ({"count": 10**5000}, "file.toml.count: a value too large to show does not fit into 64 bits"),
        ({"pair": [1, "\ud800"]}, r"file.toml.pair[1]: '\ud800' holds characters that cannot be printed"),
        ({"pair": [1, "\x1b[2J"]}, r"file.toml.pair[1]: '\x1b[2J' holds characters that cannot be printed"),
        ({"inner": {"names": ["a\nb"]}}, r"file.toml.inner.names[0]: 'a\nb' holds characters"),
        ({"table": {"a\n": []}}, r"file.toml.table: 'a\n' cannot be a key"),
        ({"table": {"a" * 101: []}}, "cannot be a key"),
        ({"free": nested(33)}, "file.toml.free: nested deeper than 32 levels"),
        ({"free": nested(900)}, "file.toml.free: nested deeper than 32 levels"),
        ({"free": {"a": [{"b": math.inf}]}}, "file.toml.free: expected a number, got inf"),
        ({"free": {"a": {"\u202e": 1}}}, r"file.toml.free: '\u202e' cannot be a key"),
        ({"free": [10**400]}, "does not fit into 64 bits"),
        ({"free": ["\r"]}, r"file.toml.free: '\r' holds characters"),
        ({"free": [object]}, "file.toml.free: expected a text, got"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_hostile_values_are_one_printable_line(change: dict[str, Any], text: str) -> None:
    message = refusal(**change)
    assert text in message
    assert message.isprintable()


@pytest.mark.parametrize("free", [nested(32), {"a": [1, 2.5, None, True, "b"]}, None, "text"])
def test_free_values_are_kept(free: Any) -> None:
    assert decode(Outer, {**SMALLEST, "free": free}, "x").free == free


@pytest.mark.parametrize("word", ["x" * 1_000_000, "count" * 100_000])
def test_long_keys_and_values_are_cut(word: str) -> None:
    for change in ({word: 1}, {"limit": word}, {"shapes": [{"type": word}]}, {"table": {word: []}}):
        assert len(refusal(**change)) < 300


def test_too_many_items_are_refused() -> None:
    assert f"the {MAX_ITEMS} allowed" in refusal(inner={"names": ["a"] * (MAX_ITEMS + 1)})


def test_unions_take_each_member() -> None:
    made = decode(
        Outer,
        {
            **SMALLEST,
            "limit": "never",
            "maybe": 3,
            "shapes": [{"type": "square", "side": 2}, {"type": "circle", "radius": 1}],
        },
        "x",
    )
    assert made.shapes == (Square("square", 2), Circle("circle", 1.0))
    assert made.limit == "never"
    assert (made.maybe, type(made.maybe)) == (3.0, float)
    assert decode(Outer, {**SMALLEST, "limit": 2}, "x").limit == 2.0
    assert decode(Outer, {**SMALLEST, "maybe": None}, "x").maybe is None


WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)
TEXT = st.text(max_size=MAX_KEY).filter(str.isprintable)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
OUTERS = st.builds(
    Outer,
    count=WHOLE,
    inner=st.builds(Inner, st.floats(0, 1e300), st.lists(TEXT).map(tuple)),
    on=st.booleans(),
    limit=st.one_of(NUMBERS, st.just("never")),
    maybe=st.none() | NUMBERS,
    pair=st.tuples(WHOLE, TEXT),
    shapes=st.lists(
        st.builds(Circle, st.just("circle"), NUMBERS) | st.builds(Square, st.just("square"), WHOLE)
    ).map(tuple),
    table=st.none() | st.dictionaries(TEXT, st.lists(NUMBERS).map(tuple)),
)


@given(OUTERS)
def test_json_round_trip(made: Outer) -> None:
    assert decode(Outer, json.loads(json.dumps(encode(made), allow_nan=False)), "x") == made


def test_nearest() -> None:
    assert nearest("epoch", ["epochs", "seed"]) == "; did you mean 'epochs'?"
    assert nearest("q", ["epochs", "seed"]) == "; known are epochs, seed"
    assert nearest("q", []) == ""
