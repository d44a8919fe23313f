"""Receipts and the statement, as people and programs read them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, get_args

from tiltyard.actions.receipt import Made, Receipt, Word, Worth
from tiltyard.actions.statement import Line, Statement, Tally
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.unit import Unit
from tiltyard.shell.receipts import Receipts
from tiltyard.shell.report.signed import plain, signed, span
from tiltyard.shell.report.text import share

Json = dict[str, Any]

NOTHING_MOVED = "No action has moved traffic yet, registrations aside."

_PLURALS: Mapping[str, str] = {"false alarm": "false alarms", "mistake": "mistakes"}


def receipts_text(receipts: Receipts) -> Iterator[str]:
    """Everything, for people."""
    if not receipts.each:
        yield NOTHING_MOVED
        return
    yield "Each action that moved traffic, and what it was worth:"
    yield from receipt_lines(receipts.each)
    yield "\nWhat the monitor was worth:"
    yield from statement_lines(receipts.statement)


def receipt_lines(receipts: Sequence[Receipt]) -> Iterator[str]:
    """A line each: number, time, action, arm, cause, shares, worth and verdict."""
    kinds = max((len(one.movement.action.kind) for one in receipts), default=0)
    names = max((len(one.movement.subject or "everybody") for one in receipts), default=0)
    causes = max((len(one.movement.action.cause) for one in receipts), default=0)
    for one in receipts:
        moved, action = one.movement, one.movement.action
        around = f"{share(moved.before)} → {share(moved.after)}"
        yield (
            f"{moved.number:>6}  {action.at:%Y-%m-%d %H:%M}Z  {action.kind:<{kinds}}  "
            f"{moved.subject or 'everybody':<{names}}  {action.cause:<{causes}}  "
            f"{around:<17}  {worth_text(one)}"
        )


def closing_lines(receipts: Receipts) -> Iterator[str]:
    """At the end of a replay: what each stop was worth, and one line for everything."""
    if not receipts.each:
        yield f"\n{NOTHING_MOVED}"
        return
    stops = [one for one in receipts.each if one.movement.is_stop]
    yield "\nWhat each stop was worth, by what the arms did on paper afterwards:"
    yield from receipt_lines(stops) if stops else ("  nobody was stopped",)
    head = "All that moved traffic: "
    yield from tally_lines(head, receipts.statement.whole())


def worth_text(receipt: Receipt) -> str:
    """What an action was worth, in words.

    A stop has saved, what gave traffic has earned, and either may have cost.
    """
    worth = receipt.worth
    if isinstance(worth, Undefined):
        return _unknown(receipt, worth)
    good = "saved" if receipt.movement.is_stop else "earned"
    verb = good if worth.number >= 0 else "cost"
    low, high = (worth.low, worth.high) if verb == good else (-worth.high, -worth.low)
    if receipt.movement.action.mode == "observe":
        verb = f"would have {verb}"
    what = "a risk" if worth.unit == "R" else "a capital"
    bare = f"; {receipt.left_out} without {what} left out" if receipt.left_out else ""
    clipped = f"; {receipt.clipped} clipped" if receipt.clipped else ""
    return (
        f"{verb} {plain(abs(worth.number))} {worth.unit}, interval {plain(low)} … {plain(high)}: "
        f"{receipt.word}{bare}{clipped}"
    )


def statement_lines(statement: Statement) -> Iterator[str]:
    """In all, by month and by cause; what was only observed comes last and apart."""
    for first, *causes in statement_parts(statement):
        cause = f", {first.cause}" if first.cause else ""
        seen = " (observed only)" if first.mode == "observe" else ""
        head = f"  {first.month or 'in all'}{cause}{seen}: "
        yield from tally_lines(head, first.tally, first.mode)
        for line in causes:
            yield from tally_lines(f"    {line.cause}: ", line.tally, line.mode)


def statement_parts(statement: Statement) -> Iterator[Sequence[Line]]:
    """All of it, then month by month: the sum and each cause, or the only cause alone."""
    for _, lines in groupby(statement.lines(), key=lambda line: (line.mode, line.month)):
        whole, *causes = lines
        yield causes if whole.month and len(causes) == 1 else (whole, *causes)


def tally_lines(head: str, tally: Tally, mode: Mode = "enforce") -> Iterator[str]:
    """What some receipts come to; a second line where some are in another unit."""
    said = "would be" if mode == "observe" else "net"
    nets = [f"{said} {net_text(net)}" for net in tally.nets()] or ["no worth yet"]
    yield f"{head}{kinds_text(tally)}; {words_text(tally)}; {nets[0]}"
    for net in nets[1:]:
        yield f"{' ' * len(head)}{net}"


def kinds_text(tally: Tally) -> str:
    """How many of each kind of action."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(tally.kinds.items()))


