"""The page of receipts: what each action was worth, and the monitor, for the eye.

Comes in: receipts, the time. Goes out: a file (:mod:`tiltyard.shell.pictures.file`) of net worth
over time, a point for each action, the statement, and every receipt.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from itertools import chain
from pathlib import Path

from tiltyard.actions.receipt import Receipt
from tiltyard.actions.statement import Line
from tiltyard.shell.pictures.file import drawn, page_of, table, warned, write_whole
from tiltyard.shell.pictures.receipts_figure import receipts_figure
from tiltyard.shell.receipts import Receipts
from tiltyard.shell.report.receipts import (
    NOTHING_MOVED,
    kinds_text,
    net_text,
    statement_parts,
    words_text,
    worth_text,
)
from tiltyard.shell.report.text import share

MOST_ROWS = 500
_COSTLY = ("false alarm", "mistake")
_BAND = (
    "<p class='quiet'>The band is the interval of 95 % of all actions up to then, made anew with "
    "each. One more makes it wider; one that takes back an earlier one over the same "
    "opportunities, such as a resume after a throttle, makes it narrower, since there the two "
    "cancel.</p>"
)


def write_receipts_page(
    path: Path, receipts: Receipts, now: datetime, doubts: Iterable[str] = ()
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: Of the file; one that is there is replaced.
        receipts: As they stood.
        now: As of when, UTC.
        doubts: Why what follows is no test of somebody.

    Raises:
        TiltyardError: ``PAGE_UNWRITABLE``.
    """
    write_whole(path, receipts_page(receipts, now, doubts))


def receipts_page(receipts: Receipts, now: datetime, doubts: Iterable[str] = ()) -> str:
    """The page as text."""
    return page_of([
        "<h1>Tiltyard: what each action was worth</h1>",
        f"<p class='quiet'>As of {now:%Y-%m-%d %H:%M} UTC</p>",
        *warned(doubts),
        *(_parts(receipts, now) if receipts.each else [f"<p>{NOTHING_MOVED}</p>"]),
    ])  # fmt: skip


def _parts(receipts: Receipts, now: datetime) -> Iterator[str]:
    figure = receipts_figure(receipts, now)
    yield "<p>No action has a worth yet.</p>" if figure is None else drawn(figure) + _BAND
    yield "<h2>What the monitor was worth</h2>"
    heads = ("month", "guard or rule", "actions", "verdicts", "net, interval of 95 %")
    yield table(heads, map(_line, chain.from_iterable(statement_parts(receipts.statement))))
    yield "<h2>Each action that moved traffic</h2>"
    left_out = max(0, len(receipts.each) - MOST_ROWS)
    if left_out:
        yield f"<p>{left_out:,} earlier ones are left out.</p>"
    yield _each(receipts.each[left_out:])


def _line(line: Line) -> Iterable[str]:
    nets = "<br>".join(net_text(net) for net in line.tally.nets()) or "no worth yet"
    seen = " (observed only)" if line.mode == "observe" else ""
    return (
        f"<td class='n'>{line.month or 'all'}{seen}</td>",
        f"<td>{escape(line.cause) or 'all'}</td>",
        f"<td>{kinds_text(line.tally)}</td>",
        f"<td>{words_text(line.tally)}</td>",
        f"<td class='n'>{nets}</td>",
    )


def _each(receipts: Sequence[Receipt]) -> str:
    heads = ("number", "time, UTC", "action", "policy", "guard or rule", "traffic", "worth")
    return table(heads, map(_row, receipts))


def _row(receipt: Receipt) -> Iterable[str]:
    moved, action = receipt.movement, receipt.movement.action
    costly = " class='breach'" if receipt.word in _COSTLY else ""
    return (
        f"<td class='n'>{moved.number}</td>",
        f"<td class='n'>{action.at:%Y-%m-%d %H:%M}</td>",
        f"<td>{action.kind}</td>",
        f"<td>{escape(moved.subject) or 'everybody'}</td>",
        f"<td>{escape(action.cause)}</td>",
        f"<td class='n'>{share(moved.before)} → {share(moved.after)}</td>",
        f"<td{costly}>{escape(worth_text(receipt))}</td>",
    )
