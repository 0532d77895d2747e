"""What the packages of makers need of a port."""


class VendorPort:
    """Keeps what was written last, and reads what it is given (`scservo_sdk`, `dynamixel_sdk`)."""

    def __init__(self) -> None:
        self.is_using = False
        self.written = b""
        self.reply = b""

    def clearPort(self) -> None:
        pass

    def writePort(self, packet: list[int]) -> int:
        self.written = bytes(packet)
        return len(packet)

    def readPort(self, size: int) -> bytes:
        taken, self.reply = self.reply[:size], self.reply[size:]
        return taken

    def setPacketTimeout(self, size: int) -> None:
        pass

    def isPacketTimeout(self) -> bool:
        return True
