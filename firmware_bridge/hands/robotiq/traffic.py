"""Modbus RTU of Robotiq's grippers, for people."""

from collections.abc import Iterator

from neurograsp.firmware_bridge.hands.robotiq.driver import status_of
from neurograsp.firmware_bridge.hands.robotiq.modbus import crc16
from neurograsp.firmware_bridge.hands.robotiq.registers import (
    ACTION_REQUEST,
    ACTIVATE,
    GO_TO,
    GOAL_REQUEST,
    GRIPPER_STATUS,
)
from neurograsp.firmware_bridge.sniff.pieces import MORE, Found, Meaning, Side
from neurograsp.firmware_bridge.sniff.words import hexed

_READS = (0x03, 0x04)
_WRITE_ONE, _WRITE, _READ_WRITE = 0x06, 0x10, 0x17
_ERROR = 0x80
_FUNCTIONS = (*_READS, _WRITE_ONE, _WRITE, _READ_WRITE)
_STATUS_BYTES, _GOAL_BYTES = 6, 4
_LAST_SLAVE = 247


class RobotiqReader:
    """See `Reader`. On one wire a packet is whichever of request and reply its CRC agrees with."""

    def __init__(self) -> None:
        self._asked: dict[int, int] = {}

    def find(self, data: bytes, side: Side) -> Found | None:
        """By function and length."""
        if data[0] > _LAST_SLAVE or (len(data) > 1 and data[1] & ~_ERROR not in _FUNCTIONS):
            return None
        sizes = list(_sizes(data, side))
        whole = [size for size in sizes if 0 < size <= len(data)]
        for size in whole:
            if _sound(data[:size]):
                return Found(size, True)
        if len(whole) < len(sizes):
            return MORE
        return Found(min(whole), False) if whole else None

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """What is asked, written or answered."""
        slave, function, body = packet[0], packet[1], packet[2:-2]
        if side is Side.EITHER:
            side = (
                Side.HOST
                if len(packet) in _sizes(packet, Side.HOST) and not function & _ERROR
                else Side.DEVICE
            )
            if slave in self._asked and function in (_WRITE_ONE, _WRITE) and len(packet) == 8:
                side = Side.DEVICE
        if side is Side.HOST:
            self._asked[slave] = int.from_bytes(body[:2], "big")
            return Meaning(f"slave {slave}: {_request(function, body)}", side)
        said = _reply(function, body, self._asked.pop(slave, None))
        return Meaning(f"slave {slave}: {said}", side)


def _sound(packet: bytes) -> bool:
    return crc16(packet[:-2]) == packet[-2:]


def _sizes(data: bytes, side: Side) -> Iterator[int]:
    """How long a packet that begins so may be; 0 where its beginning does not tell yet."""
    if len(data) < 2:
        yield 0
        return
    function = data[1]
    if side is not Side.DEVICE and not function & _ERROR:
        if function in (*_READS, _WRITE_ONE):
            yield 8
        else:
            counted_at, before = (6, 9) if function == _WRITE else (10, 13)
            yield data[counted_at] + before if len(data) > counted_at else 0
    if side is not Side.HOST:
        if function & _ERROR:
            yield 5
        elif function in (_WRITE_ONE, _WRITE):
            yield 8
        else:
            yield data[2] + 5 if len(data) > 2 else 0


def _request(function: int, body: bytes) -> str:
    address, count = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
    if function == _WRITE_ONE:
        return f"write {address:#06x}: {hexed(body[2:])}"
    if function == _WRITE:
        return _write(address, body[5:])
    read = "read status" if address == GRIPPER_STATUS else f"read {count} registers from {address:#06x}"
    if function == _READ_WRITE:
        return f"{_write(int.from_bytes(body[4:6], 'big'), body[9:])}; {read}"
    return read


def _write(address: int, data: bytes) -> str:
    if address == GOAL_REQUEST and len(data) == _GOAL_BYTES:
        return _goal(data)
    if address != ACTION_REQUEST or len(data) != _STATUS_BYTES:
        return f"write {address:#06x}: {hexed(data)}"
    action = data[0]
    words = ["activate" if action & ACTIVATE else "reset"]
    if action & GO_TO:
        words.append(_goal(data[2:]))
    if action & ~(ACTIVATE | GO_TO):
        words.append(f"action bits {action:#04x}")
    return ", ".join(words)


def _goal(data: bytes) -> str:
    _, position, speed, force = data
    return f"go to {position}, speed {speed}, force {force}"


def _reply(function: int, body: bytes, asked: int | None) -> str:
    if function & _ERROR:
        return f"refuses, exception {body[0]}"
    if function in (_WRITE_ONE, _WRITE):
        return f"written {hexed(body)}"
    data = body[1:]
    if asked != GRIPPER_STATUS or len(data) != _STATUS_BYTES:
        return f"registers {hexed(data)}"
    status = status_of(data)
    words = [
        "activated" if status.activated else f"not activated (state {status.state})",
        f"at {status.position}",
        f"asked for {data[3]}",
        f"current {data[5]}",
    ]
    if status.going:
        words.append(f"object {data[0] >> 6}")
    if status.fault or status.controller_fault:
        words.append(status.trouble or f"fault {status.fault:#04x}")
    return ", ".join(words)
