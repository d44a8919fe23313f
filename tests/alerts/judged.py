"""Unit tests for promtool, made from a checklist: what fires when, guard by guard.

In comes a checklist; out comes the text of a file for ``promtool test rules``. Every guard is
shown a breach, what is just no breach, a number that is none, nothing at all, and an old number.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from programs import check
from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.shell.alerts.made import RULES, SCRAPE, make
from tiltyard.shell.alerts.of_guard import (
    asks_whether_up,
    decimal,
    seconds,
    seconds_kept,
    why_by_state,
)
from tiltyard.shell.alerts.sight import ROLES, Sight
from tiltyard.shell.exporter.series import Series, series_of
from tiltyard.shell.settings import Settings

DESK, POLICY = "tiltyard", "p1"
SIGHT = Sight(DESK)
OTHER = 2.0
"""What the other metric of a comparison is worth, in the unit of its series."""
Shown = dict[str, str]


def test_files(settings: Settings, folder: Path) -> None:
    """Let promtool judge a checklist's rules."""
    made = make(settings, "test")
    (folder / RULES).write_text(made.texts[RULES], "utf-8")
    (folder / SCRAPE).write_text(made.texts[SCRAPE], "utf-8")
    check("promtool", "check", "rules", folder / RULES)
    run(folder, list(every_case(settings.checklist)))


def run(folder: Path, cases: list[dict[str, Any]], every: str = "1m") -> None:
    """Let promtool run some cases.

    Args:
        folder: The rules are there.
        cases: Made by :func:`case`.
        every: How often rules are evaluated.
    """
    document = {"rule_files": [RULES], "evaluation_interval": every, "tests": cases}
    (folder / "cases.yml").write_text(json.dumps(document, indent=1), "utf-8")
    check("promtool", "test", "rules", folder / "cases.yml")


def case(
    shown: Mapping[str, str], *asked: tuple[int, str, int], every: str = "1m"
) -> dict[str, Any]:
    """One case.

    Args:
        shown: Series with their values.
        asked: After how many intervals which alerts fire how often: a selector of ``ALERTS``.
        every: How long an interval is.
    """
    unit = every[-1]
    return {
        "interval": every,
        "input_series": [{"series": name, "values": values} for name, values in shown.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertstate="firing",{labels}}})',
                "eval_time": f"{after}{unit}",
                "exp_samples": [{"labels": "{}", "value": count}] if count else [],
            }
            for after, labels, count in asked
        ],
    }


def every_case(checklist: Checklist) -> Iterator[dict[str, Any]]:
    """Of every guard."""
    for guard in checklist.guards:
        if guard.alert and asks_whether_up(guard):
            yield from _of_downtime(guard)
            continue
        if guard.alert and why_by_state(guard):
            yield from _by_state(guard)
        elif guard.alert:
            yield from _by_numbers(guard)
        if not asks_whether_up(guard):
            yield from _unknown(guard)


def own(guard: Guard) -> str:
    """The alert of a guard, whatever it is called."""
    return f'alertname!="GuardUnknown",guard="{guard.name}",{_whom(guard)}'


def unknown(guard: Guard) -> str:
    """Its GuardUnknown."""
    return f'alertname="GuardUnknown",unknown_guard="{guard.name}",{_whom(guard)}'


def _whom(guard: Guard) -> str:
    policy = "" if guard.scope == "account" else POLICY
    mode = "observe" if guard.mode == "observe" else ""
    return f'desk="{DESK}",policy="{policy}",scope="{guard.scope}",mode="{mode}"'


def number(guard: Guard, metric: str = "") -> str:
    """The series of a guard's metric, of one subject."""
    return _of_one(series_of(metric or guard.metric), guard)


def _of_one(series: Series, guard: Guard) -> str:
    if not series.of_arms:
        return series.selector(desk=DESK)
    role = ROLES.get(guard.scope, "challenger")
    return series.selector(desk=DESK, policy=POLICY, role=role)


