"""What every hand with this firmware does, on whatever board: one class of tests for many rigs."""

from hand_contract.bad_input import BadInput
from hand_contract.inputs import Inputs
from hand_contract.motion import Motion
from hand_contract.sessions import Sessions
from hand_contract.states import States
from hand_contract.timing import Timing

__all__ = ["BadInput", "HandContract", "Inputs", "Motion", "Sessions", "States", "Timing"]


class HandContract(States, BadInput, Motion, Sessions, Timing, Inputs):
    """All of it. A subclass has a fixture `rig` of scope "class"."""
