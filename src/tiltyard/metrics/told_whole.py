"""Whether an arm's book on paper is told whole: it trades elsewhere as at what it is given.

Who is given an opportunity is drawn by chance, so an arm trades as often at what it was given as,
on paper, at what others were given. A bot that tells only the twins of its live trades, or forgets
some of its trades on paper, trades on paper too seldom; to take silence for "it began none" would
then count 0 wherever it was merely not given the opportunity.

Two things are asked. An arm is *on paper* when it has told a trade on paper at an opportunity of
others, or the twin of a live one while hardly anything was given to others yet. Its paper is told
*whole* unless what is missing is more than chance explains: five trades, and four standard
deviations.

>>> bot = ToldWhole()
>>> for number in range(200):
...     bot.see(is_given=number % 10 == 0, is_live=number % 10 == 0, is_on_paper=number % 10 == 0)
>>> bot.is_on_paper
False
>>> for number in range(200):
...     bot.see(is_given=number % 10 == 0, is_live=number % 10 == 0, is_on_paper=number % 3 == 0)
>>> bot.is_on_paper, bot.lack
(True, 'it traded at 100 % of what it was given, and on paper at 17 % of the rest')
"""

from math import sqrt

FEW = 5
"""Opportunities of others, until which twins alone are a book on paper; fewer missing trades than
that say nothing."""
DEVIATIONS = 4.0


class ToldWhole:
    """How often an arm traded, by whether the opportunity was its own; since its first on paper."""

    __slots__ = ("_elsewhere", "_elsewhere_traded", "_given", "_given_traded", "_has_begun")

    def __init__(self) -> None:
        self._has_begun = False
        self._given = self._given_traded = 0
        self._elsewhere = self._elsewhere_traded = 0

    def see(self, *, is_given: bool, is_live: bool, is_on_paper: bool) -> None:
        """One more opportunity.

        Args:
            is_given: To this arm.
            is_live: It has a live trade there.
            is_on_paper: It has a trade on paper there, a twin or a shadow.
        """
        self._has_begun |= is_on_paper
        if not self._has_begun:
            return
        if is_given:
            self._given += 1
            self._given_traded += is_live or is_on_paper
        else:
            self._elsewhere += 1
            self._elsewhere_traded += is_on_paper

    @property
    def is_on_paper(self) -> bool:
        """Whether there is a book on paper at all."""
        return self._has_begun and (self._elsewhere_traded > 0 or self._elsewhere < FEW)

    @property
    def lack(self) -> str:
        """That the book is not told whole, for people; empty where nothing speaks for it."""
        if not (self._given and self._elsewhere):
            return ""
        usual = (self._given_traded + 0.5) / (self._given + 1)
        spread = usual * (1 - usual)
        missing = usual * self._elsewhere - self._elsewhere_traded
        error = sqrt(spread * self._elsewhere * (1 + self._elsewhere / self._given))
        if missing < max(FEW, DEVIATIONS * error):
            return ""
        given, elsewhere = (
            f"{100 * traded / every:.0f} %"
            for traded, every in (
                (self._given_traded, self._given),
                (self._elsewhere_traded, self._elsewhere),
            )
        )
        return f"it traded at {given} of what it was given, and on paper at {elsewhere} of the rest"
