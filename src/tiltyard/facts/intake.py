"""From a row of somebody's file to a trade, or to everything that is wrong with it.

A row arrives as column -> value, whatever the file was: text from CSV, numbers from JSON,
datetimes from Parquet. Where each field of a trade is found is settled once per set of
columns; then every row is one walk over them. Nothing is guessed: a value is taken
exactly or refused, and a row reports all its faults at once, each with its place.

>>> reader = Intake("bot").reader()
>>> row = dict(trade_id=1, policy="p", symbol="BTC", side="long", pnl="nan",
...            opened_at=1751902000000, closed_at="2025-07-08T00:00:00Z")
>>> print(*reader.read(7, row))
expected a finite decimal number, found 'nan' @ row 7, column pnl
>>> trade, explicit_revision = reader.read(7, {**row, "pnl": "1.5"})
>>> trade.pnl, explicit_revision
(150000000, False)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from tiltyard.facts import cells
from tiltyard.facts.layouts import (
    FEE_RATES,
    LAYOUTS,
    LEVERAGE,
    Layout,
    content_id,
    fees_paid,
    recognise,
)
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import microseconds
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.kernel.money import UNITS, Money, money
from tiltyard.kernel.registry import did_you_mean

Row = Mapping[str, object]

FIELDS: Mapping[str, Callable[[Any], object]] = MappingProxyType(
    {
        "trade_id": cells.text,
        "policy": cells.text,
        "symbol": cells.text,
        "side": cells.side,
        "opened_at": cells.time,
        "closed_at": cells.time,
        "pnl": cells.amount,
        "revision": cells.revision,
        "book": cells.book,
        "account": cells.text,
        "currency": cells.text,
        "capital": cells.positive_amount,
        "risk": cells.positive_amount,
        "notional": cells.amount,
        "fees": cells.amount,
        "funding": cells.amount,
        "quantity": cells.positive_decimal,
        "entry_price": cells.positive_decimal,
        "exit_price": cells.positive_decimal,
        "policy_digest": cells.text,
        "episode_id": cells.text,
    }
)
"""Every field a row may carry, in the order in which its faults are reported."""

KNOWN_COLUMNS = frozenset(FIELDS).union(*(layout.columns.values() for layout in LAYOUTS))
"""What a column may be called without anybody mapping it."""

REQUIRED = ("trade_id", "policy", "symbol", "side", "opened_at", "closed_at", "pnl")
_PRICED = frozenset({"quantity", "entry_price", "exit_price"})
_IDENTITY = ("symbol", "side", "entry_price", "exit_price", "quantity")
_MOST_PLANS = 256


@dataclass(frozen=True, slots=True)
class Intake:
    """How to read the rows of one file.

    Attributes:
        source: Who reports; becomes ``Trade.source``.
        policy: Fills an absent or empty policy.
        account: Fills an absent or empty account.
        capital: Fills an absent or empty capital; wins over a layout's account balance.
        columns: Field of a trade -> column of the file, for columns named otherwise.
        assume_utc: Read times without an offset as UTC.

    Raises:
        TiltyardError: ``FIELD_UNKNOWN`` for a mapped field no trade has,
            ``CAPITAL_INVALID`` for a capital that is not above zero.
    """

    source: str
    policy: str | None = None
    account: str | None = None
    capital: Money | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    assume_utc: bool = False

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in FIELDS:
                remedy = did_you_mean(name, FIELDS) or f"fields: {', '.join(FIELDS)}"
                raise TiltyardError("FIELD_UNKNOWN", name, "a trade has no such field", remedy)
        if self.capital is not None and self.capital <= 0:
            raise TiltyardError("CAPITAL_INVALID", str(self.capital), "expected more than zero")

    def reader(self) -> "Reader":
        """A reader for one pass over one file."""
        return Reader(self)


class _Plan(NamedTuple):
    """Where the fields are in rows of one set of columns."""

    fields: tuple[tuple[str, str, Callable[[Any], object], bool], ...]
    given: Mapping[str, object]
    layout: Layout | None
    derive_id: bool
    derive_fees: bool
    leverage: str


class Reader:
    """Reads the rows of one file, in order.

    It remembers, in 64 bits each, the identifiers it derived, so that rows with the same
    content get ``…``, ``…-2``, ``…-3``. Not safe for threads.

    Args:
        intake: How to read.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._seen: dict[int, int] = {}

    def expect(self, columns: Sequence[str]) -> None:
        """Refuse a file whose header cannot make a trade, before reading any row.

        Raises:
            Faults: ``COLUMNS_MISSING``, one fault for each required or mapped column.
        """
        wanted = [f[1] for f in self._plan(tuple(columns)).fields if f[3]]
        wanted += [name for name in self._intake.columns.values() if name not in wanted]
        faults = [
            Fault("header", f"no column {name!r}. {did_you_mean(name, columns)}".rstrip(". "))
            for name in wanted
            if name not in columns
        ]
        if faults:
            remedy = f"columns: {', '.join(columns)}"[:500] + "; --map field=column, --policy NAME"
            raise Faults("COLUMNS_MISSING", self._intake.source, faults, remedy=remedy)

    def read(self, row_number: int, row: Row) -> tuple[Trade, bool] | list[Fault]:
        """The trade a row reports and whether it states its revision, or all its faults.

        Args:
            row_number: From 1, the header not counted; for places in messages.
            row: Column -> value; empty text is no value.
        """
        plan = self._plan(tuple(row))
        values: dict[str, Any] = dict(plan.given)
        faults: list[Fault] = []
        for name, column, parse, required in plan.fields:
            raw = row.get(column)
            if raw is None or (isinstance(raw, str) and not (raw := raw.strip())):
                if required:
                    faults.append(_fault(row_number, column, "required, but missing or empty"))
                continue
            try:
                values[name] = parse(raw)
            except ValueError as refusal:
                faults.append(_refused(row_number, column, refusal))
        faults += self._derive(plan, row_number, row, values) if not faults else ()
        faults += _order_fault(row_number, plan, values)
        return faults or (Trade(self._intake.source, **values), "revision" in values)

    def _derive(
        self, plan: _Plan, row_number: int, row: Row, values: dict[str, Any]
    ) -> Sequence[Fault]:
        if plan.derive_fees and values.keys() >= _PRICED:
            try:
                values["fees"] = _fees(values, *(cells.rate(row[name]) for name in FEE_RATES))
            except (ValueError, TiltyardError) as refusal:
                return [_refused(row_number, "fee_open, fee_close", refusal)]
        if plan.leverage and "notional" in values:
            try:
                values["notional"] = _levered(values["notional"], row[plan.leverage])
            except (ValueError, TiltyardError) as refusal:
                return [_refused(row_number, plan.leverage, refusal)]
        if plan.derive_id and plan.layout:
            times = (microseconds(values["opened_at"]), microseconds(values["closed_at"]))
            parts = (*map(row.get, plan.layout.identity), *map(values.get, _IDENTITY), *times)
            values["trade_id"] = self._numbered(content_id(parts))
        return ()

    def _numbered(self, identifier: str) -> str:
        key = int(identifier, 16)
        count = self._seen[key] = self._seen.get(key, 0) + 1
        return identifier if count == 1 else f"{identifier}-{count}"

    def _plan(self, columns: tuple[str, ...]) -> _Plan:
        plan = self._plans.get(columns)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            plan = self._plans[columns] = _plan(self._intake, columns)
        return plan


