from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from neurograsp.convert.validation import agreement


@pytest.mark.parametrize(
    ("output", "mine", "theirs", "share"),
    [
        ("softmax", [[2, 1, 0], [0, 1, 2]], [[5, 1, 0], [0, 5, 1]], 0.5),
        ("softmax", [[1, 1, 0], [1, 1, 0]], [[0, 5, 0], [0, 0, 5]], 0.5),
        ("sigmoid", [[2, -1], [2, 1]], [[1, -5], [1, -5]], 0.5),
        ("sigmoid", [[0, -1], [2, 0]], [[-1, -5], [1, 5]], 1.0),
    ],
)
def test_a_tie_calls_for_either(output: Any, mine: Any, theirs: Any, share: float) -> None:
    run: Any = SimpleNamespace(
        facts=SimpleNamespace(signal=SimpleNamespace(actions=SimpleNamespace(output=output)))
    )
    assert agreement(run, [np.array(mine, float)], [np.array(theirs, float)]) == share
