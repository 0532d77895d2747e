"""A sketch on a real AVR with a profile of one's own, as docs/porting-a-hand.md has it."""

import re
from pathlib import Path

import pytest
from avr_build import build_arduino, build_shim
from hand_client import Client
from simavr_rig import SimavrRig, load_shim

from neurograsp.firmware_bridge.profile_c import profile_c, symbol
from neurograsp.firmware_bridge.profiles import KEEP, parse_profile
from neurograsp.firmware_bridge.protocol import Action, HandState

PAGE = (Path(__file__).parents[2] / "docs/porting-a-hand.md").read_text()


@pytest.mark.slow
def test_every_action_goes_where_the_profile_says(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    declared, begun = re.findall(r"^ +(.*hand_profile_claw\b.*;)$", PAGE, re.MULTILINE)
    profile = parse_profile(text.encode(), "claw.toml")
    beside = tmp_path / f"{symbol(profile)}.c"
    beside.write_text(profile_c(profile))
    sketch = f"#include <NeuroHand.h>\n{declared}\nvoid setup() {{ {begun} }}\n"
    sketch += "void loop() { neurohand_run(); }\n"
    image = build_arduino("arduino-328p", tmp_path, sketch, [beside])
    rig = SimavrRig(load_shim(build_shim(tmp_path)), image, profile)
    try:
        hand = Client(rig)
        hand.power_on()
        hand.arm()
        at = list(profile.rest)
        for action in sorted(profile.actions):
            hand.ask(Action(action, 100, 100, profile.max_ttl_ms))
            hand.keep_alive(max(joint.travel_ms for joint in profile.joints) + 40)
            assert hand.state is HandState.HOLD
            at = [before if us == KEEP else us for before, us in zip(at, profile.poses[action], strict=True)]
            widths = [hand.widths[joint] for joint in range(len(at))]
            assert widths == pytest.approx(at, abs=rig.tolerance_us)
        hand.finish()
    finally:
        rig.close()
