"""A closed trade: the fact that everything else is measured from.

Facts are append-only. A bot that corrects a trade sends it again with a higher
``revision``; the highest revision is the current one. The *judged order* of trades is
``(closed_at, source, trade_id)``, whatever the order in which they arrived; shorter
identifiers come first, so that trade 9 comes before trade 10.
"""

from datetime import datetime
from typing import Literal, NamedTuple

from tiltyard.kernel.money import Money

Side = Literal["long", "short"]
Book = Literal["live", "shadow", "twin"]
JudgedOrder = tuple[datetime, str, int, str]


class Trade(NamedTuple):
    """One position from entry to exit, after costs.

    Attributes:
        source: Who reported it: a bot, a file's kind; names are unique within it.
        trade_id: The source's own identifier.
        policy: Name of the policy that owned the episode.
        symbol: As the venue writes it.
        side: ``long`` or ``short``.
        opened_at: UTC.
        closed_at: UTC, not before ``opened_at``.
        pnl: Net of fees and funding, account currency.
        revision: 1 for the first report, higher for corrections.
        book: ``live`` for real fills, ``shadow`` for what an arm would have done with what it was
            not given, ``twin`` for the same on paper as a live trade: it counts for nothing but
            the gap between the two.
        account: Where the money was.
        currency: Of every amount in this trade; empty when the source does not say.
        capital: Equity allotted to the policy when the trade was sized.
        risk: Money at risk at entry; R-multiple = ``pnl / risk``.
        notional: Size of the position at entry.
        fees: Paid, as a positive number.
        funding: Paid (negative) or received (positive).
        quantity: Base units, exact decimal text.
        entry_price: Exact decimal text.
        exit_price: Exact decimal text.
        policy_digest: SHA-256 of what served, if the bot knows.
        episode_id: The routing decision this trade came from.
        seq: Position in the ledger; 0 until stored.
    """

    source: str
    trade_id: str
    policy: str
    symbol: str
    side: Side
    opened_at: datetime
    closed_at: datetime
    pnl: Money
    revision: int = 1
    book: Book = "live"
    account: str = "default"
    currency: str = ""
    capital: Money | None = None
    risk: Money | None = None
    notional: Money | None = None
    fees: Money | None = None
    funding: Money | None = None
    quantity: str | None = None
    entry_price: str | None = None
    exit_price: str | None = None
    policy_digest: str | None = None
    episode_id: str | None = None
    seq: int = 0


def judged_order(trade: Trade) -> JudgedOrder:
    """The key by which trades are judged: close, then source, then identifier.

    >>> from datetime import UTC
    >>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
    >>> ten = Trade("bot", "10", "a", "SOL", "long", noon, noon, Money(1))
    >>> [trade.trade_id for trade in sorted((ten, ten._replace(trade_id="9")), key=judged_order)]
    ['9', '10']
    """
    return (trade.closed_at, trade.source, len(trade.trade_id), trade.trade_id)


def same_content(one: Trade, other: Trade) -> bool:
    """Whether two reports of a trade say the same, revision and ledger position aside."""
    return one._replace(revision=0, seq=0) == other._replace(revision=0, seq=0)
