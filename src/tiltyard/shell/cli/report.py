"""``report``: what an arm did, how it is judged, what would happen, what to do next."""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

import typer

from tiltyard.actions.on_hold import on_hold
from tiltyard.facts.allotment import sized
from tiltyard.facts.arm import GONE, Roster
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import select
from tiltyard.shell.cli.options import (
    AsJson,
    At,
    Config,
    Database,
    asked_time,
    open_ledger,
    settings_from,
)
from tiltyard.shell.cli.progress import counting
from tiltyard.shell.desk import Desk
from tiltyard.shell.exit_codes import BREACH, UNKNOWN
from tiltyard.shell.history import only, recorded, roster_at
from tiltyard.shell.pictures.file import refuse_unwritable
from tiltyard.shell.pictures.page import write_page
from tiltyard.shell.pictures.receipts_page import write_receipts_page
from tiltyard.shell.prospects import LIVES, OwnTrades, prospects
from tiltyard.shell.receipts import receipts_of
from tiltyard.shell.replaying.closed_record import record_end
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.report.before_record import before_record
from tiltyard.shell.report.content import ArmReport, describe
from tiltyard.shell.report.evidence import EvidenceBook, traffic_of
from tiltyard.shell.report.known_bars import KnownBook, known_book, known_row
from tiltyard.shell.report.receipts import receipts_json, receipts_text
from tiltyard.shell.report.text import hold_lines, report_text, trade_line
from tiltyard.shell.report.wire import hold_json, report_json, trade_json
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

SHOWN_TRADES = 30
LEAST_TRADES, LOOKED_BACK = 30, 2_000
"""With fewer trades nothing is foretold, and more are not drawn from."""
SEED = 1


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(report)


