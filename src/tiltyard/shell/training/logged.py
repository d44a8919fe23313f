"""What the arms of a ledger held, for a policy to learn from beside what its players meet.

An arm that trades on paper all the time has told there whatever it wanted, and was asked after
every bar; a live trade of the same episode says the same once more. Of any other arm live trades
are all that is known. Those came by a decision of the router, which says with what probability: a
live trade without one is left out. On paper nobody else is asked, so the probability is 1.

A whole position is the largest that an arm had had by then, as a share of its capital; what is held
later changes nothing in what was held before.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from tiltyard.facts.allotment import sized
from tiltyard.facts.arm import Roster
from tiltyard.facts.trade import Trade
from tiltyard.learners.logged import NO_SYMBOL, Episode, Log
from tiltyard.shell.history import roster_at
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions

NO_DECISION = "without a decision of the router"


def log_of(
    ledger: Ledger,
    symbols: Collection[str],
    share: float,
    until: datetime | None = None,
    known_by: datetime | None = None,
) -> Log | str:
    """All that arms held; in words, why there is nothing to learn from.

    Args:
        ledger: Where it is known.
        symbols: That are learnt from.
        share: Of each batch, above 0 and below 1.
        until: What closed later is not known; None for all.
        known_by: What the ledger learnt of later is not known, be it a correction; None for all.
    """
    if known_by is None:
        seen, roster = Positions(), ledger.roster()
    else:
        seen, roster = ledger.positions(known_by=known_by), roster_at(ledger, known_by)
    decisions = ledger.decisions(by=until, up_to_seq=seen.decisions)
    given: dict[tuple[str, str | None], float] = {
        (one.policy, one.episode_id): one.propensity for one in decisions
    }
    trades = ledger.trades(closed_by=until, up_to_seq=seen.trades)
    told = [_told(trade, roster) for trade in trades]
    if not told:
        return "the ledger has no trades"
    twins = {one.episode for one in told if one.book == "twin"}
    once = [one for one in told if one.book != "live" or one.episode not in twins]
    unrouted = [one for one in once if one.book != "shadow" and one.episode not in given]
    known = [one for one in once if one.book == "shadow" or one.episode in given]
    episodes = [
        Episode(one.arm, one.symbol, one.side * share, one.opened_at, one.closed_at,
                given.get(one.episode, 1.0))
        for one, share in _shares(known)
        if one.symbol in symbols
    ]  # fmt: skip
    left_out = {NO_DECISION: len(unrouted), NO_SYMBOL: len(known) - len(episodes)}
    left_out = {reason: count for reason, count in left_out.items() if count}
    if not episodes:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        return f"the ledger's trades are of no use: {counts}"
    asked = {one.arm for one in known if one.book != "live"} - {one.arm for one in unrouted}
    return Log(episodes, frozenset(asked), share, left_out=left_out)


def _shares(told: Sequence["_Told"]) -> Iterator[tuple["_Told", float]]:
    """Each trade, and its share of the largest position that its arm had had by then."""
    largest: dict[tuple[str, bool], float] = {}
    for one in sorted(told, key=lambda one: one.opened_at):
        scale = one.arm, one.has_capital
        largest[scale] = max(largest.get(scale, 0.0), one.part)
        yield one, one.part / largest[scale] if one.part else 1.0


class _Told(NamedTuple):
    """What matters of a trade.

    Attributes:
        arm: Whose.
        symbol: As the venue writes it.
        side: 1 for long, -1 for short.
        opened_at: Seconds since 1970.
        closed_at: Likewise.
        book: ``live``, ``shadow`` or ``twin``.
        part: Of the capital, or the notional where nobody knows a capital; 0 where nobody knows.
        has_capital: Which of the two.
        episode: Arm and episode.
    """

    arm: str
    symbol: str
    side: int
    opened_at: float
    closed_at: float
    book: str
    part: float
    has_capital: bool
    episode: tuple[str, str | None]


def _told(trade: Trade, roster: Roster) -> _Told:
    capital = sized(trade, roster, None).capital
    return _Told(
        trade.policy, trade.symbol, 1 if trade.side == "long" else -1,
        trade.opened_at.timestamp(), trade.closed_at.timestamp(), trade.book,
        abs(trade.notional or 0) / (capital or 1), bool(capital),
        (trade.policy, trade.episode_id),
    )  # fmt: skip
