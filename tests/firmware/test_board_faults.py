"""The faults of `link_faults.py` with the programs of real boards, in simulators on the clock of the test."""

from collections.abc import Callable

import pytest
from fault_run import NewRig, bound_ms, measure
from link_faults import BOARD_FAULTS, FAULTS, LONG, TIME_WRAPS
from rig import Rig
from rigs import simavr_at
from simavr_rig import SimavrRig

AVR = {**FAULTS, **BOARD_FAULTS}
CORTEX = {name: fault for name, fault in FAULTS.items() if name not in LONG and fault is not TIME_WRAPS}
"""What these cannot do: hang without another program, set their clock, and be a minute in seconds."""

PHASES = {"atmega328p": 3}


def check(name: str, new_rig: NewRig, phases: int) -> None:
    fault = AVR[name]
    for seed in range(phases):
        scene, outcome = measure(new_rig, fault, seed)
        print(f"\n{name}: {outcome}")
        assert outcome.stood_ms <= bound_ms(scene.rig, fault)
        assert outcome.safe_ms <= bound_ms(scene.rig, fault) or not fault.tells
        assert outcome.state in fault.ends_in


@pytest.mark.parametrize("name", AVR)
@pytest.mark.parametrize(
    "port",
    [
        pytest.param("atmega328p", marks=pytest.mark.slow),
        pytest.param("atmega2560", marks=pytest.mark.long),
        pytest.param("arduino-328p", marks=pytest.mark.slow),
    ],
)
def test_an_avr_stands_in_time(port: str, name: str, new_simavr_rig: Callable[[str], SimavrRig]) -> None:
    check(name, lambda start_ms: simavr_at(new_simavr_rig(port), start_ms), PHASES.get(port, 1))


@pytest.mark.parametrize(
    ("port", "name"),
    [
        pytest.param(
            port, name, marks=pytest.mark.long if port == "mps2" and "garbage" in name else pytest.mark.slow
        )
        for port in ("mps2", "rp2040")
        for name in CORTEX
    ],
)
def test_a_cortex_stands_in_time(port: str, name: str, new_cortex_rig: Callable[[str], Rig]) -> None:
    check(name, lambda start_ms: new_cortex_rig(port), 1)
