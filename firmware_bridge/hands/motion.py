"""Where the joints of a device have been sent, and the next small step: pure, time passed in.

Goals go out in steps of at most a joint's rate, never the far end at once. A device that holds its last goal
when its host is gone has then one step left to do.
"""

from collections.abc import Mapping

from neurograsp.firmware_bridge.hands.device_profile import DeviceJoint

LONGEST_STEP_S = 0.06
"""A tick that comes later than this does not make up for the time lost; the loop's longest is 50 ms."""


class Motion:
    """Goals of joints, in counts.

    Args:
        joints: their limits and rates.
        start: where they are; a joint outside its limits is led back at its rate.
    """

    def __init__(self, joints: tuple[DeviceJoint, ...], start: tuple[int, ...]) -> None:
        self._joints = joints
        self._at = [float(at) for at in start]
        self._target = list(self._at)
        self._speed = 1.0

    @property
    def goals(self) -> tuple[int, ...]:
        """What is to be sent."""
        return tuple(round(at) for at in self._at)

    @property
    def arrived(self) -> bool:
        """Every joint has been sent to its target."""
        return self._at == self._target

    def go(self, pose: Mapping[int, int], speed_percent: float) -> None:
        """New targets of some joints, inside their limits; the others stay where they are."""
        self.stay()
        for place, target in pose.items():
            joint = self._joints[place]
            self._target[place] = float(min(max(target, joint.low), joint.high))
        self._speed = speed_percent / 100

    def stay(self) -> None:
        """No step further."""
        self._target = list(self._at)

    def step(self, elapsed_s: float) -> None:
        """One step towards the targets."""
        elapsed_s = min(max(elapsed_s, 0.0), LONGEST_STEP_S)
        for place, joint in enumerate(self._joints):
            most = joint.rate * self._speed * elapsed_s
            way = self._target[place] - self._at[place]
            self._at[place] = (
                self._target[place] if abs(way) <= most else self._at[place] + (most if way > 0 else -most)
            )
