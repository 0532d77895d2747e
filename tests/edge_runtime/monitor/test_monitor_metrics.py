"""Figures for Prometheus, read back by its own parser; and the dashboard that asks for them."""

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from importlib.resources import files

import pytest
from feed_publisher import made_up_run, made_up_session
from toys import REPOSITORY

pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families

from neurograsp.edge_runtime.monitor.metrics import Metrics, cause_of
from neurograsp.edge_runtime.telemetry.messages import Event, HandReport, Message, Tick

TICK = Tick(
    0, 0.0, 100.0, 10.0, 20.0, 300.0, 40.0, 50.0, 700.0, False, 0.01, False, False, "disarmed", "", None, None
)


def read(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """(name, label values) to value."""
    text = metrics.exposition()[0].decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def counted(messages: Iterable[Message]) -> dict[tuple[str, ...], float]:
    metrics = Metrics(lambda: 0.25)
    metrics.take(made_up_session())
    for message in messages:
        metrics.take(message)
    return read(metrics)


def test_a_run() -> None:
    found = counted(itertools.islice(made_up_run(2), 3000))
    n_ticks = found["neurograsp_tick_duration_seconds_count",]
    assert 900 < n_ticks < 1000
    assert found["neurograsp_tick_duration_seconds_sum",] == pytest.approx(n_ticks * 700e-6)
    assert found["neurograsp_tick_duration_seconds_bucket", "0.0005"] == 0
    assert found["neurograsp_tick_duration_seconds_bucket", "0.001"] == n_ticks
    assert found["neurograsp_tick_part_duration_seconds_sum", "infer"] == pytest.approx(n_ticks * 400e-6)
    assert found["neurograsp_decisions_total",] == pytest.approx(n_ticks, abs=1)
    assert (
        found["neurograsp_activations_total", "fist"] == found["neurograsp_commands_total", "act", "FIST"] > 0
    )
    assert found["neurograsp_electrodes", "railed"] == found["neurograsp_electrodes", "none"] == 1
    assert found["neurograsp_hand_joint_temperature_celsius", "thumb"] == 31
    assert found["neurograsp_runtime_state", "armed"] == 1
    assert found["neurograsp_runtime_state", "stopped"] == 0
    assert found["neurograsp_tick_deadline_seconds",] == 0.02
    assert found["neurograsp_feed_silent_seconds",] == 0.25
    assert found["neurograsp_run_info", "ab" * 32, "arm", "synthetic", "0.1.0"] == 1


def test_states_stops_losses_and_ticks_that_did_not_come() -> None:
    ticks = [
        TICK,
        replace(TICK, number=1, state="armed"),
        replace(TICK, number=2, state="stopped", request="stop", missed=True),
        replace(TICK, number=5, state="armed"),
        replace(TICK, number=6, state="stopped", source_lost=True),
        replace(TICK, number=7, state="stopped", source_lost=True),
    ]
    found = counted(ticks)
    assert found["neurograsp_armings_total",] == 2
    assert found["neurograsp_stops_total", "person"] == found["neurograsp_stops_total", "source"] == 1
    assert found["neurograsp_losses_total", "source"] == 1
    assert found["neurograsp_losses_total", "hand"] == 0
    assert found["neurograsp_ticks_unseen_total",] == 2
    assert found["neurograsp_tick_deadline_misses_total",] == 1


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"request": "stop", "doubt": "bad electrodes"}, "person"),
        ({"source_lost": True}, "source"),
        ({"hand_lost": True}, "hand"),
        ({"stopped_by": "the hand went into ESTOP (button)"}, "hand"),
        ({"doubt": "5 of 8 electrodes bad"}, "signal"),
        ({"stopped_by": "5 frames (1.2 s) are missing"}, "other"),
    ],
)
def test_causes_of_stops(changes: dict[str, object], cause: str) -> None:
    assert cause_of(replace(TICK, state="stopped", **changes)) == cause


def test_what_others_count_is_counted_on_through_their_new_beginnings() -> None:
    def report(sent: int) -> HandReport:
        return HandReport(0.0, "ARMED", "NONE", "", True, (), (), {"sent": sent, "rtt_ms_p50": 20.0})

    lost = [Event(0.0, "warning", "dropped", {"counts": n}) for n in (2, 5)]
    found = counted([report(5), report(9), report(2), *lost])
    assert found["neurograsp_hand_link_total", "sent"] == 11
    assert found["neurograsp_hand_link_round_trip_seconds",] == 0.02
    assert found["neurograsp_messages_dropped_total", "counts"] == 5
    assert found["neurograsp_events_total", "warning"] == 2


def test_names_follow_the_conventions() -> None:
    metrics = Metrics()
    metrics.take(made_up_session())
    for family in text_string_to_metric_families(metrics.exposition()[0].decode()):
        assert re.fullmatch(r"neurograsp_[a-z_]+", family.name)
        assert family.documentation
        assert not re.search(r"_(ms|us|percent|milliseconds)\b", family.name)


def test_the_page_of_docs_names_every_figure_and_no_other() -> None:
    page = (REPOSITORY / "docs/monitor.md").read_text()
    families = Metrics().registry.collect()
    names = {family.name + "_total" * (family.type == "counter") for family in families}
    assert set(re.findall(r"`(neurograsp_\w+)`", page)) == names


DASHBOARD = json.loads((files("neurograsp.edge_runtime.monitor") / "grafana.json").read_text())


def test_every_figure_of_the_dashboard_exists() -> None:
    lost = Event(0.0, "warning", "dropped", {"counts": 1})
    known = {
        name
        for name, *_ in counted(
            [*itertools.islice(made_up_run(2), 900), lost, TICK, replace(TICK, state="stopped")]
        )
    }
    asked = [
        (panel["title"], name)
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
        for name in re.findall(r"neurograsp_\w+", target["expr"])
    ]
    assert len({name for _, name in asked}) >= 20
    assert [one for one in asked if one[1] not in known] == []


def test_the_dashboard_can_be_imported() -> None:
    """As Grafana's import wants it: a data source to choose, panels that do not overlap, no ids of ours."""
    (source,) = DASHBOARD["__inputs"]
    assert source["pluginId"] == "prometheus"
    assert DASHBOARD["id"] is None
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        area = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not area & taken, panel["title"]
        taken |= area
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${" + source["name"] + "}"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
