"""What is known of a device that a driver moves."""

from collections.abc import Mapping
from dataclasses import dataclass

from neurograsp.firmware_bridge.codes import Fault, Feature, HandAction, HandState
from neurograsp.firmware_bridge.hands.hand import Report


@dataclass(frozen=True, slots=True)
class DeviceCaps:
    """See `Capabilities`.

    Attributes:
        identity: what the device says that it is.
    """

    name: str
    identity: str
    joints: int
    features: Feature
    watchdog_ms: int | None
    max_ttl_ms: int
    actions: frozenset[HandAction]
    firmware: None = None


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """Attributes:
    state, fault: as of the firmware; `Fault.DEVICE` is one that the device reported.
    attached: the motors are driven.
    action: under way or held.
    goals: what was really sent last, in counts; empty before the first.
    report: what the device says.
    why: of a fault, for people.
    """

    state: HandState
    fault: Fault
    attached: bool
    action: HandAction
    goals: tuple[int, ...]
    report: Report
    why: str

    @property
    def positions(self) -> Mapping[int, int]:
        """Of joints, by their place, as far as the device says."""
        return self.report.positions

    @property
    def temperatures_c(self) -> Mapping[int, int]:
        """Of joints, by their place."""
        return self.report.temperatures_c