def nan(times: int) -> str:
    """No number, so often; promtool repeats nothing but numbers."""
    return " ".join(["NaN"] * times)


def state(guard: Guard, *states: str) -> Shown:
    """What the desk says of a guard, minute by minute each for a while."""
    policy = "" if guard.scope == "account" else POLICY
    labels = f'desk="{DESK}",guard="{guard.name}",policy="{policy}"'
    return {f'tiltyard_guard_state{{{labels},state="{one}"}}': "1x60" for one in states}


def traffic(guard: Guard) -> Shown:
    """The arm has some."""
    role = ROLES[guard.scope]
    labels = f'desk="{DESK}",policy="{POLICY}",role="{role}"'
    return {f"tiltyard_traffic_allocation_ratio{{{labels}}}": "0.1x60"}


def alive() -> Shown:
    """The desk judges."""
    return {f'tiltyard_heartbeat_timestamp_seconds{{desk="{DESK}"}}': "0+60x60"}


def _limit(metric: str, comparison: Comparison) -> float:
    series = series_of(metric)
    if not comparison.metric:
        return series.number(comparison.number)
    return series.number(comparison.number) / series_of(comparison.metric).factor * OTHER


def _numbers(metric: str, comparison: Comparison) -> tuple[float, float]:
    """One that is a breach, and one that is not."""
    limit = _limit(metric, comparison)
    step = max(abs(limit) / 10, 1e-6)
    below, above = limit - step, limit + step
    edge = limit if not comparison.metric else None
    match comparison.sign:
        case "<":
            return below, above if edge is None else edge
        case "<=":
            return below if edge is None else edge, above
        case ">":
            return above, below if edge is None else edge
        case ">=":
            return above if edge is None else edge, below
    return limit, above


def _others(guard: Guard) -> Shown:
    """What else has to be so, is."""
    shown = {}
    if guard.when.metric:
        shown[number(guard, guard.when.metric)] = f"{OTHER}x60"
    if guard.only_if is not None:
        metric, comparison = guard.only_if
        shown[number(guard, metric)] = f"{decimal(_numbers(metric, comparison)[0])}x60"
        if comparison.metric:
            shown[number(guard, comparison.metric)] = f"{OTHER}x60"
    return shown


