"""Files of other people whose columns we know by heart.

A trader should not have to say that freqtrade calls a symbol ``pair``. A layout is
recognised by the columns that only it has, and says which of them is which field of a
:class:`~tiltyard.facts.trade.Trade`. What the file does not hold is derived: fees from
rates, prices and quantity; the notional from stake and leverage; an identifier from the
content, so that the same file read twice names the same trades. A column that carries our
own name, or one mapped by hand, wins over the layout.

>>> recognise({"strategy", "symbol", "open_ts", "close_ts", "pnl_abs"}).name
'backtest export'
>>> recognise({"trade_id", "policy", "pnl"}) is None
True
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256

from tiltyard.kernel.money import Money, money


@dataclass(frozen=True, slots=True)
class Layout:
    """How one known kind of file names things.

    Attributes:
        name: For people.
        signature: Columns by which it is known; all must be there.
        columns: Field of a trade -> column of the file.
        identity: Columns hashed, with the content, into the identifier; empty when the
            file has identifiers of its own.
        is_utc: Times without an offset are UTC by the definition of the format.
    """

    name: str
    signature: frozenset[str]
    columns: Mapping[str, str] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    is_utc: bool = False


FEE_RATES = ("fee_open", "fee_close")
"""Fractions of the value traded at entry and at exit; every known layout has them."""

LEVERAGE = "leverage"
"""In every known layout the stake is margin; the position is the stake times this column."""

BACKTEST_EXPORT = Layout(
    "backtest export",
    frozenset({"strategy", "symbol", "open_ts", "close_ts", "pnl_abs"}),
    {
        "policy": "strategy",
        "opened_at": "open_ts",
        "closed_at": "close_ts",
        "pnl": "pnl_abs",
        "notional": "stake",
        "funding": "funding_fees",
        "quantity": "amount",
        "entry_price": "entry",
        "exit_price": "exit",
    },
    identity=("run_id", "strategy"),
)

_FREQTRADE = {
    "policy": "strategy",
    "symbol": "pair",
    "opened_at": "open_date",
    "closed_at": "close_date",
    "currency": "stake_currency",
    "notional": "stake_amount",
    "funding": "funding_fees",
    "quantity": "amount",
    "entry_price": "open_rate",
    "exit_price": "close_rate",
}

# Of a closed trade ``close_profit_abs`` is the sum over all its exits, after fees and funding.
FREQTRADE_DATABASE = Layout(
    "freqtrade database",
    frozenset({"id", "pair", "open_date", "close_date", "close_profit_abs"}),
    {**_FREQTRADE, "trade_id": "id", "pnl": "close_profit_abs"},
    is_utc=True,
)

FREQTRADE_BACKTEST = Layout(
    "freqtrade backtest",
    frozenset({"pair", "open_date", "close_date", "profit_abs"}),
    {**_FREQTRADE, "pnl": "profit_abs", "capital": "starting_balance"},
    identity=("strategy",),
    is_utc=True,
)

LAYOUTS = (BACKTEST_EXPORT, FREQTRADE_DATABASE, FREQTRADE_BACKTEST)


def recognise(columns: Collection[str]) -> Layout | None:
    """The layout whose signature these columns hold, if any."""
    present = frozenset(columns)
    return next((layout for layout in LAYOUTS if layout.signature <= present), None)


def content_id(parts: tuple[object, ...]) -> str:
    """Sixteen hexadecimal digits that the same content always gives."""
    return sha256("\x1f".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:16]


def fees_paid(quantity: str, legs: tuple[tuple[str, Decimal], tuple[str, Decimal]]) -> Money:
    """What was paid for entry and exit, each leg a price and a rate.

    >>> fees_paid("2", (("100", Decimal("0.001")), ("110", Decimal("0.001"))))
    42000000

    Raises:
        TiltyardError: ``MONEY_INVALID`` for more than 90 billion.
    """
    (entry, opening), (exit_, closing) = legs
    return money(Decimal(quantity) * (Decimal(entry) * opening + Decimal(exit_) * closing))
