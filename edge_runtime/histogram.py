"""Durations in constant memory."""

from math import ceil, log2

BUCKETS_A_DOUBLING = 32
N_BUCKETS = 40 * BUCKETS_A_DOUBLING
SMALLEST_US = 1.0


class Histogram:
    """Durations in logarithmic buckets 2 % wide; the largest is kept exactly."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all durations."""
        self.count = 0
        self.max_us = 0.0
        self._sum_us = 0.0
        self._buckets = [0] * N_BUCKETS

    def add(self, seconds: float) -> None:
        us = seconds * 1e6
        self.count += 1
        self._sum_us += us
        if us > self.max_us:
            self.max_us = us
        place = int(log2(us / SMALLEST_US) * BUCKETS_A_DOUBLING) if us > SMALLEST_US else 0
        self._buckets[place if place < N_BUCKETS else -1] += 1

    def percentile(self, percent: float) -> float | None:
        """Upper edge in microseconds of the bucket that holds it, or None without any durations."""
        if self.count == 0:
            return None
        wanted = ceil(self.count * percent / 100)
        seen = 0
        for place, n in enumerate(self._buckets):
            seen += n
            if seen >= wanted:
                return min(SMALLEST_US * 2 ** ((place + 1) / BUCKETS_A_DOUBLING), self.max_us)
        return self.max_us

    def summary(self) -> dict[str, float | int | None]:
        """Count, mean, p50, p95, p99, p99.9 and max, in microseconds."""
        return {
            "count": self.count,
            "mean_us": self._sum_us / self.count if self.count else None,
            "p50_us": self.percentile(50),
            "p95_us": self.percentile(95),
            "p99_us": self.percentile(99),
            "p999_us": self.percentile(99.9),
            "max_us": self.max_us if self.count else None,
        }
