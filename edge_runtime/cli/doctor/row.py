"""What one check found."""

from typing import Literal, NamedTuple


class Row(NamedTuple):
    """Attributes:
    level: `fail` where something will not work, `warn` where it works worse or not everywhere.
    what: was found, in a line.
    fix: what to do about it; "" where there is nothing to do, or `what` says it.
    """

    level: Literal["ok", "warn", "fail"]
    what: str
    fix: str = ""
