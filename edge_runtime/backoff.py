"""When to look again for something that was lost."""

FIRST_S = 0.5
LONGEST_S = 8.0


class Backoff:
    """Tries at 0.5, 1, 2, 4, 8, 8, ... s after one another, until patience ends.

    Args:
        patience_s: how long after the loss it is looked for; 0 gives up at once.
    """

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self._lost_at: float | None = None
        self._next = 0.0
        self._wait = FIRST_S

    @property
    def away(self) -> bool:
        """Lost, and not back yet."""
        return self._lost_at is not None

    def lost(self, now: float) -> None:
        """It is lost, or an attempt failed."""
        if self._lost_at is None:
            self._lost_at, self._wait = now, FIRST_S
        else:
            self._wait = min(2 * self._wait, LONGEST_S)
        self._next = now + self._wait

    def back(self) -> None:
        """It is there again."""
        self._lost_at = None

    def due(self, now: float) -> bool:
        """Time for an attempt."""
        return self.away and now >= self._next

    def over(self, now: float) -> bool:
        """Looked for long enough."""
        return self._lost_at is not None and now - self._lost_at >= self.patience_s
