"""What a training's answer says of what it has made, in a few lines for people.

The page beside the snapshot says it at length. Nothing that learns is loaded here.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

RANGES = {"walk_forward": "walk-forward", "hold_out": "held out"}


def worth_lines(metrics: Json) -> Iterator[str]:
    """What a policy made of each range that it did not know."""
    for part, title in RANGES.items():
        if (told := metrics.get(part)) is not None:
            days = f"{_day(told['since'])} to {_day(told['until'])}"
            yield f"{title}, {days}: {daily_text(told)}, profit factor {_factor(told)}"


def worth_json(metrics: Json) -> Json:
    """The same as JSON values."""
    return {
        part: {
            name: told[name]
            for name in ("since", "until", "days", "trades", "daily_return", "profit_factor")
        }
        for part in RANGES
        if (told := metrics.get(part)) is not None
    }


def gate_text(gate: Json) -> str:
    """What the gate says, in a line."""
    if gate["state"] == "passed":
        earned = _percent(gate["lower_quartile"])
        return f"passed: the lower quartile of {gate['seeds']} seeds is {earned} a day"
    return f"{gate['state']}: {'; '.join(gate['reasons'])}"


def daily_text(told: Json) -> str:
    """What a day makes, of the capital, with its interval of 90 %."""
    daily = told["daily_return"]
    if "value" not in daily:
        return f"nobody can say what a day makes: {daily['reason']}"
    ends = daily["interval"]
    if "low" not in ends:
        return f"{_percent(daily['value'])} a day"
    return f"{_percent(daily['value'])} a day ({_percent(ends['low'])} … {_percent(ends['high'])})"


def _factor(told: Json) -> str:
    factor = told["profit_factor"]
    if "value" not in factor:
        return f"not known ({factor['reason']})"
    return f"{factor['value']:.2f} of {told['trades']:,} trades"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _percent(share: float) -> str:
    return f"{100 * share:.3f} %"
