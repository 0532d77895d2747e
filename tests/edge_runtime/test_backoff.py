import pytest

from neurograsp.edge_runtime.backoff import Backoff


def attempts(backoff: Backoff, seconds: float) -> list[float]:
    """When it is tried from a loss at 0 on, if every attempt fails at once."""
    backoff.lost(0.0)
    tried = []
    for now in (0.1 * step for step in range(1, round(seconds / 0.1) + 1)):
        if backoff.due(now) and not backoff.over(now):
            tried.append(now)
            backoff.lost(now)
    return tried


def test_intervals_double_up_to_eight_seconds() -> None:
    wanted = [0.5, 1.5, 3.5, 7.5, 15.5, 23.5, 31.5, 39.5]
    assert attempts(Backoff(60.0), 40.0) == pytest.approx(wanted, abs=0.11)


def test_patience_ends() -> None:
    backoff = Backoff(10.0)
    assert attempts(backoff, 40.0)[-1] < 10
    assert backoff.over(10.0)
    assert not backoff.over(9.9)


def test_no_patience_gives_up_at_once() -> None:
    backoff = Backoff(0.0)
    backoff.lost(5.0)
    assert backoff.over(5.0)


def test_what_is_back_is_looked_for_anew_when_it_is_lost_again() -> None:
    backoff = Backoff(10.0)
    backoff.lost(0.0)
    backoff.lost(0.5)
    backoff.back()
    assert not backoff.away and not backoff.due(100.0) and not backoff.over(100.0)
    backoff.lost(100.0)
    assert backoff.due(100.5) and not backoff.over(109.0)
