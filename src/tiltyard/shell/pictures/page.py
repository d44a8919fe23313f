"""The page: what a replay or a report found, as one HTML file for the eye.

Comes in: the curves, the reports, the time. Goes out: a file (:mod:`tiltyard.shell.pictures.file`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from tiltyard.checklist.guard import Guard
from tiltyard.facts.action import Action
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.unit import NAMES
from tiltyard.shell.pictures.evidence import evidence_sections
from tiltyard.shell.pictures.figure import colours, figure
from tiltyard.shell.pictures.file import drawn, page_of, table, warned, write_whole
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.report.content import REPORTED, ArmReport, MetricLine
from tiltyard.shell.report.gap import gap_text
from tiltyard.shell.report.text import number, share

PF_30 = "pf_challenger_30"
DRAWDOWN = "dd_challenger_pct"
MOST_ROWS = 500
_WORDS = {"breach": "BREACH", "unknown": "unknown", "error": "ERROR"}


def write_page(
    path: Path, recording: Recording, reports: Sequence[ArmReport], now: datetime
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: Of the file; one that is there is replaced.
        recording: The curves, the traffic and the actions.
        reports: One per arm of the table, in order.
        now: As of when, UTC.

    Raises:
        TiltyardError: ``PAGE_UNWRITABLE``.
    """
    write_whole(path, page(recording, reports, now))


def page(recording: Recording, reports: Sequence[ArmReport], now: datetime) -> str:
    """The page as text."""
    colour = colours(_names(recording, reports))
    trades = any(path.times for path in recording.paths.values())
    body = [
        "<h1>Tiltyard: who trades, and why</h1>",
        f"<p class='quiet'>As of {now:%Y-%m-%d %H:%M} UTC</p>",
        _armstable(reports, colour),
        *warned(str(one.known_bars) for one in reports if one.known_bars is not None),
        _account(reports),
        _figure(recording, reports, colour) if trades else "<p>There are no trades.</p>",
        *_gaps(reports),
        *evidence_sections(reports),
        *_planned(recording, reports),
        _actions_table("Actions", recording.actions),
    ]
    return page_of(body)


def _names(recording: Recording, reports: Sequence[ArmReport]) -> list[str]:
    """Every arm once: the champion, then those that traded, then the others."""
    ordered = sorted(
        (report.arm for report in reports),
        key=lambda arm: (arm.role != "champion", arm.name not in recording.paths),
    )
    shared = (name for _, shares in recording.traffic for name in shares)
    return list(dict.fromkeys([*(arm.name for arm in ordered), *recording.paths, *shared]))


def _figure(recording: Recording, reports: Sequence[ArmReport], colour: dict[str, str]) -> str:
    shown = figure(recording, colour, _guard(reports, DRAWDOWN), _guard(reports, PF_30))
    return drawn(shown)


def _guard(reports: Sequence[ArmReport], metric: str) -> Guard | None:
    """What watches a metric; the challengers' guard before the champion's."""
    found = [
        line.guard
        for report in reports
        for line in report.metrics
        if line.name == metric and line.guard is not None
    ]
    return min(found, key=lambda guard: guard.scope != "arm", default=None)


def _armstable(reports: Sequence[ArmReport], colour: dict[str, str]) -> str:
    if not reports:
        return "<p>There are no arms.</p>"
    heads = ("policy", "role", "state", "traffic", "trades", "PF-30", "drawdown", "verdicts")
    place = list(colour)
    ordered = sorted(reports, key=lambda report: place.index(report.arm.name))
    return table(heads, (_arm_row(report, colour[report.arm.name]) for report in ordered))


def _arm_row(report: ArmReport, own: str) -> Iterable[str]:
    arm = report.arm
    by = f" <span class='quiet'>by {escape(arm.throttled_by)}</span>" if arm.throttled_by else ""
    lines = {line.name: line for line in report.metrics}
    left_out = {*REPORTED} - lines.keys()  # what it can have no model for
    verdicts = [
        (guard, verdict)
        for guard, verdict in report.guards
        if guard.scope != "account" and guard.metric not in left_out
    ]
    return (
        f"<td class='arm'><i style='background:{own}'></i>{escape(arm.name)}</td>",
        f"<td>{arm.role}</td>",
        f"<td>{arm.state}{by}</td>",
        f"<td class='n'>{share(arm.share)}</td>",
        f"<td class='n'>{report.total_trades:,}</td>",
        f"<td class='n'>{_metric(lines.get(PF_30))}</td>",
        f"<td class='n'>{_metric(lines.get(DRAWDOWN), ' %')}</td>",
        f"<td>{_verdicts(verdicts)}</td>",
    )