def _by_numbers(guard: Guard) -> Iterator[dict[str, Any]]:
    bad, good = _numbers(guard.metric, guard.when)
    series, alert = number(guard), own(guard)
    others = _others(guard)
    others.pop(series, None)
    waits = -(-seconds(guard) // 60)
    long = waits + 60
    others = {name: values.replace("x60", f"x{long}") for name, values in others.items()}
    fired = [(waits - 1, alert, 0)] if waits else []
    yield case({series: f"{decimal(bad)}x{long}", **others}, *fired, (waits + 2, alert, 1))
    yield case({series: f"{decimal(good)}x{long}", **others}, (waits + 2, alert, 0))
    yield case({series: nan(long), **others}, (waits + 2, alert, 0))
    yield case(others, (waits + 2, alert, 0))
    ended = f"{decimal(bad)}x{waits + 2} {decimal(_safe(guard))}x{long}"
    kept = seconds_kept(guard) // 60
    goes_on = (waits + 4, alert, 1 if kept else 0)
    over = (waits + 4 + kept, alert, 0)
    yield case({series: ended, **others}, (waits + 2, alert, 1), goes_on, over)
    yield from _through_a_gap(guard, f"{decimal(bad)}x{waits + 2} _ {decimal(bad)}x{long}", others)
    lost = dict.fromkeys(state(guard, "unknown"), f"1x{long}")
    yield case({series: f"{decimal(bad)}x{long}", **others, **lost}, (waits + 2, alert, 0))
    if guard.only_if is not None and guard.only_if[0] not in (guard.metric, guard.when.metric):
        metric, comparison = guard.only_if
        not_so = {number(guard, metric): f"{decimal(_numbers(metric, comparison)[1])}x{long}"}
        yield case({series: f"{decimal(bad)}x{long}", **others, **not_so}, (waits + 2, alert, 0))
    if not others and guard.when.sign != "==":  # of what is met exactly, the largest is not nearest
        beside = series.replace("{", '{instance="b",', 1)
        both = {series: f"{decimal(bad)}x{long}", beside: f"{decimal(good)}x{long}"}
        yield case(both, (waits + 2, alert, 1))


def _through_a_gap(guard: Guard, values: str, others: Shown) -> Iterator[dict[str, Any]]:
    """A scrape that fails: a critical alert is the same afterwards, any other begins anew."""
    waits = -(-seconds(guard) // 60)
    gap = values.replace("_", "stale")
    kept = 1 if seconds_kept(guard) else 0
    asked = case({number(guard): gap, **others}, (waits + 3, own(guard), kept))
    began = f"ALERTS_FOR_STATE{{{own(guard)}}}"
    same = f"count({began} == {began} offset 3m)"
    samples = [{"labels": "{}", "value": 1}] if kept else []
    asked["promql_expr_test"].append(
        {"expr": same, "eval_time": f"{waits + 5}m", "exp_samples": samples}
    )
    yield asked


def _safe(guard: Guard) -> float:
    """Far on the safe side, beyond any level that ends it."""
    limit = _limit(guard.metric, guard.when)
    far = 1000 * max(abs(limit), 1.0)
    return limit + far if guard.when.sign in ("<", "<=") else limit - far


def _by_state(guard: Guard) -> Iterator[dict[str, Any]]:
    alert = own(guard)
    waits = -(-seconds(guard) // 60)
    long = dict.fromkeys(state(guard, "tripped"), f"1x{waits + 60}")
    yield case(long, (waits + 2, alert, 1))
    yield case(state(guard, "pass", "breach", "warming", "unknown", "error"), (2, alert, 0))
    over = dict.fromkeys(state(guard, "tripped"), f"1x{waits + 2} stale")
    kept = seconds_kept(guard) // 60
    yield case(over, (waits + 2, alert, 1), (waits + 4 + kept, alert, 0))


def _of_downtime(guard: Guard) -> Iterator[dict[str, Any]]:
    alert, up = own(guard), f'up{{job="tiltyard",desk="{DESK}"}}'
    waits = -(-seconds(guard) // 60)
    long = waits + 60
    yield case({up: f"1x{long}"}, (waits + 2, alert, 0))
    yield case({up: f"0x{long}"}, (waits + 2, alert, 1))
    yield case({}, (waits + 2, alert, 1))
    yield case({up: f"0x{waits + 2} 1x{long}"}, (waits + 2, alert, 1), (waits + 4, alert, 0))
    beside = f'up{{job="tiltyard",desk="{DESK}",instance="b"}}'
    yield case({up: f"0x{long}", beside: f"1x{long}"}, (waits + 2, alert, 0))


def _unknown(guard: Guard) -> Iterator[dict[str, Any]]:
    lost = unknown(guard)
    for one in ("unknown", "error"):
        yield case(state(guard, one), (0, lost, 0), (2, lost, 1))
    yield case(state(guard, "pass", "breach", "tripped", "warming"), (2, lost, 0))
    if guard.scope == "account":
        odd = {number(guard): nan(60)}
        yield case({**odd, **state(guard, "pass")}, (2, lost, 1))
        yield case(alive(), (2, lost, 1))
        yield case({**alive(), **state(guard, "warming")}, (2, lost, 0))
    elif series_of(guard.metric).of_arms:
        yield case({number(guard): nan(60), **state(guard, "pass")}, (2, lost, 1))
        yield case(traffic(guard), (2, lost, 1))
        yield case({**traffic(guard), **state(guard, "pass")}, (2, lost, 1))
        yield case({**traffic(guard), **state(guard, "warming")}, (2, lost, 0))
        yield case({**traffic(guard), number(guard): "1x60"}, (2, lost, 0))
