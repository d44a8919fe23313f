"""From what a bot says to the text that a desk is sent, or to everything that is wrong with it.

What is wrong is found here rather than by the desk, so that one bad number holds up no batch,
and with the desk's own reading of a cell, so that both take the same.

>>> written("heartbeats", {"policy": "prod", "at": "2026-03-02T13:00:00+01:00"})
'{"policy":"prod","at":"2026-03-02T12:00:00Z"}'
>>> try:
...     written("observations", {"name": "kl", "nunber": 0.1, "observed_at": 1772452800000})
... except Refusal as refusal:
...     print(*refusal.faults, sep="; ")
no such field. did you mean 'number'? @ nunber; required, but missing or empty @ number
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from math import isfinite
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Required, TypedDict

from tiltyard.facts import cells, intake
from tiltyard.facts.trade import Book, Side
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Fault
from tiltyard.kernel.money import money_text
from tiltyard.kernel.registry import did_you_mean

Kind = Literal["decisions", "trades", "marks", "observations"]
KINDS: tuple[Kind, ...] = ("decisions", "trades", "marks", "observations")
"""In the order in which they are sent: a trade names the decision that it came from."""
Said = Kind | Literal["heartbeats"]
"""What is delivered until the desk has it, and what is only ever told anew."""

Time = datetime | str | int
Amount = Decimal | float | str
_MOST = 2**53
_LONGEST_SPAN = 1_000_000
_MOST_COUNTED = 2**31
"""As a desk does: :mod:`tiltyard.shell.api.items`."""


class TradeReport(TypedDict, total=False):
    """What a bot says of a closed trade; see :class:`tiltyard.facts.trade.Trade`."""

    trade_id: Required[str | int]
    policy: Required[str]
    symbol: Required[str]
    side: Required[Side]
    opened_at: Required[Time]
    closed_at: Required[Time]
    pnl: Required[Amount]
    revision: int
    book: Book
    account: str
    currency: str
    capital: Amount | None
    risk: Amount | None
    notional: Amount | None
    fees: Amount | None
    funding: Amount | None
    quantity: Amount | None
    entry_price: Amount | None
    exit_price: Amount | None
    policy_digest: str | None
    episode_id: str | None


class MarkReport(TypedDict, total=False):
    """What a bot says of open positions; ``marked_at`` is now unless it says otherwise."""

    policy: Required[str]
    unrealised: Required[Amount]
    open_positions: Required[int]
    marked_at: Time
    capital: Amount | None
    account: str
    currency: str
    exposure: Amount | None


class ObservationReport(TypedDict, total=False):
    """What a bot says of a gauge; ``observed_at`` is now unless it says otherwise."""

    name: Required[str]
    number: Required[float]
    observed_at: Time
    policy: str
    samples: int


class Refusal(Exception):  # noqa: N818 it says of what
    """What a bot said cannot be reported.

    Args:
        faults: All that is wrong with it.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))


def _time(value: object) -> str:
    return time_text(cells.time(value))


def _amount(value: object) -> str:
    return money_text(cells.amount(value))


def _positive_amount(value: object) -> str:
    return money_text(cells.positive_amount(value))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        cells.refuse("a finite number", value)
    if (isinstance(value, int) and abs(value) > _MOST) or not isfinite(value):
        cells.refuse("a finite number", value)
    return float(value)