def _metric(line: MetricLine | None, unit: str = "") -> str:
    if line is None:
        return "–"
    if isinstance(line.reading, Undefined):
        why = f"{line.reading.state}: {line.reading.reason}"
        return f"<span class='quiet' title='{escape(why)}'>– {line.reading.state}</span>"
    breach = line.verdict is not None and line.verdict.answer == "breach"
    text = f"{number(line.reading.number)}{unit}"
    return f"<b class='breach'>{text}</b>" if breach else text


def _account(reports: Sequence[ArmReport]) -> str:
    """The account's verdicts, which every report repeats, once."""
    found = {
        guard.name: (guard, verdict)
        for report in reports
        for guard, verdict in report.guards
        if guard.scope == "account"
    }
    return f"<p><b>Account</b> {_verdicts(list(found.values()))}</p>" if found else ""


def _verdicts(verdicts: Sequence[tuple[Guard, Verdict]]) -> str:
    """Breaches by name, the unknown by name, and how many pass."""
    named = [
        f"<span class='{verdict.answer}' title='{escape(_reason(guard, verdict))}'>"
        f"{_WORDS[verdict.answer]} {escape(verdict.guard)}</span>"
        for answer in _WORDS
        for guard, verdict in verdicts
        if verdict.answer == answer
    ]
    passed = len(verdicts) - len(named)
    return " · ".join([*named, *([f"{passed} pass"] if passed else [])]) or "–"


def _reason(guard: Guard, verdict: Verdict) -> str:
    """The number against its limit, and what else there is to it."""
    if isinstance(verdict.reading, Undefined):
        return verdict.reason or str(verdict.reading)
    value, limit = number(verdict.reading.number), number(verdict.limit)
    more = verdict.reason.removeprefix(f"{guard.metric} {guard.when}, ")
    return f"{guard.metric} {value} against {limit}" + (f", {more}" if more else "")


def _gaps(reports: Sequence[ArmReport]) -> list[str]:
    """Live less paper of every arm that has pairs, by volatility."""
    rows = [
        (f"<td>{escape(report.arm.name)}</td>", f"<td>{line.volatility or 'all'}</td>",
         f"<td class='n'>{escape(gap_text(line.reading))}</td>", f"<td>{NAMES[line.unit]}</td>")
        for report in reports
        for line in report.gap
        if not line.symbol
    ]  # fmt: skip
    heads = ("policy", "volatility", "live less paper", "in")
    return [f"<h2>Live less paper</h2>{table(heads, rows)}"] if rows else []


def _planned(recording: Recording, reports: Sequence[ArmReport]) -> list[str]:
    """What the reports would do now, an action on the account once; a replay did it already."""
    done = set(recording.actions)
    planned = dict.fromkeys(action for report in reports for action in report.actions)
    left = [action for action in planned if action not in done]
    return [_actions_table("What would happen now", left)] if left else []


def _actions_table(title: str, actions: Sequence[Action]) -> str:
    shown = [action for action in actions if action.kind != "skip_scale"]
    if not shown:
        return f"<h2>{title}</h2><p>Nothing was done.</p>"
    left_out = max(0, len(shown) - MOST_ROWS)
    remark = f"<p>{left_out:,} earlier ones are left out.</p>" if left_out else ""
    heads = ("time, UTC", "action", "policy", "guard or rule", "value", "limit", "traffic", "why")
    rows = (_action_row(action) for action in shown[left_out:])
    return f"<h2>{title}</h2>{remark}{table(heads, rows)}"


def _action_row(action: Action) -> Iterable[str]:
    moved = ""
    if action.before is not None and action.after is not None:
        moved = f"{share(action.before)} → {share(action.after)}"
    stops = " class='breach'" if action.kind in ("halt", "throttle", "stop_entries") else ""
    observed = " (observed only)" if action.mode == "observe" else ""
    return (
        f"<td class='n'>{action.at:%Y-%m-%d %H:%M}</td>",
        f"<td{stops}>{action.kind}{observed}</td>",
        f"<td>{escape(action.policy) or 'account'}</td>",
        f"<td>{escape(action.cause)}</td>",
        f"<td class='n'>{number(action.value)}</td>",
        f"<td class='n'>{number(action.limit)}</td>",
        f"<td class='n'>{moved}</td>",
        f"<td>{escape(action.reason)}</td>",
    )
