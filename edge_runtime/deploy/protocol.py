"""What workstation and board say to each other over ssh: lines of JSON, and once an archive's bytes.

    board: Hello -> workstation: a request (-> its archive) -> board: Step ... Step("tested")
    -> workstation: Switch -> board: Step ... Ended

Until Switch nothing has changed on the board, whatever happens to the link; from there on the board needs no
link. The first line of each side stays as it is in all versions, so that another version can be told.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from neurograsp.edge_runtime.contract.errors import ConfigError, ProtocolError
from neurograsp.edge_runtime.deploy.slots import Outcome, Slot
from neurograsp.firmware_bridge.strict import decode, encode, show

PROTOCOL = 1
MAX_ARCHIVE = 2**28
MAX_TRIAL_S = 3600.0

T = TypeVar("T")


@dataclass(frozen=True)
class Terms:
    """Attributes:
    while_armed: switch although the hand is armed.
    test_s: seconds of the benchmark.
    max_misses_percent: of its ticks that may miss the deadline.
    settle_s: the service must stay up so long.
    trial_s: it must have done so within this time.
    """

    while_armed: bool = False
    test_s: float = 3.0
    max_misses_percent: float = 1.0
    settle_s: float = 10.0
    trial_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.test_s <= 60:
            raise ValueError("test_s must be 0.1 to 60 seconds")
        if not 0 <= self.max_misses_percent <= 100:
            raise ValueError("max_misses_percent must be 0 to 100")
        if not 0 <= self.settle_s < self.trial_s <= MAX_TRIAL_S:
            raise ValueError(f"settle_s must be below trial_s, and that at most {MAX_TRIAL_S:g} seconds")


@dataclass(frozen=True)
class Hello:
    type: Literal["hello"]
    protocol: int
    version: str


@dataclass(frozen=True)
class AskStatus:
    type: Literal["status"]


@dataclass(frozen=True)
class Install:
    """Attributes:
    size, archive_sha256: of the bytes that follow.
    bundle_sha256: of the bundle in them.
    ticket: of this deployment, to ask for later what became of it.
    """

    type: Literal["install"]
    size: int
    archive_sha256: str
    bundle_sha256: str
    ticket: str
    terms: Terms

    def __post_init__(self) -> None:
        if not 0 < self.size <= MAX_ARCHIVE:
            raise ValueError(f"an archive of {self.size} bytes; at most {MAX_ARCHIVE >> 20} MiB are taken")


@dataclass(frozen=True)
class Rollback:
    type: Literal["rollback"]
    ticket: str
    terms: Terms


@dataclass(frozen=True)
class Switch:
    type: Literal["switch"]


@dataclass(frozen=True)
class Content:
    """Of a slot; of one that cannot be read, what is wrong with it."""

    name: str | None
    bundle_sha256: str | None
    damage: str | None


@dataclass(frozen=True)
class BoardStatus:
    """Attributes:
    phase: of the slots (`slots.Phase`).
    current, good, trial: slots, see `slots.Slots`.
    watched: whether somebody installs or watches now.
    last: how the last trial ended.
    slots: what is in them; None: nothing.
    service: the service's name and state, for people.
    armed: whether the hand is; None: not known.
    """

    version: str
    phase: str
    current: Slot | None
    good: Slot | None
    trial: Slot | None
    watched: bool
    last: Outcome | None
    slots: dict[str, Content | None]
    service: str
    armed: bool | None

    @property
    def damage(self) -> str | None:
        """What keeps the service's next start from running; None: nothing that is in the slots."""
        for slot in filter(None, (self.current, self.good)):
            inside = self.slots.get(slot)
            if inside is None or inside.damage is not None:
                what = "empty" if inside is None else "damaged"
                return f"slot {slot} is what the next start runs or returns to, and {what}: deploy a bundle"
        return None


@dataclass(frozen=True)
class Step:
    """Attributes:
    step: "ready" for the archive, "received", "tested", "switched", "returning".
    detail: for people.
    """

    type: Literal["step"]
    step: str
    detail: str


@dataclass(frozen=True)
class Ended:
    """Attributes:
    outcome: `refused`: nothing was changed. `returned`: the new bundle ran, and the old one runs again.
    reason: why.
    fault: of `refused`: whether the bundle is what was refused, so that other boards would refuse it too.
    """

    type: Literal["ended"]
    outcome: Literal["status", "confirmed", "unchanged", "returned", "refused"]
    reason: str
    fault: bool
    status: BoardStatus | None


@dataclass(frozen=True)
class FromBoard:
    line: Step | Ended


@dataclass(frozen=True)
class ToBoard:
    line: AskStatus | Install | Rollback | Switch


def to_line(message: Any) -> dict[str, Any]:
    tree: dict[str, Any] = encode(message)
    return tree


def read_line(cls: type[T], tree: Any, where: str) -> T:
    """`cls` is FromBoard, ToBoard or Hello. Raises ProtocolError."""
    try:
        return decode(cls, tree if cls is Hello else {"line": tree}, where)
    except ConfigError as error:
        raise ProtocolError(str(error)) from error


def read_hello(tree: Any) -> Hello:
    """Raises ProtocolError, also for another version of the protocol."""
    if isinstance(tree, dict) and tree.get("type") == "hello" and tree.get("protocol") != PROTOCOL:
        raise ProtocolError(
            f"its neurograsp {show(tree.get('version'))} speaks protocol {show(tree.get('protocol'))}, "
            f"this one {PROTOCOL}: install the same version on both"
        )
    return read_line(Hello, tree, "hello")
