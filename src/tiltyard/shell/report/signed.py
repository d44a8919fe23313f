"""Numbers with a sign, as people read them: what rounds to nothing is never minus nothing."""


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign.

    >>> signed(1.234), signed(-0.001), signed(-0.0006, 3)
    ('+1.23', '+0.00', '-0.001')
    """
    return f"{_rounded(value, digits):+.{digits}f}"


def span(low: float, high: float, digits: int = 2) -> str:
    """An interval, with the sign of each of its ends.

    >>> span(-0.001, 2)
    'interval +0.00 … +2.00'
    """
    return f"interval {signed(low, digits)} … {signed(high, digits)}"


def plain(value: float, digits: int = 2) -> str:
    """A number that has a sign only when it is negative.

    >>> plain(1.234), plain(-0.001)
    ('1.23', '0.00')
    """
    return f"{_rounded(value, digits):.{digits}f}"


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) + 0.0
