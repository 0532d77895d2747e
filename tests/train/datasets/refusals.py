"""How a recording that cannot be read is refused."""

from pathlib import Path
from typing import Any

import pytest

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import open_recordings


def refusal(path: Path, blamed: Path | None = None, **selection: Any) -> str:
    """The message: one line that begins with the path to blame, says what is wrong, then the remedy."""
    with pytest.raises(RecordingError) as caught:
        open_recordings(path, **selection)
    message = str(caught.value)
    assert message.startswith(str(blamed or path))
    assert "\n" not in message
    assert "; " in message
    return message
