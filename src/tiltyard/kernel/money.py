"""Exact money: whole numbers of one hundred-millionth (1e-8) of a currency.

Sums of money are sums of integers, so they do not depend on the order in which
trades arrive. A float enters through its shortest decimal form: ``0.1`` means one
tenth, not 0.1000000000000000055.

>>> money(0.1) + money(0.2) == money("0.3")
True
>>> format_money(money("-1234.5"))
'-1,234.50'
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NewType

from tiltyard.kernel.errors import TiltyardError

Money = NewType("Money", int)
"""An amount of one currency in units of 1e-8."""

UNITS = 10**8
LARGEST = Money(9 * 10**18)
"""Just below what a 64-bit column holds: 90 billion of any currency."""

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)
_EXACT = 2**52


def money(value: float | str | Decimal) -> Money:
    """The amount that a number or its text names, rounded half-even to 1e-8.

    Raises:
        TiltyardError: ``MONEY_INVALID`` for NaN, infinity, words, or more than 90 billion.
    """
    if isinstance(value, float):
        scaled = value * UNITS
        if -_EXACT < scaled < _EXACT:
            units = round(scaled)
            if units / UNITS == value:
                return Money(units)
    elif isinstance(value, int) and not isinstance(value, bool):
        return _bounded(value * UNITS, value)
    elif isinstance(value, str):
        if len(value) > 64 or not _NUMBER.fullmatch(value):  # noqa: PLR2004 no amount is longer
            raise _invalid(value)
    elif not isinstance(value, Decimal):
        raise _invalid(value)
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite() or exact.adjusted() > 12:  # noqa: PLR2004 beyond LARGEST
        raise _invalid(value)
    return _bounded(int((exact * UNITS).to_integral_value(ROUND_HALF_EVEN)), value)


def money_text(amount: Money) -> str:
    """Plain decimal text without trailing zeros, for JSON and the audit.

    >>> money_text(money("12.50"))
    '12.5'
    """
    sign = "-" if amount < 0 else ""
    whole, fraction = divmod(abs(amount), UNITS)
    return f"{sign}{whole}" + (f".{fraction:08d}".rstrip("0") if fraction else "")


def format_money(amount: Money) -> str:
    """Text for people: thousands separated, cents."""
    return f"{Decimal(amount) / UNITS:,.2f}"


def _bounded(units: int, value: object) -> Money:
    if abs(units) > LARGEST:
        raise _invalid(value)
    return Money(units)


def _invalid(value: object) -> TiltyardError:
    return TiltyardError(
        "MONEY_INVALID",
        repr(value)[:40],
        "not an amount of money",
        "expected a finite decimal number below 90 billion",
    )