def words_text(tally: Tally) -> str:
    """How many of each verdict."""
    return ", ".join(
        f"{tally.words[word]} {_PLURALS.get(word, word) if tally.words[word] != 1 else word}"
        for word in get_args(Word)
        if tally.words[word]
    )


def net_text(net: Worth) -> str:
    """A net worth, with its interval."""
    return f"{signed(net.number)} {net.unit}, {span(net.low, net.high)}"


def receipts_json(receipts: Receipts) -> Json:
    """Everything, for programs. The field names are a contract."""
    return {
        "receipts": [receipt_json(one) for one in receipts.each],
        "statement": [statement_json(one) for one in receipts.statement.lines()],
    }


def receipt_json(receipt: Receipt) -> Json:
    """One receipt."""
    moved, action = receipt.movement, receipt.movement.action
    return {
        "number": moved.number,
        "time": time_text(action.at),
        "action": action.kind,
        "policy": moved.subject,
        "guard": action.cause,
        "mode": action.mode,
        "before": moved.before,
        "after": moved.after,
        **_worth_json(receipt),
        "verdict": receipt.word,
        "opportunities": receipt.opportunities,
        "left_out": receipt.left_out,
        "clipped": receipt.clipped,
        "made": [made_json(one) for one in receipt.made],
    }


def made_json(made: Made) -> Json:
    """What one arm made."""
    return {
        "policy": made.policy,
        "shift": made.shift,
        "trades": made.trades,
        "made": made.total,
        "live_trades": made.live_trades,
        "live_made": made.live_total,
    }


def statement_json(line: Line) -> Json:
    """One line of the statement."""
    return {
        "month": line.month or None,
        "guard": line.cause or None,
        "mode": line.mode,
        "actions": dict(sorted(line.tally.kinds.items())),
        "verdicts": {word: line.tally.words[word] for word in get_args(Word)},
        "net": [net_json(net) for net in line.tally.nets()],
    }


def net_json(net: Worth) -> Json:
    """What some receipts in one unit come to."""
    return {"unit": net.unit, "worth": net.number, "low": net.low, "high": net.high}


def _unknown(receipt: Receipt, worth: Undefined) -> str:
    if worth.state != "unobserved":
        return f"{receipt.word} ({worth.reason})"
    made = ", ".join(
        f"{one.policy} {_live_text(one, receipt.unit)}{one.live_trades} live trades"
        for one in receipt.made
    )
    return f"descriptive, not causal ({worth.reason}): since then {made}"


def _live_text(made: Made, unit: Unit | None) -> str:
    return "" if made.live_total is None else f"{signed(made.live_total, 1)} {unit} in "


def _worth_json(receipt: Receipt) -> Json:
    worth = receipt.worth
    known = None if isinstance(worth, Undefined) else worth
    return {
        "unit": receipt.unit,
        "worth": known and known.number,
        "low": known and known.low,
        "high": known and known.high,
        "state": worth.state if isinstance(worth, Undefined) else "defined",
        "reason": worth.reason if isinstance(worth, Undefined) else None,
    }
