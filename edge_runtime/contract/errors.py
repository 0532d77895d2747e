"""The whole tree of expected failures, with the exit code of each.

NeurograspError            1   a check failed, or anything without a better code
+-- CheckFailed            1   a network fails a gate, the board's code refuses it, or thresholds keep no rate
+-- UsageError             2   the command line asks for something impossible
+-- MissingExtra           3   an optional dependency is not installed
+-- ConfigError            4   see neurograsp.firmware_bridge.errors
+-- BundleError            4   a bundle is damaged, foreign or does not reproduce
+-- RecordingError         4   a recording is missing, damaged or does not fit
+-- SourceError            5   the amplifier is lost or cannot be opened
+-- ClusterError           5   the Ray cluster cannot be reached or is lost
+-- FeedError              5   a run does not tell of itself, or has ended
+-- BoardError             5   a board cannot be deployed to
+-- ProtocolError          5   see neurograsp.firmware_bridge.errors
+-- LinkError              5   see neurograsp.firmware_bridge.errors
"""

from neurograsp.firmware_bridge.errors import (
    ConfigError,
    LinkError,
    LinkLost,
    NeurograspError,
    PortError,
    ProtocolError,
    Refused,
)

__all__ = [
    "BoardError",
    "BundleError",
    "CheckFailed",
    "ClusterError",
    "ConfigError",
    "FeedError",
    "LinkError",
    "LinkLost",
    "MissingExtra",
    "NeurograspError",
    "PortError",
    "ProtocolError",
    "RecordingError",
    "Refused",
    "SourceError",
    "UsageError",
]


class CheckFailed(NeurograspError):
    """A gate that guards quality or safety did not pass."""


class UsageError(NeurograspError):
    """The command line asks for something impossible."""

    exit_code = 2


class MissingExtra(NeurograspError):
    """An optional dependency is not installed.

    Args:
        package: what could not be imported.
        extra: the extra of this distribution that brings it.
        remedy: what to do where that extra does not help.
    """

    exit_code = 3

    def __init__(self, package: str, extra: str, remedy: str = "") -> None:
        remedy = remedy or f"run `pip install '.[{extra}]'` in the source checkout"
        super().__init__(f"{package} is not installed: {remedy}")


class BundleError(NeurograspError):
    """A bundle is damaged, foreign, or does not reproduce its golden vectors."""

    exit_code = 4


class RecordingError(NeurograspError):
    """A recording is missing, damaged, or does not fit what is asked of it."""

    exit_code = 4


class SourceError(NeurograspError):
    """The amplifier cannot be opened, or was there and is lost."""

    exit_code = 5


class ClusterError(NeurograspError):
    """The Ray cluster of a search cannot be reached, or was there and is lost."""

    exit_code = 5


class FeedError(NeurograspError):
    """The feed of a run cannot be reached, or has ended."""

    exit_code = 5


class BoardError(NeurograspError):
    """A board cannot be reached over ssh, or its neurograsp does not answer."""

    exit_code = 5
