"""Lines to and from a Brunel hand, for people: they are text already."""

from neurograsp.firmware_bridge.hands.brunel.lines import MAX_LINE
from neurograsp.firmware_bridge.sniff.pieces import MORE, Found, Meaning, Side

_ENDS = b"\r\n"


class BrunelReader:
    """See `Reader`. A line with its end; a check of it there is none."""

    def find(self, data: bytes, side: Side) -> Found | None:
        """Up to the end of the line."""
        text, end = data[: MAX_LINE + 1], b""
        for at, byte in enumerate(text):
            if byte in _ENDS:
                text, end = text[:at], data[at : at + 1]
                break
        if len(text) > MAX_LINE or not all(byte == 0x09 or 0x20 <= byte < 0x7F for byte in text):
            return None
        return Found(len(text) + 1, True) if end else MORE

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """The line itself; of both on one wire nothing says whose it is."""
        text = " ".join(packet.decode("ascii").split())
        return Meaning(text or "(an empty line)", side)
