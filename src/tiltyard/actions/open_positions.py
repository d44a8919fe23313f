"""What is still open when an arm loses its traffic, what happens to it, and by when.

A bot tells what it holds by its marks. What an arm holds that the desk trades for itself is known
to the desk; where a mark tells of something else beside, it is believed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tiltyard.facts.action import Kind
from tiltyard.facts.mark import LastMark
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.money import format_money, money_text
from tiltyard.market.paper import Position

LEFT_OPEN_AFTER = timedelta(minutes=30)
"""After a halt; then a person is paged."""
MOST = 5
"""So many positions are told of one by one."""


def what_is_open(
    last: LastMark | None, at: datetime, kind: Kind, on_floor: Sequence[Position] | None = None
) -> str:
    """One sentence part for people, from the arm's last mark and what the floor holds for it.

    Args:
        last: What is known; None when no mark was ever reported.
        at: When traffic was taken.
        kind: ``halt``, after which positions are only reduced and a person is paged when any
            are left, or nobody knows; or ``throttle``, after which they run off.
        on_floor: What the desk itself holds for the arm; None when it does not trade for it.

    >>> from datetime import UTC
    >>> from tiltyard.facts.mark import Mark
    >>> from tiltyard.kernel.money import money
    >>> at = datetime(2025, 7, 7, 12, tzinfo=UTC)
    >>> last = LastMark(Mark("bot", at, money(-12.5), 2, currency="USDT"), 2, traded_since=False)
    >>> what_is_open(last, at, "halt")
    'open at 2025-07-07T12:00:00Z: 2 positions, exposure not reported, unrealised -12.5 USDT; \
reduce-only, and a page at 2025-07-07T12:30:00Z if any is left'
    """
    is_halt = kind == "halt"
    page = f"reduce-only, and a page at {time_text(at + LEFT_OPEN_AFTER)}"
    if on_floor:
        runs_off = "it runs off" if len(on_floor) == 1 else "they run off"
        return f"{_open_on(on_floor, last)}; {f'{page} if any is left' if is_halt else runs_off}"
    if on_floor is not None and _tells_of_nothing(last):
        return f"nothing is open on the floor{', and it enters no more' if is_halt else ''}"
    if last is None:
        what = "what is open is not known, no mark was reported; whatever it is"
        return (
            f"{what}, {page} unless a mark says that nothing is" if is_halt else f"{what} runs off"
        )
    if last.left:
        runs_off = "it runs off" if last.left == 1 else "they run off"
        return f"{_open(last)}; {f'{page} if any is left' if is_halt else runs_off}"
    marked = time_text(last.mark.marked_at)
    was_open = last.mark.open_positions > 0
    said = f"what was open at {marked} has closed" if was_open else f"nothing was open at {marked}"
    if not is_halt:
        return said
    return f"{said}; anything else is {page} unless a mark says that nothing is open"


def what_is_left(
    last: LastMark | None, halted_at: datetime, on_floor: Sequence[Position] | None = None
) -> str:
    """The reason to page a person some time after a halt; empty when it is known that nothing is.

    Only the floor, for whom it trades, and a mark that is no older than the halt know that.
    """
    when = f"{LEFT_OPEN_AFTER.total_seconds() // 60:.0f} min after the halt"
    if on_floor:
        are = "is" if len(on_floor) == 1 else "are"
        return f"{_positions(len(on_floor))} {are} open {when} on the floor: {_each(on_floor)}"
    if on_floor is not None and _tells_of_nothing(last):
        return ""
    if last is None:
        return f"what is open {when} is not known: no mark was ever reported"
    marked = time_text(last.mark.marked_at)
    if last.left:
        are = "is" if last.left == 1 else "are"
        return f"{_positions(last.left)} {are} open {when}, by the mark of {marked}"
    if last.mark.marked_at < halted_at:
        return (
            f"what is open {when} is not known: the last mark, of {marked}, is older than the halt"
        )
    return ""


def how_many(
    last: LastMark | None, on_floor: Sequence[Position] | None, taken_at: datetime | None
) -> int | None:
    """How many positions are open; None when another may have been opened that nobody tells of.

    Args:
        last: What is known by marks; None when none was ever reported.
        on_floor: What the desk itself holds for the arm; None when it does not trade for it.
        taken_at: When the arm lost its traffic; None while it may still enter.
    """
    by_mark = None if last is None else last.known_after(taken_at)
    if on_floor is None:
        return by_mark
    if taken_at is None:
        return len(on_floor) or by_mark
    return max(len(on_floor), by_mark or 0)


def _tells_of_nothing(last: LastMark | None) -> bool:
    return last is None or not last.left


def _open_on(on_floor: Sequence[Position], last: LastMark | None) -> str:
    """What the floor holds, and what it was worth by the last mark, where that tells of it."""
    said = f"open on the floor: {_each(on_floor)}"
    if last is None or not last.left:
        return said
    mark = last.mark
    worth = f"{money_text(mark.unrealised)} {mark.currency}".rstrip()
    return f"{said}, unrealised {worth} at {time_text(mark.marked_at)}"


def _each(on_floor: Sequence[Position]) -> str:
    told = [
        f"{one.entry.direction} {one.entry.lane.symbol} of {format_money(one.entry.notional)} "
        f"at {one.price:g}"
        for one in on_floor[:MOST]
    ]
    more = len(on_floor) - MOST
    return ", ".join([*told, f"and {more:,} more"] if more > 0 else told)


def _open(last: LastMark) -> str:
    mark = last.mark
    unit = f" {mark.currency}" if mark.currency else ""
    exposure = (
        "exposure not reported"
        if mark.exposure is None
        else f"exposure {money_text(mark.exposure)}{unit}"
    )
    positions = _positions(mark.open_positions)
    if last.left < mark.open_positions:
        positions += f", {last.left:,} of them left"
    unrealised = f"unrealised {money_text(mark.unrealised)}{unit}"
    return f"open at {time_text(mark.marked_at)}: {positions}, {exposure}, {unrealised}"


def _positions(count: int) -> str:
    return "1 position" if count == 1 else f"{count:,} positions"
