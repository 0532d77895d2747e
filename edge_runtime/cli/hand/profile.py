"""`neurograsp hand profile`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.firmware_bridge.profiles import Profile

HELP = "check a hand's profile and show it; make the firmware's C of it"
EXAMPLE = "neurograsp hand profile claw.toml --c hand_profile_claw.c"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("profile", nargs="?", help="a file that ends in .toml, or the name of one that ships")
    parser.add_argument("--list", action="store_true", help="show which profiles ship")
    parser.add_argument("--c", type=Path, metavar="OUT.c", help="write it as C for the firmware")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.files import write_whole
    from neurograsp.firmware_bridge.profile_c import profile_c, symbol
    from neurograsp.firmware_bridge.profiles import load_profile, shipped_profiles

    if arguments.list == (arguments.profile is not None):
        raise UsageError("name a profile, or --list for those that ship")
    if arguments.list and arguments.c is not None:
        raise UsageError("--c: name the profile to write")
    names = shipped_profiles() if arguments.list else (arguments.profile,)
    profiles = [load_profile(name) for name in names]
    if arguments.c is not None:
        write_whole(arguments.c, profile_c(profiles[0]).encode())
    if arguments.json:
        print(json.dumps({"profiles": [_described(one) for one in profiles]}))
    elif arguments.list:
        for one in profiles:
            print(f"  {one.name:<12}{one.about}")
    else:
        print("\n".join(_table(profiles[0])))
    if arguments.c is not None and not arguments.json:
        print(f"\n  {arguments.c} written; a port takes it with -DHAND_PROFILE={symbol(profiles[0])}")
    return 0


def _described(profile: "Profile") -> dict[str, Any]:
    from dataclasses import asdict

    from neurograsp.firmware_bridge.profiles import KEEP, LIMP_NEVER

    return asdict(profile) | {
        "joints": [asdict(joint) | {"travel_ms": joint.travel_ms} for joint in profile.joints],
        "limp_ms": None if profile.limp_ms == LIMP_NEVER else profile.limp_ms,
        "poses": {
            action.name: [None if us == KEEP else us for us in pose] for action, pose in profile.poses.items()
        },
    }


def _table(profile: "Profile") -> list[str]:
    """Policy, joints and actions; pulses in microseconds."""
    from neurograsp.firmware_bridge.profiles import KEEP

    joints = [
        (
            f"{number} {joint.name}",
            *((joint.max_us, joint.min_us) if joint.inverted else (joint.min_us, joint.max_us)),
            joint.rest_us,
            joint.rate_us,
            f"{joint.travel_ms / 1000:.2f} s",
        )
        for number, joint in enumerate(profile.joints)
    ]
    actions = [
        (action.name, *("-" if us == KEEP else us for us in pose)) for action, pose in profile.poses.items()
    ]
    return [
        f"  {profile.name}: {profile.about}" if profile.about else f"  {profile.name}",
        *_policy(profile),
        "",
        *_columns(("joint (us)", "0 %", "100 %", "rest", "a frame", "full travel"), joints),
        "",
        *_columns(("action (us)", *(joint.name for joint in profile.joints)), actions),
    ]


def _policy(profile: "Profile") -> list[str]:
    from neurograsp.firmware_bridge.profiles import LIMP_NEVER

    limp = f"lets go {profile.limp_ms} ms later" if profile.limp_ms else "lets go at once"
    lines = [
        f"  stops {profile.watchdog_ms} ms after the last heartbeat and "
        f"{'holds for good' if profile.limp_ms == LIMP_NEVER else limp}",
        f"  an action lives {profile.max_ttl_ms} ms at most",
    ]
    for what, does, ms in (
        ("stall", "lets go", profile.stall_ms),
        ("low battery", "stops", profile.battery_ms),
    ):
        lines.append(f"  {what}: " + (f"{does} after {ms} ms" if ms else "not watched"))
    return lines


def _columns(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    table = [head, *(tuple(map(str, row)) for row in rows)]
    first, *others = (max(map(len, column)) for column in zip(*table))
    return [
        "  " + f"{row[0]:<{first}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], others))
        for row in table
    ]