def report(
    policy: Annotated[str | None, typer.Argument(help="Name or unique suffix. [every arm]")] = None,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page.")] = None,
    trades: Annotated[bool, typer.Option("--trades", help="Show the last trades.")] = False,
    actions: Annotated[
        bool, typer.Option("--actions", help="Say what each action was worth.")
    ] = False,
    rules: Annotated[
        bool, typer.Option("--rules", help="Say what other rules would have made.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 on a breach, 4 on an unknown hard guard.")
    ] = False,
    at: At = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Judge the ledger and say what would happen. A report never acts."""
    settings = settings_from(config)
    if rules:
        _refuse_beside("--rules", "rules", {"--actions": actions, "--html": html,
                       "--trades": trades, "--check": check, "POLICY": policy})  # fmt: skip
        _report_rules(database, settings, at, as_json=as_json)
        return
    if actions:
        _refuse_beside("--actions", "actions", {"--trades": trades, "--check": check})
    if html is not None:
        refuse_unwritable(html)
    if actions:
        _report_actions(database, settings, policy, at, as_json=as_json, html=html)
        return
    with open_ledger(database, settings) as opened, opened.snapshot() as ledger:
        now = asked_time(at, ledger)
        roster = roster_at(ledger, now) if at else ledger.roster()
        standing = [arm.name for arm in roster.arms.values() if arm.state not in GONE]
        chosen = [select(policy, list(roster.arms))] if policy else standing
        measured = _measured(ledger, settings, now, roster, chosen)
        reports = measured.reports
        last = {name: _last_trades(ledger, name, now) for name in chosen} if trades else {}
        if as_json:
            bodies = [report_json(one) for one in reports]
            for body in bodies if trades else ():
                body["trades"] = [trade_json(trade) for trade in last[body["policy"]]]
            held = [hold_json(hold) for hold in on_hold(roster)]
            every = {"generated_at": time_text(now), "on_hold": held, "arms": bodies}
            whole: Any = bodies[0] if policy else every
            typer.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        else:
            _print(reports, last)
            for line in hold_lines(roster):
                typer.echo(f"\n{line}")
            _remark(ledger, now if at else None)
        if html is not None:
            _write(html, recorded(ledger, settings, now), measured, now, alone=bool(policy))
    if check:
        raise typer.Exit(_exit_code(reports))


class _Measured(NamedTuple):
    """What one reading of the ledger has given.

    Attributes:
        desk: It has been fed every trade.
        reports: Of the arms that were asked for.
        known: Who knew which bars.
    """

    desk: Desk
    reports: list[ArmReport]
    known: KnownBook


def _measured(
    ledger: Ledger, settings: Settings, now: datetime, roster: Roster, names: Sequence[str]
) -> _Measured:
    """The report of each arm: all of it from one reading of the ledger."""
    own, capital = OwnTrades(settings, roster, most=LOOKED_BACK), settings.default_capital()
    champions = [arm.name for arm in roster.arms.values() if arm.role == "champion"]
    book = EvidenceBook(traffic_of(ledger, now), names, "".join(champions[:1]))

    known = known_book(ledger, roster, settings)

    def see(fact: Trade | Decision) -> None:
        own.see(fact)
        if isinstance(fact, Trade):
            known.see(fact)
        book.see(sized(fact, roster, capital) if isinstance(fact, Trade) else fact)

    desk = measure(ledger, settings, now, roster, see)
    described = [describe(desk, name, now, known=known) for name in names]
    told = [replace(one, evidence=book.of(one.arm.name, now)) for one in described]
    return _Measured(desk, [_foreseen(desk, one, own, now) for one in told], known)


def _foreseen(desk: Desk, told: ArmReport, own: OwnTrades, now: datetime) -> ArmReport:
    """The same, with what its own trades say of what may come."""
    outcomes = own.of(told.arm.name)
    if len(outcomes) < LEAST_TRADES:
        return told
    found = prospects(desk, told.arm, outcomes, now, seed=SEED, replicates=LIVES)
    return replace(told, prospects=found)


def _refuse_beside(option: str, what: str, others: Mapping[str, object]) -> None:
    for name, given in others.items():
        if given:
            why = f"{option} reports the {what} alone"
            if name == "--html":
                why = f"there is no page of the {what}, {option} prints them as text or with --json"
            raise TiltyardError("OPTION_IDLE", name, why, "leave it out")


def _report_rules(
    database: str | None, settings: Settings, at: str | None, *, as_json: bool
) -> None:
    """What each other rule would have made, and which is proposed."""
    from tiltyard.shell.other_rules import other_rules_of  # noqa: PLC0415 slow
    from tiltyard.shell.report.rules import rules_json, rules_text  # noqa: PLC0415 slow

    with (
        open_ledger(database, settings) as opened,
        opened.snapshot() as ledger,
        counting("rules", "plays") as progress,
    ):
        now = asked_time(at, ledger)
        found = other_rules_of(ledger, settings, now, progress=progress)
        roster = roster_at(ledger, now) if at else ledger.roster()
        known = known_book(ledger, roster, settings).shown(ledger, now).every()
        head, last = [*_as_of(at, ledger), *map(str, known)], before_record(ledger)
    if as_json:
        knew = [known_row(one) for one in known]
        whole = {"generated_at": time_text(now), "known_bars": knew, **rules_json(found)}
        typer.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    for line in (*head, *rules_text(found), *last):
        typer.echo(line)


def _report_actions(
    database: str | None,
    settings: Settings,
    policy: str | None,
    at: str | None,
    *,
    as_json: bool,
    html: Path | None,
) -> None:
    """What was done, what each of it was worth, and the monthly statement."""
    with open_ledger(database, settings) as opened, opened.snapshot() as ledger:
        now = asked_time(at, ledger)
        roster = roster_at(ledger, now) if at else ledger.roster()
        chosen = select(policy, list(roster.arms)) if policy else ""
        found = receipts_of(ledger, now, chosen, settings.default_capital(), roster)
        known = known_book(ledger, roster, settings).shown(ledger, now).every()
        head, last = [*_as_of(at, ledger), *map(str, known)], before_record(ledger)
    if html is not None:
        write_receipts_page(html, found, now, map(str, known))
    if as_json:
        knew = [known_row(one) for one in known]
        whole = {"generated_at": time_text(now), "known_bars": knew, **receipts_json(found)}
        typer.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    for line in (*head, *receipts_text(found), *last):
        typer.echo(line)


def _as_of(at: str | None, ledger: Ledger) -> list[str]:
    """The time of which a report is, where that is not the present; a line or none."""
    ended = record_end(ledger)
    if at is None and ended is None:
        return []
    said = "" if at else ", the end of the record"
    return [f"As of {asked_time(at, ledger):%Y-%m-%d %H:%M}Z{said}."]


def _last_trades(ledger: Ledger, policy: str, now: datetime) -> list[Trade]:
    """The last trades of each book that had closed by ``now``, in judged order."""
    books = {book: deque[Trade](maxlen=SHOWN_TRADES) for book in get_args(Book)}
    for trade in ledger.trades(policy, closed_by=now):
        books[trade.book].append(trade)
    return [trade for book in books.values() for trade in book]


def _write(html: Path, past: Recording, measured: _Measured, now: datetime, *, alone: bool) -> None:
    """The page of all arms, or of one beside the champion."""
    reports, champion = measured.reports, measured.desk.roster.champion().name
    if alone:
        if champion != reports[0].arm.name:
            beside = describe(measured.desk, champion, now, known=measured.known)
            reports = [beside, *reports]
        past = only(past, [one.arm.name for one in reports])
    write_page(html, past, reports, now)


def _print(reports: list[ArmReport], last: Mapping[str, list[Trade]]) -> None:
    if not reports:
        typer.echo("There are no arms. Take in trades: tiltyard ingest FILE --register --capital X")
    for index, one in enumerate(reports):
        typer.echo(("\n" if index else "") + report_text(one))
    for name, trades in last.items():
        for book in get_args(Book):
            mine = [trade for trade in trades if trade.book == book]
            if mine or book == "live":
                typer.echo(f"\nLast {book} trades of {name}" + ("" if mine else ": none"))
            for trade in mine:
                typer.echo(trade_line(trade))


def _remark(ledger: Ledger, at: datetime | None) -> None:
    late = ledger.learnt_after(at) if at is not None else 0
    if late:
        typer.echo(f"\nThe ledger learnt of {late:,} of these trades only after this time.")
    for what, kept in (
        ("trades", len(ledger.quarantined())),
        ("marks and observations", len(ledger.quarantined_facts())),
    ):
        if kept:
            typer.echo(f"\n{kept} {what} are in quarantine: tiltyard doctor")


def _exit_code(reports: list[ArmReport]) -> int:
    verdicts = [entry for one in reports for entry in one.guards]
    if any(verdict.answer == "breach" for _, verdict in verdicts):
        return BREACH
    if any(guard.hard and verdict.answer != "pass" for guard, verdict in verdicts):
        return UNKNOWN
    return 0
