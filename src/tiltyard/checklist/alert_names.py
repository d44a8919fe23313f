"""Names under which Prometheus raises what guards see.

One guard, one name: Alertmanager groups by it, what comes back to the desk is known by it, and it
names the runbook. Those of rules that no guard is behind are taken.

>>> fault_of_name("WinRateLow"), fault_of_name("GuardUnknown")
('', "'GuardUnknown' is the name of a rule that is no guard's")
"""

import re
from collections.abc import Iterable, Iterator

from tiltyard.checklist.guard import Guard

OF_NO_GUARD = frozenset(
    {"BotHeartbeatLost", "DeskHeartbeatLost", "GpuUnavailable", "GuardUnknown", "MarksStale",
     "NightlyRunMissed", "ShareMismatch", "SnapshotFailed", "TiltyardTest", "TrafficOnHaltedArm",
     "WeeklyRunMissed"}
)  # fmt: skip
_FORM = re.compile(r"[A-Z][A-Za-z0-9]{0,79}", re.ASCII)


def fault_of_name(name: str) -> str:
    """What is wrong with a name; empty when nothing is."""
    if not _FORM.fullmatch(name):
        return "expected a name such as WinRateLow: letters and digits, the first a capital"
    return f"{name!r} is the name of a rule that is no guard's" if name in OF_NO_GUARD else ""


def named_twice(guards: Iterable[Guard]) -> Iterator[tuple[Guard, Guard]]:
    """Guards whose name another one before them has, with that one."""
    seen: dict[str, Guard] = {}
    for guard in guards:
        other = seen.setdefault(guard.alert, guard) if guard.alert else guard
        if other is not guard:
            yield guard, other
