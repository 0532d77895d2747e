"""Channels by their names: which columns of a recording or a board are the ones that are wanted."""

from collections.abc import Sequence

from neurograsp.firmware_bridge.strict import nearest


def columns_of(wanted: Sequence[str], there: Sequence[str]) -> list[int]:
    """The column of each wanted channel: the one of that name, else the only one in another case.

    Args:
        wanted: names.
        there: names in the order of the columns, distinct.

    Raises:
        ValueError: a name is not there, is there in two other cases, or is wanted twice.
    """
    exact = {name: column for column, name in enumerate(there)}
    any_case: dict[str, list[int]] = {}
    for column, name in enumerate(there):
        any_case.setdefault(name.lower(), []).append(column)
    columns: list[int] = []
    for name in wanted:
        found = [exact[name]] if name in exact else any_case.get(name.lower(), [])
        if not found:
            raise ValueError(f"no channel {name!r}{nearest(name, there)}")
        if len(found) > 1:
            raise ValueError(f"channel {name!r} is {' or '.join(there[column] for column in found)}")
        if found[0] in columns:
            raise ValueError(f"channel {there[found[0]]!r} is named twice")
        columns += found
    return columns
