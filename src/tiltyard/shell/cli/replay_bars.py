"""``replay --bars``: the arms of the ledger trade bars that are there already."""

from datetime import datetime
from pathlib import Path

import typer

from tiltyard.kernel.clock import time_text
from tiltyard.shell.cli.progress import counting
from tiltyard.shell.cli.replay import Output
from tiltyard.shell.cli.scratch_file import scratch_ledger
from tiltyard.shell.feeds.files import interval_text
from tiltyard.shell.history import actions_of, recorded
from tiltyard.shell.other_rules import other_rules_of
from tiltyard.shell.pictures.page import write_page
from tiltyard.shell.receipts import receipts_of
from tiltyard.shell.replaying.bar_record import Span
from tiltyard.shell.replaying.bar_replay import BarReplay, bars_to_play, play_again
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.replaying.scratch import take_arms
from tiltyard.shell.report.content import describe
from tiltyard.shell.report.known_bars import KnownBook
from tiltyard.shell.report.receipts import closing_lines
from tiltyard.shell.report.rules import closing_rules
from tiltyard.shell.report.text import hold_lines, standing_lines
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger


def replay_bars(
    ledger: Ledger,
    settings: Settings,
    folder: Path,
    output: Output,
    *,
    since: datetime | None,
    until: datetime,
    assume_utc: bool,
) -> None:
    """Play the bars of a folder with the arms of a ledger, and say what came of it.

    Raises:
        TiltyardError: As :func:`tiltyard.shell.replaying.bar_replay.bars_to_play`;
            ``SCRATCH_EXISTS``.
    """
    bars, span = bars_to_play(folder, since, until, assume_utc=assume_utc, say=_say)
    with scratch_ledger(output.into) as scratch:
        take_arms(scratch, ledger, span.began)
        replay = BarReplay(scratch, settings, bars, span, say=_say)
        book = KnownBook(replay.learnt, span.began)
        for known in book.every():
            _say(str(known))
        with counting("replay", "bars") as progress:
            for event in replay.play(progress=progress):
                for action in actions_of(event):
                    output.show(action, known=book.concerns(action))
        book.shown(scratch)
        closing = [] if output.as_json else _closing(scratch, settings, replay, span, book)
        if output.html is not None:
            desk = measure(scratch, settings, span.ended, replay.roster)
            past = recorded(scratch, settings, span.ended)
            arms = replay.roster.arms
            reports = [describe(desk, name, span.ended, known=book) for name in arms]
    for line in closing:
        typer.echo(line)
    if output.html is not None:
        write_page(output.html, past, reports, span.ended)


def verify_by_bars(record: Ledger, settings: Settings, folder: Path, *, assume_utc: bool) -> str:
    """Play the bars of a record again; what to say when the same came of it.

    Raises:
        TiltyardError: As :func:`tiltyard.shell.replaying.bar_replay.play_again`.
    """
    where = str(record.url.database)
    with scratch_ledger() as scratch, counting("verify", "bars") as progress:
        rows = play_again(
            record, scratch, settings, folder,
            assume_utc=assume_utc, where=where, progress=progress,
        )  # fmt: skip
    return f"played again on {folder}: all {rows:,} audit rows came out the same"


def _closing(
    scratch: Ledger, settings: Settings, replay: BarReplay, span: Span, book: KnownBook
) -> list[str]:
    trades = sum(1 for _ in scratch.trades())
    whole = (
        f"\n{trades:,} trades, live and on paper, on bars of {interval_text(span.interval)} from "
        f"{time_text(span.began)} to {time_text(span.ended)}"
    )
    roster = replay.roster
    worth = closing_lines(receipts_of(scratch, span.ended, capital=settings.default_capital()))
    others = closing_rules(other_rules_of(scratch, settings, span.ended))
    return [
        whole, *map(str, book.every()), *standing_lines(roster), *hold_lines(roster),
        *replay.left_open, *worth, *others,
    ]  # fmt: skip


def _say(text: str) -> None:
    typer.echo(text, err=True)
