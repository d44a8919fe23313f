"""One cell of a row, read exactly or refused.

Every function takes a value that is there and returns it in our type, or raises
``ValueError`` whose text says what was expected and what was found. The row and column
are known to :mod:`tiltyard.facts.intake`, which makes a fault of it.

>>> positive_decimal(0.1)
'0.1'
>>> side("LONG")
'long'
>>> amount(True)
Traceback (most recent call last):
  ...
ValueError: expected a finite decimal number, found True
"""

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, NoReturn

from tiltyard.facts.trade import Book, Side
from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money, money

LONGEST_TEXT = 200
LARGEST_REVISION = 1_000_000
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_COMMA = re.compile(r"[+-]?[\d. ]*,\d+([eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST_DECIMAL = 64
_SHOWN = 40


def refuse(expected: str, value: object) -> NoReturn:
    """Raise what every cell raises: ``expected …, found …``."""
    message = f"expected {expected}, found {_shown(value)}"
    raise ValueError(message)


class DecimalComma(ValueError):  # noqa: N818 it is a refusal, and says of what
    """A number whose decimal sign may be a comma; then no point in the file can be trusted."""


def refuse_number(expected: str, value: object) -> NoReturn:
    """As :func:`refuse`, and tell of a comma that looks like a decimal sign."""
    if isinstance(value, str) and _COMMA.fullmatch(value.strip()):
        message = f"expected a decimal point, found a comma in {_shown(value)}"
        raise DecimalComma(message)
    refuse(expected, value)


def text(value: object) -> str:
    """Printable text of at most 200 characters; a whole number is its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        refuse("text", value)
    if len(value) > LONGEST_TEXT:
        refuse(f"at most {LONGEST_TEXT} characters", value)
    if not value.isprintable():
        refuse("text without control characters", value)
    return value


def side(value: object) -> Side:
    """``long`` or ``short``, in any case."""
    match value.lower() if isinstance(value, str) else None:
        case "long":
            return "long"
        case "short":
            return "short"
    refuse("long or short", value)


def book(value: object) -> Book:
    """``live``, ``shadow`` or ``twin``, in any case."""
    match value.lower() if isinstance(value, str) else None:
        case "live":
            return "live"
        case "shadow":
            return "shadow"
        case "twin":
            return "twin"
    refuse("live, shadow or twin", value)


def time(value: Any, *, assume_utc: bool = False) -> datetime:  # noqa: ANN401 moment refuses the rest
    """UTC, from ISO-8601 with an offset, epoch milliseconds or an aware datetime."""
    if isinstance(value, Decimal) and value.is_finite():
        value = float(value)
    try:
        return moment(value, assume_utc=assume_utc)
    except TiltyardError as error:
        message = f"{error.facts}, found {_shown(value)}"
        raise ValueError(message + f"; {error.remedy}" * bool(error.remedy)) from None


def utc_time(value: Any) -> datetime:  # noqa: ANN401 as above
    """As :func:`time`, reading a time without an offset as UTC."""
    return time(value, assume_utc=True)


def amount(value: Any) -> Money:  # noqa: ANN401 money refuses the rest
    """Money, either sign."""
    try:
        return money(value)
    except TiltyardError:
        number = not isinstance(value, bool) and _is_decimal(str(value).strip())
    refuse_number("an amount below 90 billion" if number else "a finite decimal number", value)


def positive_amount(value: object) -> Money:
    """Money above zero."""
    found = amount(value)
    if found <= 0:
        refuse("more than zero", value)
    return found


def positive_decimal(value: object) -> str:
    """A decimal above zero as its exact text; a float by its shortest form."""
    if isinstance(value, float):
        if 0 < value < float("inf"):
            return repr(value)
    elif isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        exact = str(value)
        if _is_decimal(exact) and Decimal(exact) > 0:
            return exact
    refuse_number("a finite decimal number above zero", value)


def rate(value: object) -> Decimal | None:
    """A fraction such as a fee's, either sign; none when the cell is empty."""
    if value is None or value == "":
        return None
    if isinstance(value, float):
        return _float_rate(value)
    exact = str(value).strip()
    if isinstance(value, bool) or not _is_decimal(exact):
        refuse_number("a finite decimal number", value)
    return Decimal(exact)


@lru_cache(maxsize=1024)
def _float_rate(value: float) -> Decimal:
    """Remembered, because a venue has few rates and many trades."""
    if not isfinite(value):
        refuse("a finite decimal number", value)
    return Decimal(repr(value))


def revision(value: object) -> int:
    """A whole number from 1."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _SHOWN:
        whole: object = int(value)
    else:
        whole = value
    if isinstance(whole, int) and not isinstance(whole, bool) and 1 <= whole <= LARGEST_REVISION:
        return whole
    refuse("a whole number from 1", value)


def _is_decimal(exact: str) -> bool:
    return len(exact) <= _LONGEST_DECIMAL and _DECIMAL.fullmatch(exact) is not None


def _shown(value: object) -> str:
    found = repr(str(value)) if isinstance(value, datetime | Decimal) else repr(value)
    return found if len(found) <= _SHOWN else f"{found[:_SHOWN]}…"
