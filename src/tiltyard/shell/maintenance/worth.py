"""What a training's answer says of what it has made, in a few lines for people.

The page beside the snapshot says it at length. Nothing that learns is loaded here.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tiltyard.kernel.clock import span_text, time_text
from tiltyard.kernel.text import count_text
from tiltyard.shell.maintenance.joining import register_command
from tiltyard.shell.models.learnt import learnt_until

Json = Mapping[str, Any]

RANGES = {"walk_forward": "walk-forward", "hold_out": "held out"}
OLD = timedelta(days=2)
"""So long before the end of the range the last bar is called old."""
PARTIAL = "partial: the time was up before everything was learnt"


def policy_lines(answer: Json, until: datetime) -> Iterator[str]:
    """What was made, where it is looked at, and what it is worth.

    Args:
        answer: Of ``train … --json``, or one of the best of a sweep.
        until: The end of the range that was to be learnt from, UTC.
    """
    yield answer["name"]
    yield f"  SHA-256 {answer['sha256']}"
    yield f"  report: {answer['report']}"
    knows = _knows_until(answer)
    if knows is not None and until - knows >= OLD:
        yield (
            f"  the last bar closed at {time_text(knows)}, {span_text(until - knows)} before the "
            "day began: let the bars be fetched"
        )
    for part, title in RANGES.items():
        if (told := answer["metrics"].get(part)) is not None:
            made = f"{daily_text(told['daily_return'])}, {factor_text(told)}"
            yield f"  {title}, {days_text(told)}: {made}"
    if (gate := answer["metrics"].get("gate")) is not None:
        yield f"  gate: {gate_text(gate)}"
    if answer.get("partial"):
        yield f"  {PARTIAL}"


def policy_json(answer: Json) -> dict[str, Any]:
    """The same as JSON values."""
    metrics, knows = answer["metrics"], _knows_until(answer)
    return {
        "policy": answer["name"],
        "sha256": answer["sha256"],
        "report": answer["report"],
        "knows_until": None if knows is None else time_text(knows),
        "partial": bool(answer.get("partial")),
        "worth": {part: _result(metrics[part]) for part in RANGES if metrics.get(part)},
        "gate": metrics.get("gate"),
        "register": register_command(answer["name"]),
    }


def gate_text(gate: Json) -> str:
    """What the gate says, in a line."""
    if gate["state"] == "passed":
        earned = percent(gate["lower_quartile"])
        return (
            f"passed: the lower quartile of {count_text(gate['seeds'], 'seed')} is {earned} a day"
        )
    return f"{gate['state']}: {'; '.join(gate['reasons'])}"


def percent(share: float) -> str:
    """A fraction of the capital, for people."""
    return f"{100 * share:.3f} %"


def _result(told: Json) -> Json:
    names = ("since", "until", "days", "trades", "daily_return", "profit_factor")
    return {name: told[name] for name in names}


def daily_text(daily: Json) -> str:
    """What a day makes, with its interval of 90 %."""
    if "value" not in daily:
        return f"nobody can say what a day makes: {daily['reason']}"
    ends = daily["interval"]
    between = f" ({percent(ends['low'])} … {percent(ends['high'])})" if "low" in ends else ""
    return f"{percent(daily['value'])} a day{between}"


def factor_text(told: Json) -> str:
    """The profit factor of a range, and of how many trades it is."""
    factor = told["profit_factor"]
    known = f"{factor['value']:.2f}" if "value" in factor else f"not known, {factor['reason']}"
    return f"profit factor {known}, {count_text(told['trades'], 'trade')}"


def days_text(told: Json) -> str:
    """From which day to which."""
    return f"{_day(told['since'])} to {_day(told['until'])}"


def _knows_until(answer: Json) -> datetime | None:
    return learnt_until(answer.get("lineage", {}))


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
