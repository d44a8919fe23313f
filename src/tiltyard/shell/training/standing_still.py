"""A market that mostly stands still is refused: a feed has frozen, and nothing is to be learnt.

What stands still for a while is left out, and the rest is learnt from. Where that is more than half
of the bars, the rest is a few ticks of a feed that has broken, and whoever learns from it learns
when it ticked.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Fault, Faults
from tiltyard.shell.feeds.files import Feed

MOST = 0.5
"""Share of bars, whether anybody traded in them or not. It was .0035 at most in the hours of BTC,
ETH and SOL from October 2020 to June 2025, and .03 in the minutes of BTC and SOL of May 2025."""


def refuse_still(
    folder: Path, feeds: Mapping[str, Feed], since: datetime | None, until: datetime | None
) -> None:
    """Refuse markets that mostly close where the bar before did.

    Args:
        folder: Where they are from.
        feeds: The bars as they are there, by symbol.
        since: Those that close later are looked at; None for all.
        until: Those that have closed by then; None for all.

    Raises:
        Faults: ``PRICES_STILL`` with every one of them.
    """
    faults = []
    for name, feed in feeds.items():
        still = sorted(at for at in _still(feed) if _is_within(feed, at, since, until))
        moving = sum(_is_within(feed, bar.opened_at, since, until) for bar in feed.bars)
        count = moving + sum(1 for at in _frozen(feed) if _is_within(feed, at, since, until))
        if len(still) > MOST * count:
            begun, ended = time_text(still[0]), time_text(still[-1] + feed.interval)
            faults.append(
                Fault(
                    name, f"{len(still):,} of {count:,} bars close where the one before did, from "
                    f"{begun} to {ended}, {_longest(still, feed):,} in a row at most",
                )
            )  # fmt: skip
    if faults:
        raise Faults(
            "PRICES_STILL", str(folder), faults,
            remedy="A feed that stands still teaches nothing. Fetch these bars anew, name a range "
            "in which prices move (--from, --until), take longer bars, or leave the market out "
            "(--symbols)",
        )  # fmt: skip


def _still(feed: Feed) -> Iterator[datetime]:
    """When the bars opened that close where the one before did, or in which nobody traded."""
    yield from (bar.opened_at for before, bar in pairwise(feed.bars) if bar.close == before.close)
    yield from _frozen(feed)


def _frozen(feed: Feed) -> Iterator[datetime]:
    for flaw in feed.flaws:
        if flaw.kind == "frozen":
            yield from (flaw.at + n * feed.interval for n in range(flaw.bars))


def _is_within(
    feed: Feed, opened_at: datetime, since: datetime | None, until: datetime | None
) -> bool:
    closes = opened_at + feed.interval
    return (since is None or closes > since) and (until is None or closes <= until)


def _longest(still: list[datetime], feed: Feed) -> int:
    """How many of them come right after each other, at most."""
    longest = run = 1
    for before, at in pairwise(still):
        run = run + 1 if at - before == feed.interval else 1
        longest = max(longest, run)
    return longest
