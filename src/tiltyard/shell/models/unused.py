"""Which models nobody uses any more: what may be removed from the folder, and why the rest stays.

A model stays while it is young, by its name, by its files or by what it has learnt from; while an
arm refers to it that has not been retired for as long; and while anything that stays was made from
it. What cannot be read stays, and so does everything older, since it may have been made from that.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.clock import moment
from tiltyard.kernel.text import count_text
from tiltyard.shell.models.versions import Origin, Version


class Fate(NamedTuple):
    """What becomes of a model.

    Attributes:
        version: It.
        why_it_stays: One sentence part for people; empty for one that may go.
        is_old: It was made long enough ago, so it may be asked why it stays.
    """

    version: Version
    why_it_stays: str
    is_old: bool


def fates_of(
    versions: Sequence[Version],
    roster: Roster,
    retired_at: Mapping[str, datetime],
    keep: timedelta,
    now: datetime,
    named: str = "",
) -> list[Fate]:
    """What becomes of each model, in their order.

    Args:
        versions: All that are in the folder.
        roster: Every arm there ever was.
        retired_at: When arms were retired, by name.
        keep: For so long a model stays whether it is used or not.
        now: UTC.
        named: By the settings, as that whose encoder is taken: its name, or how that ends.
    """
    stays: dict[str, str] = {}
    ends = Path(named).name
    for version in versions:
        if ends and version.name.endswith(ends):
            stays[version.name] = "jobs.encoder names it"
        elif why := _why_it_stays(version, roster, retired_at, keep, now):
            stays[version.name] = why
    while more := {
        version.name: why
        for version in versions
        if version.name not in stays and (why := _why_for_others(version, versions, stays))
    }:
        stays |= more
    return [
        Fate(version, stays.get(version.name, ""), _is_old(version, keep, now))
        for version in versions
    ]


def retirements(events: Iterable[Mapping[str, Any]]) -> Mapping[str, datetime]:
    """When each arm was retired, by the audit."""
    return {
        event["policy"]: moment(event["at"])
        for event in events
        if event["event"] == "retire" and event["mode"] == "enforce"
    }


def _why_it_stays(
    version: Version,
    roster: Roster,
    retired_at: Mapping[str, datetime],
    keep: timedelta,
    now: datetime,
) -> str:
    if not isinstance(version.origin, Origin):
        return f"it cannot be read: {version.origin.code}"
    if not _is_old(version, keep, now):
        return f"it is younger than {count_text(keep.days, 'day')}"
    for arm in _arms(version, roster):
        if arm.state != "retired":
            return f"{arm.name} is {arm.state}"
        if roster.open_reviews(arm.name):
            return f"{arm.name} has a review that nobody has acknowledged"
        if arm.name not in retired_at or now - retired_at[arm.name] < keep:
            return f"{arm.name} has not been retired for {count_text(keep.days, 'day')}"
    return ""


def _arms(version: Version, roster: Roster) -> Iterable[Arm]:
    """Those that refer to it by its digest or its name."""
    named = roster.arms.get(version.name)
    return [*([] if named is None else [named]), *version.arms(roster)]


def _is_old(version: Version, keep: timedelta, now: datetime) -> bool:
    made = version.made_between
    return made is not None and now - made[1] >= keep


def _why_for_others(version: Version, versions: Sequence[Version], stays: Mapping[str, str]) -> str:
    for other in versions:
        if other.name not in stays:
            continue
        if isinstance(other.origin, Origin):
            if is_made_from(other, version):
                return f"{other.name} was made from it, and stays"
        elif _may_be_made_from(other, version):
            return f"{other.name} cannot be read, and may have been made from it"
    return ""


def is_made_from(other: Version, version: Version) -> bool:
    """As what it says of itself tells; not where that, or what it may be made from, is unknown."""
    return (
        isinstance(other.origin, Origin)
        and isinstance(version.origin, Origin)
        and version.origin.digest in other.origin.parents
    )


def _may_be_made_from(other: Version, version: Version) -> bool:
    """As far as their times tell."""
    if (made := version.made_between) is None or (others := other.made_between) is None:
        return True
    return made[0] <= others[1]
