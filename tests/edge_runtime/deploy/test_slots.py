"""The pure machine of the two slots: every state, every event."""

import itertools

import pytest

from neurograsp.edge_runtime.deploy.slots import MAX_REASON, TRANSITIONS, Phase, SlotEvent, Slots

EVENTS = {
    SlotEvent.SWITCH: lambda slots: slots.switch("ticket"),
    SlotEvent.CONFIRM: lambda slots: slots.confirm("well", "now"),
    SlotEvent.GIVE_UP: lambda slots: slots.give_up("ill", "now"),
}


def reachable() -> set[Slots]:
    found, new = set(), {Slots()}
    while new:
        found |= new
        new = {
            EVENTS[event](slots)
            for slots in new
            for event in SlotEvent
            if (slots.phase, event) in TRANSITIONS
        } - found
    return found


def test_every_reachable_state_takes_exactly_the_events_of_the_table() -> None:
    used = set()
    for slots, event in itertools.product(reachable(), SlotEvent):
        if (slots.phase, event) not in TRANSITIONS:
            with pytest.raises(ValueError, match=f"{event.value} is not possible while {slots.phase.value}"):
                EVENTS[event](slots)
            continue
        assert EVENTS[event](slots).phase is TRANSITIONS[slots.phase, event]
        used.add((slots.phase, event))
    assert used == set(TRANSITIONS)


def test_what_was_good_is_never_lost_but_to_what_was_confirmed() -> None:
    for slots, event in itertools.product(reachable(), SlotEvent):
        if (slots.phase, event) not in TRANSITIONS:
            continue
        after = EVENTS[event](slots)
        if event is SlotEvent.CONFIRM:
            assert after.good == slots.trial == after.current
        else:
            assert after.good == slots.good
        assert after.spare != after.good
        assert after.current in (slots.good, slots.spare)
        if event is SlotEvent.SWITCH:
            assert after.trial == slots.spare == after.current
            assert after.ticket == "ticket"


def test_only_what_was_good_may_be_gone_back_to() -> None:
    first = Slots().switch("").confirm("well", "now")
    assert not first.spare_was_good
    second = first.switch("").confirm("well", "now")
    assert second.spare_was_good
    assert second.switch("").give_up("ill", "now").spare_was_good
    assert not first.switch("").give_up("ill", "now").spare_was_good


def test_a_trial_is_remembered_with_its_ticket() -> None:
    for end, outcome in ((SlotEvent.CONFIRM, "confirmed"), (SlotEvent.GIVE_UP, "returned")):
        last = EVENTS[end](Slots(good="a").switch("mine")).last
        assert last is not None
        assert (last.slot, last.outcome, last.ticket, last.at) == ("b", outcome, "mine", "now")


def test_a_reason_fits_into_the_file() -> None:
    last = Slots().switch("").give_up("\n" + "x" * 1000, "now").last
    assert last is not None
    assert last.reason == "x" * MAX_REASON


def test_a_slot_is_not_both() -> None:
    with pytest.raises(ValueError, match="both good and on trial"):
        Slots(good="a", trial="a")
    assert Slots(good="a").phase is Phase.SETTLED
