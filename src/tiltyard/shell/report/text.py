"""The report as people read it in a terminal, and one line per action."""

from collections.abc import Sequence
from datetime import datetime

from tiltyard.actions.on_hold import on_hold
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import format_money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.catalogue import GAUGES
from tiltyard.metrics.unit import NAMES
from tiltyard.shell.report.content import ArmReport, MetricLine
from tiltyard.shell.report.evidence import against_section, value_section
from tiltyard.shell.report.gap import gap_section
from tiltyard.shell.report.signed import plain

_SUFFIX = {"R": " R", "nats": " nats"}
_WORDS = {"pass": "pass", "breach": "BREACH", "unknown": "unknown", "error": "ERROR"}


def share(value: float | None) -> str:
    """A share as people say it: ``10.0 %``."""
    return "–" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """At most four significant digits, never an exponent in the usual range."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"  # noqa: PLR2004 readability


def report_text(report: ArmReport, *, done: bool = False) -> str:
    """The report of one arm.

    Args:
        report: What to say.
        done: The actions were done, by a replay, and would not merely be.
    """
    arm = report.arm
    standing = arm.role if arm.role == arm.state else f"{arm.role}, {arm.state}"
    lines = [
        f"{arm.name}",
        (
            f"  {standing} · traffic {share(arm.share)} · {report.total_trades:,} trades"
            f" · as of {_minute(report.generated_at)}"
        ),
        *([] if report.known_bars is None else [f"  Not a test: {report.known_bars.why}"]),
        "",
        f"  {'metric':<22}{'value':>12}  {'expected':<11}{'flag':<18}verdict",
        *(_metric(line) for line in report.metrics),
        "",
        *_live_less_paper(report),
        *_chances(report),
        *_evidence(report),
        *_section("What was done" if done else "What would happen", report.actions),
        f"  Open reviews: {_reviews(report)}",
        f"  Next step: {report.next_step}",
        f"  Next gate: {report.next_gate}",
    ]
    return "\n".join(lines)


def standing_lines(roster: Roster) -> list[str]:
    """How each arm stands, a line each."""
    width = max(map(len, roster.arms), default=0)
    return [
        f"  {arm.name:<{width}}  {arm.role:<11}{share(arm.share):>7}  {arm.state}"
        + (f" by {arm.throttled_by}" if arm.throttled_by else "")
        for arm in roster.arms.values()
    ]


def hold_lines(roster: Roster) -> list[str]:
    """What is on hold for everybody, because of whom, and what ends it; no line for nothing."""
    return [f"on hold: {hold}" for hold in on_hold(roster)]


def action_line(action: Action) -> str:
    """One action of a timeline: when, what, to whom, the number against its limit."""
    moved = ""
    if action.before is not None and action.after is not None:
        moved = f"{share(action.before)} → {share(action.after)}"
    against = ""
    if action.value is not None and action.limit is not None:
        against = f"{number(action.value)} against {number(action.limit)}"
    observed = " (observed only)" if action.mode == "observe" else ""
    return (
        f"{_minute(action.at)}  {action.kind:<18}{_short(action.policy):<30}{moved:<18}"
        f"{action.cause}: {action.reason}"
        + (f", {against}" if against else "")
        + _made_from(action)
        + observed
    )


def _made_from(action: Action) -> str:
    """From how many trades the number was made; a gauge is made from none."""
    metric = action.reason.partition(" ")[0]
    if not action.samples or metric in GAUGES:
        return ""
    return f" ({action.samples} trade{'' if action.samples == 1 else 's'})"


def trade_line(trade: Trade) -> str:
    """One trade: when it closed, what it made, and in R where it says what it risked."""
    risked = f"{trade.pnl / trade.risk:>+9.2f} R" if trade.risk else ""
    return (
        f"  {_minute(trade.closed_at)}  {trade.symbol:<16}{trade.side:<6}"
        f"{format_money(trade.pnl):>14}{risked}"
    )


def _live_less_paper(report: ArmReport) -> list[str]:
    if not report.gap:
        return []
    lines = (f"    {line}" for line in gap_section(report.gap))
    unit = NAMES[report.gap[0].unit]
    return [f"  Live less paper, in {unit}, by volatility and symbol:", *lines, ""]


def _chances(report: ArmReport) -> list[str]:
    if not report.prospects:
        return []
    from tiltyard.shell.report.chances import chance_lines  # noqa: PLC0415 slow

    lines = [f"  {line}" for line in chance_lines(report.prospects)]
    return [*lines, ""] if lines else []


def _evidence(report: ArmReport) -> list[str]:
    against, value = report.evidence.against, report.evidence.value
    lines = []
    if against:
        unit = NAMES[against[0].unit]
        lines += [f"  Against the champion, in {unit} a trade, while both traded:"]
        lines += [*(f"    {line}" for line in against_section(against)), ""]
    if value is not None:
        unit = NAMES[report.evidence.value_unit]
        lines += [f"  Value by propensity, in {unit} an opportunity, had it been given each:"]
        lines += [*(f"    {line}" for line in value_section(value)), ""]
    return lines


def _metric(line: MetricLine) -> str:
    if isinstance(line.reading, Undefined):
        value, remark = "–", f"{line.reading.state}: {line.reading.reason}"
    else:
        value, remark = _with_unit(line.reading.number, line.unit), ""
    band = line.guard.band() if line.guard else ""
    flag = str(line.guard.when) if line.guard else ""
    verdict = _WORDS[line.verdict.answer] if line.verdict else ""
    if line.interval is not None:
        remark = "95 %: {} to {}".format(*map(number, line.interval))
    if line.verdict and line.verdict.reason and not isinstance(line.reading, Undefined):
        remark = "; ".join(filter(None, (remark, line.verdict.reason)))
    tail = f"{verdict:<9}{remark}".rstrip()
    return f"  {line.name:<22}{value:>12}  {band:<11}{flag:<18}{tail}".rstrip()


def _with_unit(value: float, unit: str) -> str:
    if unit == "percent":
        return f"{plain(value, 1)} %"
    return number(value) + _SUFFIX.get(unit, "")


def _section(title: str, actions: Sequence[Action]) -> list[str]:
    if not actions:
        return [f"  {title}: nothing"]
    return [f"  {title}:", *(f"    {action_line(action)}" for action in actions)]


def _reviews(report: ArmReport) -> str:
    if not report.reviews:
        return "none"
    latest = report.reviews[-1]
    earlier = f" (and {len(report.reviews) - 1} earlier)" if len(report.reviews) > 1 else ""
    return f"#{latest.number} {latest.guard} since {_minute(latest.opened_at)}{earlier}"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}Z"


def _short(policy: str) -> str:
    return policy if len(policy) <= 28 else f"{policy[:12]}…{policy[-15:]}"  # noqa: PLR2004 a column
