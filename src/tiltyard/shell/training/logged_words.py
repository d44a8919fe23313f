"""What is said of logged decisions: before they are looked at, and when they were learnt from."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tiltyard.learners.logged import FEWEST, Log


def log_line(log: Log) -> str:
    """What there is in a ledger, before bars are looked at."""
    first = min(one.opened_at for one in log.episodes)
    last = max(one.closed_at for one in log.episodes)
    arms = len({one.arm for one in log.episodes})
    return (
        f"logged: {len(log.episodes):,} trades of {_arms(arms)}, {_day(first)} to {_day(last)}, "
        f"for {_percent(log.share)} of each batch{_without(log.left_out)}"
    )


def logged_line(lineage: Mapping[str, Any]) -> str | None:
    """What was learnt from of others; None where nobody had logged anything."""
    told = lineage.get("logged")
    if told is None:
        return None
    left_out = _without(told["left_out"])
    if not told["decisions"]:
        return f"logged: no decision on these bars{left_out}"
    found = (
        f"logged: {told['decisions']:,} decisions of {_arms(len(told['arms']))}, "
        f"{_day(told['since'])} to {_day(told['until'])}"
    )
    if not told["learnt_from"]:
        few = f"fewer than {FEWEST:,} in the range of any network, so none was learnt from"
        return f"{found}; {few}{left_out}"
    less = ""
    if told["learnt_from"] < told["fits"]:
        networks = f"{told['learnt_from']:,} of {told['fits']:,} networks"
        less = f" of {networks}, as the others had fewer than {FEWEST:,} in their range"
    return f"{found}, {_percent(told['share'])} of each batch{less}{left_out}"


def _without(left_out: Mapping[str, int]) -> str:
    counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(left_out.items()))
    return f"; left out {counts}" if counts else ""


def _arms(count: int) -> str:
    return f"{count:,} arm{'' if count == 1 else 's'}"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
