"""Whether an arm's book on paper is told whole: it trades elsewhere as at what it is given.

Who is given an opportunity is drawn by chance, so on one day an arm trades as often at what it was
given as, on paper, at what others were given. A bot that tells only the twins of its live trades,
or forgets some of its trades on paper, trades on paper too seldom; to take silence for "it began
none" would then count 0 wherever it was merely not given the opportunity.

Two things are asked. An arm is *on paper* when it has told a trade on paper at an opportunity of
others, or the twin of a live one while hardly anything was given to others yet. Its paper is told
*whole* unless what is missing is more than chance explains: five trades, and four standard
deviations. Days are compared with themselves, since share and market differ from day to day: of a
day's trades as many are expected elsewhere as there were opportunities (Mantel and Haenszel,
Journal of the National Cancer Institute 22, 1959).

>>> today, bot = date(2025, 7, 7), ToldWhole()
>>> for number in range(200):
...     bot.see(today, is_given=number % 10 == 0, is_live=number % 10 == 0,
...             is_on_paper=number % 10 == 0)
>>> bot.is_on_paper
False
>>> for number in range(200):
...     bot.see(today, is_given=number % 10 == 0, is_live=number % 10 == 0,
...             is_on_paper=number % 3 == 0)
>>> bot.is_on_paper, bot.lack
(True, 'it traded at 100 % of what it was given, and on paper at 17 % of the rest')
"""

from datetime import date
from math import sqrt

FEW = 5
"""Opportunities of others, until which twins alone are a book on paper; fewer missing trades than
that say nothing."""
DEVIATIONS = 4.0


class _Counts:
    """Opportunities, and how many were used, by whether they were the arm's own."""

    __slots__ = ("elsewhere", "elsewhere_traded", "given", "given_traded")

    def __init__(self) -> None:
        self.given = self.given_traded = self.elsewhere = self.elsewhere_traded = 0

    def add(self, *, is_given: bool, is_traded: bool) -> None:
        if is_given:
            self.given += 1
            self.given_traded += is_traded
        else:
            self.elsewhere += 1
            self.elsewhere_traded += is_traded

    def missing(self) -> tuple[float, float]:
        """How many trades elsewhere are missing, and the variance of that by chance."""
        every, traded = self.given + self.elsewhere, self.given_traded + self.elsewhere_traded
        if every < 2:  # noqa: PLR2004 one opportunity is compared with nothing
            return 0.0, 0.0
        expected = traded * self.elsewhere / every
        spread = expected * self.given / every * (every - traded) / (every - 1)
        return expected - self.elsewhere_traded, spread


class ToldWhole:
    """How often an arm traded, by whether the opportunity was its own; since its first on paper."""

    __slots__ = ("_day", "_has_begun", "_missing", "_today", "_variance", "_whole")

    def __init__(self) -> None:
        self._has_begun = False
        self._whole, self._today = _Counts(), _Counts()
        self._day: date | None = None
        self._missing = self._variance = 0.0

    def __copy__(self) -> "ToldWhole":
        other = ToldWhole()
        other._has_begun, other._day = self._has_begun, self._day
        other._missing, other._variance = self._missing, self._variance
        for mine, its in ((self._whole, other._whole), (self._today, other._today)):
            for name in _Counts.__slots__:
                setattr(its, name, getattr(mine, name))
        return other

    def see(self, day: date, *, is_given: bool, is_live: bool, is_on_paper: bool) -> None:
        """One more opportunity.

        Args:
            day: On which it was decided; one day after the other.
            is_given: To this arm.
            is_live: It has a live trade there.
            is_on_paper: It has a trade on paper there, a twin or a shadow.
        """
        self._has_begun |= is_on_paper
        if not self._has_begun:
            return
        if day != self._day:
            missing, variance = self._today.missing()
            self._missing, self._variance = self._missing + missing, self._variance + variance
            self._day, self._today = day, _Counts()
        is_traded = is_on_paper or (is_given and is_live)
        for counts in (self._whole, self._today):
            counts.add(is_given=is_given, is_traded=is_traded)

    @property
    def is_on_paper(self) -> bool:
        """Whether there is a book on paper at all."""
        whole = self._whole
        return self._has_begun and (whole.elsewhere_traded > 0 or whole.elsewhere < FEW)

    @property
    def lack(self) -> str:
        """That the book is not told whole, for people; empty where nothing speaks for it."""
        missing, variance = self._today.missing()
        missing, variance = self._missing + missing, self._variance + variance
        if missing < max(FEW, DEVIATIONS * sqrt(variance)):
            return ""
        whole = self._whole
        given = f"{100 * whole.given_traded / whole.given:.0f} %"
        elsewhere = f"{100 * whole.elsewhere_traded / whole.elsewhere:.0f} %"
        return f"it traded at {given} of what it was given, and on paper at {elsewhere} of the rest"