def _whole(least: int, most: int) -> Callable[[object], int]:
    expected = f"a whole number from {least} to {most}"

    def whole(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            cells.refuse(expected, value)
        return int(value)

    return whole


def _seconds(value: object) -> float:
    seconds = _number(value)
    if seconds < 0:
        cells.refuse("a number of seconds, 0 or more", value)
    return seconds


def _span(value: object) -> float:
    seconds = _number(value)
    if not 0 < seconds <= _LONGEST_SPAN:
        cells.refuse(f"a number of seconds above 0, at most {_LONGEST_SPAN:,}", value)
    return seconds


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        cells.refuse("True or False", value)
    return value


class Field(NamedTuple):
    """How one thing that a bot says is read.

    Attributes:
        parse: Takes it exactly or refuses it.
        is_required: It may not be left out.
    """

    parse: Callable[[Any], object]
    is_required: bool = True


_WRITES: Mapping[Callable[[Any], object], Callable[[Any], object]] = MappingProxyType(
    {
        cells.time: _time,
        cells.amount: _amount,
        cells.positive_amount: _positive_amount,
    }
)
"""How a cell is written, for those that do not read to what JSON holds."""

FIELDS: Mapping[Said, Mapping[str, Field]] = MappingProxyType(
    {
        "decisions": {
            "episode_id": Field(cells.text),
            "symbol": Field(cells.text),
            "volatility_tercile": Field(_whole(0, 2), is_required=False),
        },
        "trades": {
            name: Field(_WRITES.get(parse, parse), name in intake.REQUIRED)
            for name, parse in intake.FIELDS.items()
        },
        "marks": {
            "policy": Field(cells.text),
            "marked_at": Field(_time),
            "unrealised": Field(_amount),
            "open_positions": Field(_whole(0, _MOST_COUNTED)),
            "capital": Field(_positive_amount, is_required=False),
            "account": Field(cells.text, is_required=False),
            "currency": Field(cells.text, is_required=False),
            "exposure": Field(_amount, is_required=False),
        },
        "observations": {
            "name": Field(cells.text),
            "number": Field(_number),
            "observed_at": Field(_time),
            "policy": Field(cells.text, is_required=False),
            "samples": Field(_whole(1, _MOST_COUNTED), is_required=False),
        },
        "heartbeats": {"policy": Field(cells.text), "at": Field(_time)},
    }
)
"""What is said of each kind; of a decision, what the bot says of it."""
DURATION: Mapping[str, Field] = MappingProxyType(
    {"policy": Field(cells.text), "seconds": Field(_seconds)}
)
"""What is said of how long a decision took."""
CALL: Mapping[str, Field] = MappingProxyType(
    {"failed": Field(_yes_or_no), "policy": Field(cells.text, is_required=False)}
)
"""What is said of a call to the venue."""
CHECKUP: Mapping[str, Field] = MappingProxyType(
    {
        "policy": Field(cells.text),
        "within": Field(_span),
        "every": Field(_span, is_required=False),
    }
)
"""What is said of a check of a model, beside the model."""


def written(kind: Said, said: Mapping[str, object]) -> str:
    """One fact as JSON.

    Raises:
        Refusal: With everything that is wrong.
    """
    return as_json(read(kind, said))


def read(kind: Said, said: Mapping[str, object]) -> dict[str, object]:
    """One fact in JSON's terms.

    Raises:
        Refusal: With everything that is wrong.
    """
    item = read_as(FIELDS[kind], said)
    if kind == "trades" and (faults := _order_fault(item)):
        raise Refusal(faults)
    return item


def read_as(fields: Mapping[str, Field], said: Mapping[str, object]) -> dict[str, object]:
    """What has these fields, in JSON's terms.

    Raises:
        Refusal: With everything that is wrong.
    """
    faults = [
        Fault(name, f"no such field. {did_you_mean(name, fields)}".rstrip(". "))
        for name in said
        if name not in fields
    ]
    item: dict[str, object] = {}
    for name, (parse, is_required) in fields.items():
        try:
            raw = _plain(said.get(name))
            if raw is not None:
                item[name] = parse(raw)
            elif is_required:
                faults.append(Fault(name, "required, but missing or empty"))
        except ValueError as refusal:
            faults.append(Fault(name, str(refusal)))
        except Exception as error:  # noqa: BLE001 whatever a bot hands in, it is not raised into it
            faults.append(Fault(name, f"cannot be read: {type(error).__name__}"))
    if faults:
        raise Refusal(tuple(faults))
    return item


def as_json(item: Mapping[str, object]) -> str:
    """As it stands in a batch and in a spool."""
    return json.dumps(item, separators=(",", ":"), allow_nan=False)


def _order_fault(item: Mapping[str, object]) -> tuple[Fault, ...]:
    opened, closed = item["opened_at"], item["closed_at"]
    if cells.time(closed) >= cells.time(opened):
        return ()
    return (Fault("closed_at", f"closed {closed} before it opened {opened}"),)


def _plain(value: object) -> object:
    """The same without what stands for nothing; a number of numpy as one of Python."""
    if type(value).__module__ == "numpy":
        value = getattr(value, "item", lambda: value)()
    return (value.strip() or None) if isinstance(value, str) else value
