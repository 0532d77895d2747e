"""Device profiles as C for the firmware.

`python -m neurograsp.firmware_bridge.profile_c` writes those that ship into the firmware's sources.
"""

from collections.abc import Iterable

from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.profiles import (
    KEEP,
    LIMP_NEVER,
    PROFILES,
    Profile,
    load_profile,
    shipped_profiles,
)

HEADER = "hand_profiles.h"


def symbol(profile: Profile) -> str:
    """What the profile is called in C."""
    return f"hand_profile_{profile.name}"


def profile_c(profile: Profile) -> str:
    """The text of `hand_profile_NAME.c`."""
    limp = "HAND_LIMP_NEVER" if profile.limp_ms == LIMP_NEVER else profile.limp_ms
    joints = [
        f"{{{joint.min_us}, {joint.max_us}, {joint.rate_us}, {joint.rest_us}}}, /* {joint.name} */"
        for joint in profile.joints
    ]
    names = f"/* {', '.join(joint.name for joint in profile.joints)} */"
    lines = [
        "/* Made by `neurograsp hand profile` from a TOML file: change that, not this. */",
        '#include "hand_profile.h"',
        "",
        "#define K HAND_KEEP",
        "",
        f"const hand_profile {symbol(profile)} HAND_FLASH = {{",
        f'    .name = "{profile.name}",',
        f"    .joints = {len(profile.joints)},",
        f"    .watchdog_ms = {profile.watchdog_ms},",
        f"    .limp_ms = {limp},",
        f"    .max_ttl_ms = {profile.max_ttl_ms},",
        f"    .stall_ms = {profile.stall_ms},",
        f"    .battery_ms = {profile.battery_ms},",
        f"    .actions = 0x{sum(1 << action for action in profile.actions):04X}ul,",
        "    .joint =",
        *_block(joints),
        "    .pose =",
        *_block([names, *_poses(profile)]),
        "};",
        "",
    ]
    return "\n".join(lines)


def profiles_h(names: Iterable[str]) -> str:
    """The text of `hand_profiles.h`, which declares these profiles."""
    listed = " \\\n".join(f"    X({name})" for name in names)
    return f"""\
/* The profiles of this library. Made by `python -m neurograsp.firmware_bridge.profile_c`. */
#ifndef HAND_PROFILES_H
#define HAND_PROFILES_H

#include "hand_profile.h"

#define HAND_PROFILES(X) \\
{listed}

#define HAND_PROFILE_DECLARE(name) extern const hand_profile hand_profile_##name;
HAND_PROFILES(HAND_PROFILE_DECLARE)

/* The one that a port takes: -DHAND_PROFILE=hand_profile_NAME, also of a profile that is not listed here. */
#ifndef HAND_PROFILE
#define HAND_PROFILE hand_profile_arm
#endif
extern const hand_profile HAND_PROFILE;

#endif
"""


def shipped_c() -> dict[str, str]:
    """Name and text of every C file that is made from the shipped profiles."""
    names = shipped_profiles()
    files = {f"hand_profile_{name}.c": profile_c(load_profile(name)) for name in names}
    return files | {HEADER: profiles_h(names)}


def _block(rows: list[str]) -> list[str]:
    return ["        {", *(f"            {row}" for row in rows), "        },"]


def _poses(profile: Profile) -> list[str]:
    return [
        f"[HAND_ACTION_{HandAction(action).name}] = "
        f"{{{', '.join('K' if us == KEEP else str(us) for us in pose)}}},"
        for action, pose in sorted(profile.poses.items())
    ]


if __name__ == "__main__":
    for name, text in shipped_c().items():
        (PROFILES.parent / "NeuroHand" / "src" / name).write_text(text)
