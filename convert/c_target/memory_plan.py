"""Where tensors lie in one piece of memory that those share which are not needed at the same time."""

from collections.abc import Iterable
from dataclasses import dataclass

ALIGNMENT = 4


@dataclass(frozen=True)
class Need:
    """Attributes:
    name: of the tensor.
    size: bytes.
    first, last: the steps from which and up to which it must be kept.
    """

    name: int
    size: int
    first: int
    last: int


def plan(needs: Iterable[Need]) -> tuple[dict[int, int], int]:
    """Lay out the largest first, each as low as it can be (Pisarchyk & Lee, "Efficient memory management for
    deep neural net inference", 2020, greedy by size).

    Returns:
        offset of each tensor, and bytes in all.
    """
    laid: list[tuple[int, int, Need]] = []
    for need in sorted(needs, key=lambda one: (-one.size, one.first, one.name)):
        offset = 0
        for begin, end, other in sorted(laid, key=lambda one: one[0]):
            if other.last < need.first or need.last < other.first:
                continue
            if offset + need.size <= begin:
                break
            offset = max(offset, end)
        end = -(-(offset + need.size) // ALIGNMENT) * ALIGNMENT
        laid.append((offset, end, need))
    return {need.name: offset for offset, _, need in laid}, max((end for _, end, _ in laid), default=0)
