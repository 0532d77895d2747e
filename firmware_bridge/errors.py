"""Errors that a user can act on; anything else that is raised is a bug.

    NeurograspError            exit code 1
    +-- ConfigError            4   a configuration file or value is wrong
    +-- ProtocolError          5   a peer broke the wire format
    +-- LinkError              5   the hand cannot be reached or won't obey
        +-- PortError              the port cannot be opened
        +-- LinkLost               the hand stopped answering
        +-- Refused                the hand answered NACK

`neurograsp.edge_runtime.contract.errors` adds the rest of the tree.
"""


class NeurograspError(Exception):
    """Base of every expected failure: one line that names what, where and the remedy."""

    exit_code = 1


class ConfigError(NeurograspError):
    """A configuration file or value is wrong."""

    exit_code = 4


class ProtocolError(NeurograspError):
    """Bytes that cannot be a frame of this protocol version."""

    exit_code = 5


class LinkError(NeurograspError):
    """The hand cannot be reached or will not do what was asked."""

    exit_code = 5


class PortError(LinkError):
    """The port is not there, is busy, or may not be opened."""


class LinkLost(LinkError):
    """The hand was there and no longer answers."""


class Refused(LinkError):
    """The hand answered NACK.

    Attributes:
        code: the NACK code of the wire protocol.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
