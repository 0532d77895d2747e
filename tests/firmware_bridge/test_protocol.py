import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograsp.firmware_bridge.errors import ProtocolError
from neurograsp.firmware_bridge.frames import Frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Action,
    Arm,
    Beat,
    Caps,
    Clear,
    Config,
    Event,
    EventKind,
    Fault,
    Feature,
    Get,
    HandAction,
    HandState,
    HandStatus,
    Hello,
    Joints,
    Limits,
    Message,
    MessageType,
    Nack,
    NackCode,
    StateFlag,
    Stop,
    Topic,
    make_frame,
    parse,
)

byte = st.integers(0, 255)
word = st.integers(0, 65535)
percent = st.integers(1, 100)
ttl = st.integers(1, 65535)
limits = st.tuples(st.integers(0, 7), word, word, st.integers(1, 65535)).map(
    lambda numbers: Limits(numbers[0], min(numbers[1:3]), max(numbers[1:3]), numbers[3])
)
messages = st.one_of(
    st.sampled_from([Hello(), Arm(), Beat(), Stop(), Clear()]),
    st.builds(Config, st.lists(limits, min_size=1, max_size=4).map(tuple)),
    st.builds(Action, st.sampled_from(HandAction), percent, percent, ttl),
    st.builds(Joints, st.dictionaries(st.integers(0, 7), word, min_size=1), percent, ttl),
    st.builds(Get, st.just(Topic.LIMITS), st.integers(0, 7)),
    limits,
    st.builds(Ack, st.sampled_from(MessageType), st.sampled_from(HandState)),
    st.builds(Nack, st.sampled_from(NackCode), byte, st.tuples(byte, byte)),
    st.builds(Event, st.sampled_from(EventKind), st.sampled_from(HandState), st.sampled_from(Fault), byte),
    st.builds(
        HandStatus,
        st.sampled_from(HandState),
        st.none() | st.sampled_from(HandAction),
        st.sampled_from(Fault),
        st.integers(0, 3).map(StateFlag),
        word,
        word,
        word,
        word,
        st.lists(word, min_size=1, max_size=8).map(tuple),
    ),
    st.builds(
        Caps,
        byte,
        byte,
        st.tuples(byte, byte),
        st.integers(1, 8),
        byte,
        st.integers(0, 7).map(Feature),
        word,
        word,
        word,
        st.frozensets(st.sampled_from(HandAction)),
        st.text("abcdefghij_-0123", max_size=15),
    ),
)


@given(messages, st.integers(1, 255), byte)
def test_round_trip(message: Message, session: int, seq: int) -> None:
    frame = make_frame(message, session, seq)
    assert len(frame.payload) <= 32
    assert parse(frame) == message


@given(byte, byte, st.binary(max_size=32))
def test_any_payload_parses_or_is_a_protocol_error(version: int, kind: int, payload: bytes) -> None:
    frame = Frame(kind, 1, 1, payload, version)
    try:
        message = parse(frame)
    except ProtocolError:
        return
    assert message.pack() == payload or isinstance(message, Caps)


@pytest.mark.parametrize("speed", [-1, 0, 101, 256])
def test_speed_and_force_are_percent(speed: int) -> None:
    for numbers in ((speed, 100), (100, speed)):
        with pytest.raises(ProtocolError, match="must be 1 to 100"):
            Action(HandAction.GRIP, *numbers, 500)


@pytest.mark.parametrize("ttl_ms", [-1, 0, 65536])
def test_time_to_live_fits(ttl_ms: int) -> None:
    with pytest.raises(ProtocolError, match="ttl_ms"):
        Action(HandAction.GRIP, 100, 100, ttl_ms)
    with pytest.raises(ProtocolError, match="ttl_ms"):
        Joints({0: 1500}, 100, ttl_ms)


@pytest.mark.parametrize("targets", [{}, {8: 1500}, {-1: 1500}, {0: -1}, {0: 65536}])
def test_joint_targets_fit(targets: dict[int, int]) -> None:
    with pytest.raises(ProtocolError):
        Joints(targets, 100, 500)


@pytest.mark.parametrize("numbers", [(8, 0, 1, 1), (0, 2, 1, 1), (0, 0, 65536, 1), (0, 0, 1, 0)])
def test_limits_fit(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ProtocolError):
        Limits(*numbers)


def test_config_takes_one_to_four_joints() -> None:
    for count in (0, 5):
        with pytest.raises(ProtocolError, match="1 to 4"):
            Config((Limits(0, 1000, 2000, 33),) * count)


def test_other_versions_are_named() -> None:
    with pytest.raises(ProtocolError, match="version 2, this side speaks 1"):
        parse(Frame(1, 1, 1, b"", 2))


def test_a_refusal_is_understood_in_every_version() -> None:
    nack = Nack(NackCode.VERSION, MessageType.HELLO, (2, 3))
    assert parse(Frame(nack.type, 1, 1, nack.pack(), 2)) == nack


def test_hand_names_are_printable() -> None:
    caps = Caps(1, 1, (0, 1), 7, 20, Feature(0), 250, 2000, 10000, frozenset(), "arm")
    for name in (b"\x1b[2J", b"\xff"):
        with pytest.raises(ProtocolError, match="printable"):
            Caps.unpack(caps.pack()[:17] + name)


def test_state_groups() -> None:
    assert [state.name for state in HandState if state.armed] == ["ARMED", "MOVING", "HOLD"]
    assert [state.name for state in HandState if state.latched] == ["FAILSAFE", "ESTOP"]
