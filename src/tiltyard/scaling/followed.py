"""What a rule has followed of each arm: its row, made from the facts alone.

Comes in: decisions, and the trades of all books as they close, in the order of their times. Goes
out, once a trading day has begun: what the rule knows of the champion and of each challenger as
of that moment, so that whoever asks later on the same day is told the same.

A live trade counts in R when it closes, since the arm's trial began. A rule that compares on
paper is shown every opportunity as well, a given episode: what each arm made of it, for real
where it was given to it and on paper elsewhere, and 0 where an arm began none. An opportunity
counts when the longest trade so far would be over; a trade that was still longer is put in its
place when it closes. An arm is compared from the first opportunity on that it entered on paper;
``flat``, which trades nothing, always. What an arm made is compared with what the present
champion made, also of what was before its reign, and evidence of before a trial goes on.

The unit is R where every trade of the arms says what it risked, else percent of capital, told by
what the champion usually loses (:mod:`~tiltyard.scaling.typical_loss`); where that is ``flat``, by
what everybody does.

Everything is told once and kept in one record, a line for each trade and opportunity. The rows are
that record gone through; with another champion, arm or trial it is gone through again. So they
depend on the facts, and not on when somebody asked.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice

from tiltyard.facts.arm import FLAT
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.metrics.terciles import MOST
from tiltyard.scaling.contender import Contender
from tiltyard.scaling.in_force import Rule
from tiltyard.scaling.reading import (
    Closed,
    Counted,
    DayBegins,
    Entry,
    Given,
    Known,
    Reading,
    Result,
    Trials,
)
from tiltyard.scaling.typical_loss import LOSSES_NEEDED, percent_of_an_r, too_few_losses


class Followed:
    """What one rule has followed.

    Args:
        rule: The one in force.
        begins: When the trading day began that a time lies in.
    """

    def __init__(self, rule: Rule, begins: Callable[[datetime], datetime]) -> None:
        self._rule = rule
        self._begins = begins
        self._record: list[Entry] = []
        self._days: list[tuple[datetime, int]] = []
        self._waiting: OrderedDict[str, Given] = OrderedDict()
        self._settled: OrderedDict[str, Given] = OrderedDict()
        self._silent: tuple[set[str], set[str]] = set(), set()
        self._listened = 0
        self._longest = timedelta(0)
        self._ends: datetime | None = None
        self._reading: Reading | None = None

    def decide(self, decision: Decision) -> None:
        """An episode was given to an arm."""
        if self._rule.compares_on_paper:
            self.turn(decision.decided_at)
            self._waiting.setdefault(
                decision.episode_id, Given(decision.decided_at, decision.policy)
            )
            if len(self._waiting) > MOST:
                self._settle(*self._waiting.popitem(last=False))

    def close(self, trade: Trade) -> None:
        """A trade of any book has closed."""
        self.turn(trade.closed_at)
        if trade.book != "twin":
            self._record.append(Closed(trade.policy, trade.book == "live", _result(trade)))
        if self._rule.compares_on_paper and trade.episode_id is not None:
            self._credit(trade, trade.episode_id)

    def turn(self, at: datetime) -> None:
        """It is ``at``: of each trading day that has begun, what was known before is kept."""
        day = self._begins(at) if self._ends is None else self._ends
        while self._ends is None or at >= self._ends:
            self._record.append(DayBegins())
            while self._waiting:
                name, opportunity = next(iter(self._waiting.items()))
                if day - opportunity.decided_at <= self._longest:
                    break
                self._settle(name, self._waiting.pop(name))
            self._days.append((day, len(self._record)))
            day = self._ends = self._begins(day + timedelta(hours=36))  # no day is longer than 25

    def known(self, champion: str, trials: Trials, at: datetime) -> Mapping[str, Known]:
        """What is known of each arm as of when the trading day of ``at`` began.

        Args:
            champion: Who it is now.
            trials: Of all arms that are to be compared, the champion's included.
            at: UTC.
        """
        self.turn(at)
        ordered = {champion: trials.get(champion)} | dict(trials)
        today = self._begins(at)
        complete = next((end for day, end in reversed(self._days) if day <= today), 0)
        self._note_silent(complete)
        in_r, in_percent = (silent.isdisjoint(ordered) for silent in self._silent)
        is_percent = in_percent and not in_r
        counted, lacks = Counted("R"), ""
        if is_percent:
            scale, lacks = self._scale(champion, complete)
            counted = Counted("%", scale)
        if lacks:
            return {name: Known(Contender(), is_on_paper=False, lacks=lacks) for name in ordered}
        if self._reading is None or not self._reading.is_of(ordered, counted):
            self._reading = Reading(self._rule, ordered, counted)
        self._reading.go_on(self._record[self._reading.read : complete])
        return self._reading.known(today)

    def _note_silent(self, complete: int) -> None:
        """Who has trades that do not say enough, as far as the record counts."""
        for entry in islice(self._record, self._listened, complete):
            if isinstance(entry, Closed):
                for told, silent in zip(entry.result[2:], self._silent, strict=True):
                    if not told:
                        silent.add(entry.policy)
        self._listened = max(self._listened, complete)

    def _scale(self, champion: str, complete: int) -> tuple[float, str]:
        """So many percent of capital are an R; or what is missing to say that."""
        losses: list[float] = []
        for entry in islice(self._record, complete):
            if isinstance(entry, Closed) and champion in (entry.policy, FLAT):
                one = entry.result
                if one.pnl < 0 and one.capital:
                    losses.append(-100 * one.pnl / one.capital)
            if len(losses) == LOSSES_NEEDED:
                return percent_of_an_r(losses), ""
        whose = "all arms have" if champion == FLAT else "the champion has"
        return 1.0, too_few_losses(len(losses), whose)

    def _credit(self, trade: Trade, episode: str) -> None:
        opportunity = self._waiting.get(episode) or self._settled.get(episode)
        if opportunity is None:
            return
        self._longest = max(self._longest, trade.closed_at - opportunity.decided_at)
        if trade.book != "live":
            opportunity.paper.setdefault(trade.policy, []).append(_result(trade))
        elif trade.policy == opportunity.given_to:
            opportunity.live.append(_result(trade))
        if opportunity.is_recorded:
            self._reading = None  # it was taken for complete

    def _settle(self, name: str, opportunity: Given) -> None:
        opportunity.is_recorded = True
        self._record.append(opportunity)
        self._settled[name] = opportunity
        if len(self._settled) > MOST:
            self._settled.popitem(last=False)


def _result(trade: Trade) -> Result:
    return Result(trade.closed_at, trade.pnl, trade.risk, trade.capital)
