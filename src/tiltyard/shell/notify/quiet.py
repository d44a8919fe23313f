"""Quiet hours: a span of the day in which people are told what is critical and nothing else."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Self

_FORM = re.compile(r"\s*(\d\d:\d\d)\s*-\s*(\d\d:\d\d)\s*")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day to another, which may be on the next day.

    Attributes:
        start: By the clock on the wall.
        end: By the clock on the wall, not the same.
    """

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read them as people write them.

        Raises:
            ValueError: With what is wrong.

        >>> QuietHours.parse("22:00-07:00")
        QuietHours(start=datetime.time(22, 0), end=datetime.time(7, 0))
        """
        match = _FORM.fullmatch(text)
        try:
            start, end = map(time.fromisoformat, match.groups() if match else ())
        except ValueError:
            raise ValueError('expected hours such as "22:00-07:00"') from None  # noqa: TRY003
        if start == end:
            raise ValueError("they begin when they end: leave them out, or name a span")  # noqa: TRY003
        return cls(start, end)

    def hold(self, at: datetime, zone: tzinfo) -> bool:
        """Whether a moment lies in them; an hour that the clocks skip or repeat changes no end.

        Args:
            at: With a time zone.
            zone: Of the clock on the wall.
        """
        today = at.astimezone(zone).date()
        for day in (today - _DAY, today):
            last = day if self.start < self.end else day + _DAY
            begins = datetime.combine(day, self.start, tzinfo=zone).astimezone(UTC)
            ends = datetime.combine(last, self.end, tzinfo=zone).astimezone(UTC)
            if begins <= at < ends:
                return True
        return False
