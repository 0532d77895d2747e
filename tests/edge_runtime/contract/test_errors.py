"""The tree in errors.py's own docstring is the contract; the classes must follow it."""

import re

import pytest

from neurograsp.edge_runtime.contract import errors
from neurograsp.firmware_bridge.host_firmware import CompilerError

TREE = dict(re.findall(r"^(?:\+-- )?(\w+) +(\d)  ", errors.__doc__ or "", re.MULTILINE))


@pytest.mark.parametrize("name", errors.__all__)
def test_exit_codes(name: str) -> None:
    cls = getattr(errors, name)
    assert issubclass(cls, errors.NeurograspError)
    below_link = issubclass(cls, errors.LinkError)
    assert cls.exit_code == int(TREE["LinkError" if below_link else name])


def test_codes_are_those_of_the_command_line() -> None:
    assert TREE == {
        "NeurograspError": "1",
        "CheckFailed": "1",
        "UsageError": "2",
        "MissingExtra": "3",
        "ConfigError": "4",
        "BundleError": "4",
        "RecordingError": "4",
        "SourceError": "5",
        "ClusterError": "5",
        "FeedError": "5",
        "BoardError": "5",
        "ProtocolError": "5",
        "LinkError": "5",
    }
    assert CompilerError.exit_code == 3


def test_a_missing_extra_says_what_to_type() -> None:
    assert str(errors.MissingExtra("BrainFlow", "brainflow")) == (
        "BrainFlow is not installed: run `pip install '.[brainflow]'` in the source checkout"
    )
