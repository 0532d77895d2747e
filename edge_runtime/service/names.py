"""Names that the service, and whoever updates what it runs, agree on."""

from pathlib import PurePosixPath

UNIT = "neurograsp.service"
USER = "neurograsp"

STATE = PurePosixPath("/var/lib/neurograsp")
"""Of root: the service cannot change what it is going to run."""

BUNDLE = STATE / "current"
SESSIONS = STATE / "sessions"
"""Of the service's user; what a run writes belongs there."""

CACHE = PurePosixPath("/var/cache/neurograsp")
RUNTIME = PurePosixPath("/run/neurograsp")
ENVIRONMENT = PurePosixPath("/etc/neurograsp/environment")
"""Variables for the service, such as a relay's secret: read by systemd, whoever else may not."""

UNIT_FILE = PurePosixPath("/etc/systemd/system") / UNIT
SYSUSERS = PurePosixPath("/etc/sysusers.d/neurograsp.conf")
RULES = PurePosixPath("/etc/udev/rules.d/70-neurograsp.rules")
"""Before 77, where ModemManager's begin."""

WANTED = PurePosixPath("/etc/systemd/system/multi-user.target.wants") / UNIT
"""What `systemctl enable` makes of the unit."""
