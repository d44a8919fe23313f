"""``report``: what an arm did, how it is judged, what would happen, what to do next."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.money import format_money
from tiltyard.policies.name import select
from tiltyard.shell.cli.options import (
    AsJson,
    At,
    Config,
    Database,
    now_from,
    open_ledger,
    settings_from,
)
from tiltyard.shell.measure import measure, record
from tiltyard.shell.page import write_page
from tiltyard.shell.report.content import ArmReport, describe
from tiltyard.shell.report.text import report_text
from tiltyard.shell.report.wire import report_json
from tiltyard.shell.store.ledger import Ledger

BREACH = 3
UNKNOWN = 4
SHOWN_TRADES = 30
_PAST = ("deposed", "retired")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(report)


def report(
    policy: Annotated[str | None, typer.Argument(help="Name or unique suffix. [every arm]")] = None,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page.")] = None,
    trades: Annotated[bool, typer.Option("--trades", help="Show the last trades.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 on a breach, 4 on an unknown hard guard.")
    ] = False,
    at: At = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Judge the ledger and say what would happen. A report never acts."""
    settings = settings_from(config)
    now = now_from(at)
    with open_ledger(database, settings) as ledger:
        roster = ledger.roster()
        standing = [arm.name for arm in roster.arms.values() if arm.state not in _PAST]
        chosen = [select(policy, list(roster.arms))] if policy else standing
        desk = measure(ledger, settings, now)
        reports = [describe(desk, name, now) for name in chosen]
        if as_json:
            bodies = [report_json(one) for one in reports]
            whole: Any = bodies[0] if policy else {"generated_at": time_text(now), "arms": bodies}
            typer.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        else:
            _print(ledger, reports, chosen if trades else [])
            _remark(ledger, now_from(at) if at else None)
        if html is not None:
            write_page(html, record(ledger, settings, now), reports, now)
    if check:
        raise typer.Exit(_exit_code(reports))


def _print(ledger: Ledger, reports: list[ArmReport], with_trades: list[str]) -> None:
    for index, one in enumerate(reports):
        typer.echo(("\n" if index else "") + report_text(one))
    for name in with_trades:
        typer.echo(f"\nLast trades of {name}")
        for trade in ledger.tail(name, count=SHOWN_TRADES):
            typer.echo(_trade_line(trade))


def _remark(ledger: Ledger, at: Any) -> None:  # noqa: ANN401 a time, or nothing
    late = ledger.learnt_after(at) if at is not None else 0
    if late:
        typer.echo(f"\nThe ledger learnt of {late:,} of these trades only after this time.")
    kept = len(ledger.quarantined())
    if kept:
        typer.echo(f"\n{kept} trades are in quarantine: tiltyard doctor")


def _trade_line(trade: Trade) -> str:
    return (
        f"  {trade.closed_at:%Y-%m-%d %H:%M}Z  {trade.symbol:<16}{trade.side:<6}"
        f"{format_money(trade.pnl):>14}  {trade.book}"
    )


def _exit_code(reports: list[ArmReport]) -> int:
    verdicts = [entry for one in reports for entry in one.guards]
    if any(verdict.answer == "breach" for _, verdict in verdicts):
        return BREACH
    if any(guard.hard and verdict.answer != "pass" for guard, verdict in verdicts):
        return UNKNOWN
    return 0
