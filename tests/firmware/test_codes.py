import re
from enum import IntEnum

import pytest

from neurograsp.firmware_bridge import codes, frames, payloads, protocol
from neurograsp.firmware_bridge.answers import JOINT_TARGETS
from neurograsp.firmware_bridge.host_firmware import FIRMWARE

HEADERS = "".join(path.read_text() for path in sorted(FIRMWARE.glob("src/*.h")))


def defines() -> dict[str, int]:
    found = re.findall(r"#define (HAND_\w+) (0x[0-9A-Fa-f]+|\d+)u?\b", HEADERS)
    return {name: int(value, 0) for name, value in found}


@pytest.mark.parametrize(
    ("c_name", "prefix", "enum"),
    [
        ("message_type", "MESSAGE", codes.MessageType),
        ("state", "STATE", codes.HandState),
        ("fault", "FAULT", codes.Fault),
        ("nack_code", "NACK", codes.NackCode),
        ("action", "ACTION", codes.HandAction),
        ("event", "EVENT", codes.EventKind),
        ("topic", "TOPIC", codes.Topic),
    ],
)
def test_both_languages_have_the_same_numbers(c_name: str, prefix: str, enum: type[IntEnum]) -> None:
    body = re.search(rf"enum hand_{c_name} \{{(.*?)\}}", HEADERS, re.DOTALL)
    assert body is not None
    values = re.findall(rf"HAND_{prefix}_(\w+) = (0x[0-9A-F]+|\d+)", body[1])
    in_c = {name: int(value, 0) for name, value in values}
    if enum is codes.NackCode:
        assert in_c.pop("NONE") == 0
    assert in_c == {member.name: member.value for member in enum}


def test_flags_and_sizes() -> None:
    in_c = defines()
    assert {name: in_c[f"HAND_FLAG_{name}"] for name in codes.StateFlag.__members__} == {
        member.name: member.value for member in codes.StateFlag
    }
    assert {name: in_c[f"HAND_FEATURE_{name}"] for name in codes.Feature.__members__} == {
        member.name: member.value for member in codes.Feature
    }
    assert in_c["HAND_VERSION"] == frames.VERSION
    assert in_c["HAND_PAYLOAD_MAX"] == frames.PAYLOAD_MAX
    assert in_c["HAND_OVERHEAD"] == frames.OVERHEAD
    assert in_c["HAND_MAX_JOINTS"] == payloads.MAX_JOINTS
    assert in_c["HAND_ACTIONS"] == len(protocol.HandAction)
    assert in_c["HAND_ACTION_JOINTS"] == JOINT_TARGETS
    assert frames.FRAME_MAX <= 48
