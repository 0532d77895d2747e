"""Feetech's packets, for people."""

from neurograsp.firmware_bridge.hands.feetech import registers
from neurograsp.firmware_bridge.hands.feetech.packets import (
    BROADCAST,
    HEADER,
    PING,
    READ,
    SYNC_WRITE,
    WRITE,
)
from neurograsp.firmware_bridge.hands.feetech.registers import Register, Series
from neurograsp.firmware_bridge.hands.hand import named_bits
from neurograsp.firmware_bridge.hands.packets import inverted_sum
from neurograsp.firmware_bridge.sniff.pieces import MORE, Found, Meaning, Side
from neurograsp.firmware_bridge.sniff.words import hexed, memory, names_in

_INSTRUCTIONS = {PING: "ping", READ: "read", WRITE: "write", 4: "write later", 5: "act", 6: "factory reset"}
_WRITES = (WRITE, 4)


class FeetechReader:
    """See `Reader`. On one wire an answer looks like a packet to the servo: it is one after a question to it.

    Args:
        series: of the servos.
    """

    def __init__(self, series: Series) -> None:
        self._order = series.order
        self._names = names_in(vars(registers), Register)
        for name, register in (("operating_mode", series.mode), ("torque_limit", series.torque_limit)):
            self._names |= {register.address: (name, register.size)} if register else {}
        self._asked: dict[int, bytes] = {}

    def find(self, data: bytes, side: Side) -> Found | None:
        """By header and length."""
        if not data.startswith(HEADER[: len(data)]):
            return None
        if len(data) < 4:
            return MORE
        size = data[3] + 4
        if data[2] == 0xFF or data[3] < 2:
            return None
        if len(data) < size:
            return MORE
        return Found(size, inverted_sum(data[2 : size - 1]) == data[size - 1])

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """What is asked, written or answered."""
        servo, code, parameters = packet[2], packet[4], packet[5:-1]
        asked = self._asked.get(servo)
        if side is Side.DEVICE or (side is Side.EITHER and asked is not None and packet != asked):
            self._asked.pop(servo, None)
            return Meaning(f"servo {servo}: {self._answer(code, parameters, asked)}", Side.DEVICE)
        if servo != BROADCAST:
            self._asked[servo] = packet
        who = "all" if servo == BROADCAST else f"servo {servo}"
        return Meaning(f"{who}: {self._request(code, parameters)}", Side.HOST)

    def _request(self, code: int, parameters: bytes) -> str:
        if code == SYNC_WRITE and len(parameters) > 2:
            address, size = parameters[:2]
            rest = parameters[2:]
            return "write " + "; ".join(
                f"servo {rest[at]} {memory(address, rest[at + 1 : at + 1 + size], self._names, self._order)}"
                for at in range(0, len(rest), size + 1)
            )
        if code in _WRITES and len(parameters) > 1:
            said = memory(parameters[0], parameters[1:], self._names, self._order)
            return f"{_INSTRUCTIONS[code]} {said}"
        if code == READ and len(parameters) == 2:
            name, _ = self._names.get(parameters[0], (f"@{parameters[0]}", 0))
            return f"read {parameters[1]} bytes from {name}"
        return f"{_INSTRUCTIONS.get(code, f'instruction {code:#04x}')} {hexed(parameters)}".rstrip()

    def _answer(self, error: int, parameters: bytes, asked: bytes | None) -> str:
        fault = f", {named_bits(error, registers.STATUS_BITS)}" if error else ""
        if not parameters:
            return f"done{fault}"
        if asked is not None and asked[4] == READ and len(asked) == 8 and asked[6] == len(parameters):
            return memory(asked[5], parameters, self._names, self._order) + fault
        return f"answers {hexed(parameters)}{fault}"
