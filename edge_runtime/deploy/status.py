"""What a board tells of its slots and its service."""

from importlib.metadata import version
from pathlib import Path
from typing import get_args

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.contract.errors import BundleError
from neurograsp.edge_runtime.deploy.protocol import BoardStatus, Content
from neurograsp.edge_runtime.deploy.service import Service
from neurograsp.edge_runtime.deploy.slots import Slot
from neurograsp.edge_runtime.deploy.store import SlotStore


def content(path: Path) -> Content | None:
    """What is in a slot, every hash checked."""
    if not path.is_file():
        return None
    try:
        bundle = open_bundle(path)
    except BundleError as error:
        return Content(None, None, str(error)[:400])
    return Content(bundle.manifest.name, bundle.sha256, None)


def board_status(store: SlotStore, service: Service, watched: bool) -> BoardStatus:
    """Raises ConfigError where `state.json` or `current` is not ours."""
    slots, look = store.load(), service.look()
    names: tuple[Slot, ...] = get_args(Slot)
    return BoardStatus(
        version=version("neurograsp"),
        phase=slots.phase.value,
        current=store.current,
        good=slots.good,
        trial=slots.trial,
        watched=watched,
        last=slots.last,
        slots={slot: content(store.path(slot)) for slot in names},
        service=f"{service.name}: {look.detail}",
        armed=look.armed,
    )


def render_status(status: BoardStatus) -> str:
    """In a few lines."""
    lines = []
    for slot, inside in status.slots.items():
        marks = [
            text
            for text, true in (
                ("current", slot == status.current),
                ("good", slot == status.good),
                ("on trial", slot == status.trial),
            )
            if true
        ]
        if inside is None:
            what = "empty"
        elif inside.damage is not None or inside.bundle_sha256 is None:
            what = f"damaged: {inside.damage}"
        else:
            what = f"{inside.name}, sha256 {inside.bundle_sha256[:12]}"
        lines.append(f"  slot {slot}     {what}{' (' + ', '.join(marks) + ')' if marks else ''}")
    lines.append(f"  service    {status.service}")
    if status.trial is not None:
        watched = "watched" if status.watched else "watched by nobody: the next start goes back"
        lines.append(f"  trial      {watched}")
    elif status.watched:
        lines.append("  trial      a deployment is under way")
    if status.last is not None:
        last = status.last
        lines.append(f"  last       slot {last.slot} {last.outcome} at {last.at}: {last.reason}")
    if status.damage is not None:
        lines.append(f"  FAILED     {status.damage}")
    return "\n".join(lines)
