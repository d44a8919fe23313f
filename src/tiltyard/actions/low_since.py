"""Since when an arm has not been above the share that it starts with, by the audit alone.

Every change of a share is in the audit, whoever made it: a night, a guard, a person, or an edit by
SQL. So the audit is gone through once, and of each arm the moment is kept at which it was last
above its starting share. A champion is above, whatever it was registered with. What a freeze of all
challengers keeps for an arm counts as its own, since the freeze is not about it. Whom a person has
put on trial again begins again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from tiltyard.actions.record import Event, after
from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.clock import moment
from tiltyard.scaling.ladder import fits


def low_since(
    events: Iterable[Event], roster: Roster, now: datetime
) -> Mapping[str, datetime | None]:
    """Of each arm, from when on its share has been at or below what it starts with.

    Args:
        events: Of the audit, oldest first, all of them.
        roster: As it stands, with edits that the audit does not tell of yet.
        now: UTC; so for an arm that is above at this moment, or was by all that the audit tells.

    Returns:
        By name; None where the audit does not say when the arm joined.
    """
    since: dict[str, datetime] = {}
    then = Roster()
    for event in events:
        before, then = then, after(then, event)
        if then is before:
            continue
        at = moment(event["at"])
        for name, arm in then.arms.items():
            known = before.arms.get(name)
            if known is not arm and (known is None or _is_above(known)):
                since[name] = at
        if event["event"] == "rearm":
            since[event["policy"]] = at
    was_above = {name for name, arm in then.arms.items() if _is_above(arm)}
    return {
        name: now if _is_above(arm) or name in was_above else since.get(name)
        for name, arm in roster.arms.items()
    }


def _is_above(arm: Arm) -> bool:
    return arm.role == "champion" or not fits(max(arm.share, arm.held_share), arm.start_share)
