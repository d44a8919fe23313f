"""The report and the timeline as JSON for programs. The field names are a contract."""

from typing import Any

from tiltyard.actions.on_hold import Hold
from tiltyard.facts.action import Action
from tiltyard.facts.trade import Trade
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.money import money_text
from tiltyard.kernel.undefined import Undefined
from tiltyard.shell.report.content import ArmReport, MetricLine
from tiltyard.shell.report.evidence import comparison_json, value_json
from tiltyard.shell.report.gap import gap_json
from tiltyard.shell.report.known_bars import known_json

Json = dict[str, Any]


def report_json(report: ArmReport) -> Json:
    """One arm's report."""
    arm = report.arm
    return {
        "policy": arm.name,
        "role": arm.role,
        "state": arm.state,
        "traffic_allocation": arm.share,
        "total_trades": report.total_trades,
        "generated_at": time_text(report.generated_at),
        "known_bars": known_json(report.known_bars),
        "metrics": {line.name: _metric(line) for line in report.metrics},
        "shadow_gap": [gap_json(line) for line in report.gap],
        "prospects": _prospects(report),
        "against_champion": [comparison_json(line) for line in report.evidence.against],
        "value_by_propensity": None
        if report.evidence.value is None
        else value_json(report.evidence.value, report.evidence.value_unit),
        "guards": [
            {
                "guard": guard.name,
                "metric": guard.metric,
                "when": str(guard.when),
                "effect": guard.effect,
                "mode": guard.mode,
                "severity": guard.severity,
                "alert": guard.alert,
                **_verdict(verdict),
            }
            for guard, verdict in report.guards
        ],
        "actions": [action_json(action) for action in report.actions],
        "open_reviews": [
            {"number": r.number, "guard": r.guard, "opened_at": time_text(r.opened_at)}
            for r in report.reviews
        ],
        "next_step": report.next_step,
        "next_gate": report.next_gate,
    }


def action_json(action: Action) -> Json:
    """One action: when, on whom, by which guard or rule, the value, and shares around it."""
    return {
        "time": time_text(action.at),
        "policy": action.policy,
        "guard": action.cause,
        "action": action.kind,
        "mode": action.mode,
        "value": action.value,
        "limit": action.limit,
        "samples": action.samples,
        "before": action.before,
        "after": action.after,
        "reason": action.reason,
    }


def hold_json(hold: Hold) -> Json:
    """One thing that is on hold."""
    return {"what": hold.what, "by": hold.cause, "name": hold.name}


def trade_json(trade: Trade) -> Json:
    """One closed trade."""
    return {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "side": trade.side,
        "opened_at": time_text(trade.opened_at),
        "closed_at": time_text(trade.closed_at),
        "pnl": money_text(trade.pnl),
        "r_multiple": trade.pnl / trade.risk if trade.risk else None,
        "book": trade.book,
    }


def _prospects(report: ArmReport) -> list[Json]:
    if not report.prospects:
        return []
    from tiltyard.shell.report.chances import prospect_json  # noqa: PLC0415 slow

    return [prospect_json(prospect) for prospect in report.prospects]


def _metric(line: MetricLine) -> Json:
    undefined = isinstance(line.reading, Undefined)
    return {
        "value": None if isinstance(line.reading, Undefined) else line.reading.number,
        "unit": line.unit,
        "interval": None if line.interval is None else list(line.interval),
        "samples": line.reading.samples,
        "state": line.reading.state if isinstance(line.reading, Undefined) else "defined",
        "reason": line.reading.reason if isinstance(line.reading, Undefined) else None,
        "expected": (line.guard.band() or None) if line.guard else None,
        "flag": str(line.guard.when) if line.guard else None,
        "verdict": line.verdict.answer if line.verdict else ("unknown" if undefined else None),
    }


def _verdict(verdict: Verdict) -> Json:
    undefined = isinstance(verdict.reading, Undefined)
    return {
        "scope": verdict.scope,
        "subject": verdict.subject,
        "verdict": verdict.answer,
        "value": None if isinstance(verdict.reading, Undefined) else verdict.reading.number,
        "state": verdict.reading.state if isinstance(verdict.reading, Undefined) else "defined",
        "limit": verdict.limit,
        "samples": verdict.reading.samples,
        "confirmed": verdict.confirmed,
        "reason": verdict.reason or (str(verdict.reading) if undefined else ""),
        "up_to_seq": verdict.up_to_seq,
    }
