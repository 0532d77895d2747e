"""The contract, of the firmware as a process on a pseudo-terminal."""

from collections.abc import Iterator

import pytest
from hand_contract import BadInput, HandContract
from host_rig import HostRig
from patience import on_a_busy_machine
from rig import Rig


@pytest.fixture(scope="class")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = HostRig(tmp_path_factory.mktemp("host") / "trace")
    yield rig
    rig.close()


class TestHost(on_a_busy_machine(BadInput)):
    @pytest.fixture(scope="class")
    @classmethod
    def rig(cls, host: Rig) -> Rig:
        return host


@pytest.mark.long
class TestHostInFull(on_a_busy_machine(HandContract)):
    @pytest.fixture(scope="class")
    @classmethod
    def rig(cls, host: Rig) -> Rig:
        return host
