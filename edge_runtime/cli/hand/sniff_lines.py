"""What goes over a line, as lines for people or programs."""

import json
from collections import Counter

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.firmware_bridge.sniff.capture import Heard
from neurograsp.firmware_bridge.sniff.pieces import Conversation, Kind, Piece, Side
from neurograsp.firmware_bridge.sniff.readers import READERS
from neurograsp.firmware_bridge.sniff.words import hexed
from neurograsp.firmware_bridge.strict import show

_ARROWS = {Side.HOST: ">", Side.DEVICE: "<", Side.EITHER: "-"}
_TROUBLE = {Kind.BROKEN: "wrong checksum", Kind.UNFINISHED: "cut short", Kind.UNKNOWN: "unknown"}


class Printer:
    """Prints every piece at once.

    Args:
        kind: of the protocol.
        as_json: one JSON object a line.
        with_bytes: of packets too, not only of what is none.

    Raises:
        ConfigError: no such protocol.
    """

    def __init__(self, kind: str, as_json: bool, with_bytes: bool) -> None:
        if kind not in READERS:
            raise ConfigError(f"no protocol {show(kind)}: this neurograsp reads {', '.join(sorted(READERS))}")
        self._conversation = Conversation(READERS[kind]())
        self._as_json = as_json
        self._with_bytes = with_bytes
        self._count: Counter[str] = Counter()

    def show(self, heard: Heard) -> None:
        """Print what is complete with this."""
        if heard.lost:
            self._count["lost"] += heard.lost
        for piece in self._conversation.feed(heard.seconds, heard.side, heard.data):
            self._print(piece)

    def quiet(self, now: float) -> None:
        """Print what will not be completed."""
        for piece in self._conversation.quiet(now):
            self._print(piece)

    def end(self) -> None:
        """Print what is left."""
        for piece in self._conversation.end():
            self._print(piece)

    def summary(self) -> str:
        """How much of what there was."""
        said = [
            f"{self._count[Kind.PACKET.name]} packets",
            f"{self._count[Kind.BROKEN.name]} with a wrong checksum",
            f"{self._count[Kind.UNFINISHED.name]} cut short",
            f"{self._count['strange']} bytes that are none",
        ]
        if self._count["lost"]:
            said.append(f"{self._count['lost']} bytes passed on and not kept: this program could not keep up")
        return ", ".join(said)

    def _print(self, piece: Piece) -> None:
        self._count[piece.kind.name] += 1
        if piece.kind is Kind.UNKNOWN:
            self._count["strange"] += len(piece.data)
        print(_record(piece) if self._as_json else self._line(piece), flush=True)

    def _line(self, piece: Piece) -> str:
        start = f"{piece.seconds:10.3f} {_ARROWS[piece.side]} "
        if piece.kind is not Kind.PACKET:
            return f"{start}{_TROUBLE[piece.kind]}: {hexed(piece.data)}"
        return f"{start}{piece.text}" + (f"   {hexed(piece.data)}" if self._with_bytes else "")


def _record(piece: Piece) -> str:
    return json.dumps(
        {
            "s": round(piece.seconds, 6),
            "side": piece.side.value,
            "kind": piece.kind.value,
            "text": piece.text,
            "data": piece.data.hex(),
        }
    )
