"""The state diagrams of docs/decisions.md and docs/deploy.md, from the code's own tables.

python docs/diagrams.py     # prints them, to put into the page
"""

import enum
from collections.abc import Mapping
from typing import Any

from neurograsp.edge_runtime import actuation, decide
from neurograsp.edge_runtime.deploy import slots

TABLES: dict[str, Mapping[tuple[Any, Any], Any]] = {
    "The decision layer": decide.TRANSITIONS,
    "States of the runtime": actuation.TRANSITIONS,
}
"""Heading in the page to (state, event) -> next state; the first state listed is the one at the start."""

DEPLOY_TABLES: dict[str, Mapping[tuple[Any, Any], Any]] = {"States of the slots": slots.TRANSITIONS}


def mermaid(transitions: Mapping[tuple[enum.Enum, enum.Enum], enum.Enum]) -> str:
    """A state diagram for Mermaid; all events between the same two states are on one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, event), after in transitions.items():
        arrows.setdefault((before.value, after.value), []).append(event.value)
    (first, _), *_ = transitions
    lines = [f"[*] --> {first.value}"]
    lines += [f"{before} --> {after}: {', '.join(events)}" for (before, after), events in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in lines), "```"])


if __name__ == "__main__":
    for heading, table in {**TABLES, **DEPLOY_TABLES}.items():
        print(f"## {heading}\n\n{mermaid(table)}\n")
