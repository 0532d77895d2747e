"""The order of cues."""

import pytest

from neurograsp.edge_runtime.recording.schedule import JITTER, REST, schedule, total_s

ACTIONS = ("reach", "grip", "release")


def test_every_action_once_a_block_with_rest_around_each() -> None:
    cues = schedule(ACTIONS, 8, 250, 4.0, 3.0, [1])
    assert len(cues) == 2 * 3 * 8 + 1
    assert {cue.label for cue in cues[::2]} == {REST}
    moves = [cue.label for cue in cues[1::2]]
    blocks = [tuple(moves[at : at + 3]) for at in range(0, 24, 3)]
    assert all(sorted(block) == sorted(ACTIONS) for block in blocks)
    assert len(set(blocks)) > 1


def test_lengths() -> None:
    cues = schedule(ACTIONS, 50, 250, 4.0, 3.0, [1])
    assert {cue.n_frames for cue in cues[1::2]} == {1000}
    rests = [cue.n_frames for cue in cues[::2]]
    assert 750 <= min(rests) < 790
    assert 1085 < max(rests) <= round(750 * (1 + JITTER))
    assert total_s(cues, 250) == pytest.approx((150 * 1000 + sum(rests)) / 250)


def test_the_seed_decides() -> None:
    one = schedule(ACTIONS, 5, 250, 4.0, 3.0, [0, 49])
    assert one == schedule(ACTIONS, 5, 250, 4.0, 3.0, [0, 49])
    assert one != schedule(ACTIONS, 5, 250, 4.0, 3.0, [0, 50])
