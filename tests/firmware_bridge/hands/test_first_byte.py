"""A command goes out in the tick that brings it, with every driver, and questions are asked all the same."""

import pytest
from bench import Clock, EmulatedLine
from drivers import EMULATORS, hand_on

from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.sniff.pieces import Conversation, Side
from neurograsp.firmware_bridge.sniff.readers import READERS

TICK_S = 0.02
GOALS = ("goal_position", "move_time_write", "go to", "angle_set", "positions", "pulse", "F0 P")
ASKS = ("read", "what was it told", "A6")
"""An Ability Hand answers every goal: it need not be asked."""


@pytest.mark.parametrize("profile", sorted(EMULATORS))
@pytest.mark.parametrize("every", [1, 2, 7])
def test_a_new_command_does_not_wait(profile: str, every: int) -> None:
    clock = Clock()
    line = EmulatedLine(EMULATORS[profile](), clock)
    hand = hand_on(line, profile, clock)
    hand.connect()
    hand.arm()

    def tick() -> list[str]:
        """What was said in it."""
        line.sent.clear()
        hand.service(True)
        line.sleep(TICK_S)
        conversation = Conversation(READERS[load_device(profile).kind]())
        return [piece.text for data in line.sent for piece in conversation.feed(0.0, Side.HOST, data)]

    for _ in range(5):
        tick()
    late, longest_unasked, unasked = 0, 0, 0
    for number in range(42):
        fresh = number % every == 0
        if fresh:
            hand.act(HandAction.FIST if number % (2 * every) else HandAction.OPEN)
        said = tick()
        late += fresh and not any(word in text for text in said for word in GOALS)
        asked = profile == "ability_hand" or any(word in text for text in said for word in ASKS)
        unasked = 0 if asked else unasked + 1
        longest_unasked = max(unasked, longest_unasked)
    if every > 1:
        assert late == 0
    else:
        assert late <= 21, "a line of one word a tick is shared with questions"
    assert longest_unasked <= 4
    hand.close()
