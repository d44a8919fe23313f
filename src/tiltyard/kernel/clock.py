"""Times are UTC, and ``now`` is always an argument.

The core never asks what time it is. The shell's :func:`tiltyard.shell.clock.system_now`
does, once per command, and hands it down.

>>> moment(1751902000000).isoformat()
'2025-07-07T15:26:40+00:00'
>>> time_text(moment("2025-07-07T17:00:00+02:00"))
'2025-07-07T15:00:00Z'
"""

from datetime import UTC, datetime, timedelta

from tiltyard.kernel.errors import TiltyardError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
FUTURE = timedelta(seconds=60)
"""Clocks differ by less: what is stamped further ahead of ours is not of now."""
_MICROSECOND = timedelta(microseconds=1)
_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)))


def moment(value: datetime | str | float, *, assume_utc: bool = False) -> datetime:
    """The UTC time that an ISO-8601 text, epoch milliseconds or a datetime names.

    Args:
        value: Text or datetime must carry an offset unless ``assume_utc``.
        assume_utc: Read a time without an offset as UTC.

    Raises:
        TiltyardError: ``TIME_INVALID`` or ``TIME_NAIVE``.
    """
    if isinstance(value, str):
        value = _read(value)
    if isinstance(value, bool) or not isinstance(value, datetime | int | float):
        raise _invalid(value, "expected ISO-8601 or epoch milliseconds")
    if not isinstance(value, datetime):
        value = _from_milliseconds(value)
    elif value.tzinfo is None:
        if not assume_utc:
            raise TiltyardError(
                "TIME_NAIVE",
                str(value)[:40],
                "no UTC offset",
                f"say which, such as {_in_utc(value)} "
                "(ingest, replay and train: or pass --assume-utc)",
            )
        value = value.replace(tzinfo=UTC)
    try:
        value = value.astimezone(UTC)
    except OverflowError:
        raise _invalid(value, "outside the calendar") from None
    if value < EARLIEST:
        raise _invalid(value, "before 1980; epoch times are milliseconds, not seconds")
    return value


def _read(text: str) -> datetime | int:
    text = text.strip()
    if text.isascii() and text.lstrip("-").isdigit() and len(text) != 8:  # noqa: PLR2004 YYYYMMDD
        return int(text[:20])
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(
            text, f"expected ISO-8601{_with_an_hour(text)} or epoch milliseconds"
        ) from None


def _with_an_hour(text: str) -> str:
    """How a date that ends in ``Z`` is told, which by itself is no time."""
    try:
        day = datetime.fromisoformat(text.rstrip("Zz"))
    except ValueError:
        return ""
    return f", such as {_in_utc(day)},"


def _in_utc(naive: datetime) -> str:
    exact = naive.second or naive.microsecond
    return naive.isoformat(timespec="auto" if exact else "minutes") + "Z"


def _from_milliseconds(count: float) -> datetime:
    try:
        return EPOCH + timedelta(milliseconds=count)
    except (OverflowError, ValueError):
        raise _invalid(count, "expected epoch milliseconds") from None


def microseconds(time: datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC; exact."""
    return (time - EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The inverse of :func:`microseconds`."""
    return EPOCH + timedelta(microseconds=count)


def time_text(time: datetime) -> str:
    """ISO-8601 in UTC, ending in ``Z``; fractions only where there are any."""
    return time.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def span_text(span: timedelta) -> str:
    """A length of time in the largest unit of which it is two, else in seconds.

    >>> [span_text(timedelta(seconds=some)) for some in (9, 119, 7199, 7200, 200_000)]
    ['9 s', '119 s', '119 min', '2 h', '2 d']
    """
    for unit, length in _UNITS:
        if span >= 2 * length:
            return f"{span // length} {unit}"
    return f"{span.total_seconds():.0f} s"


def _invalid(value: object, facts: str) -> TiltyardError:
    return TiltyardError("TIME_INVALID", str(value)[:40], facts)