def _plan(intake: Intake, columns: tuple[str, ...]) -> _Plan:
    layout = recognise(columns)
    known = dict(layout.columns) if layout else {}
    given = {
        name: value
        for name in ("policy", "account", "capital")
        if (value := getattr(intake, name)) is not None
    }
    if "capital" in given:
        known.pop("capital", None)
    where = {n: n if n in columns else known.get(n, n) for n in FIELDS} | dict(intake.columns)
    derive_id = bool(layout and layout.identity) and where["trade_id"] not in columns
    derive_fees = bool(layout) and where["fees"] not in columns and {*FEE_RATES} <= {*columns}
    margin = bool(layout) and where["notional"] == known.get("notional")
    leverage = LEVERAGE if margin and LEVERAGE in columns else ""
    optional = {*given, *(("trade_id",) if derive_id else ())}
    times = cells.utc_time if intake.assume_utc or (layout and layout.is_utc) else cells.time
    fields = tuple(
        (name, where[name], times if parse is cells.time else parse, required)
        for name, parse in FIELDS.items()
        if (required := name in REQUIRED and name not in optional) or where[name] in columns
    )
    return _Plan(fields, given, layout, derive_id, derive_fees, leverage)


def _fees(values: dict[str, Any], opening: Decimal | None, closing: Decimal | None) -> Money | None:
    if opening is None or closing is None:
        return None
    legs = ((values["entry_price"], opening), (values["exit_price"], closing))
    return fees_paid(values["quantity"], legs)


def _levered(margin: Money, leverage: object) -> Money:
    factor = cells.rate(leverage)
    if factor is None:
        return margin
    if factor <= 0:
        cells.refuse("a leverage above zero", leverage)
    return money(Decimal(margin) / UNITS * factor)


def _order_fault(row_number: int, plan: _Plan, values: dict[str, Any]) -> Sequence[Fault]:
    opened, closed = values.get("opened_at"), values.get("closed_at")
    if opened is None or closed is None or closed >= opened:
        return ()
    column = next(column for name, column, _, _ in plan.fields if name == "closed_at")
    return [_fault(row_number, column, f"closed {closed} before it opened {opened}")]


def _refused(row_number: int, column: str, refusal: Exception) -> Fault:
    spoils = isinstance(refusal, cells.DecimalComma)
    return Fault(f"row {row_number}, column {column}", str(refusal), spoils)


def _fault(row_number: int, column: str, message: str) -> Fault:
    return Fault(f"row {row_number}, column {column}", message)
