"""Whom a sizing policy has to beat, and what the gate makes of how they all did.

Doing nothing and holding are asked of every policy. The champion, where one can be played over a
past, trades the same days at the same costs; but of days that it has learnt from, what it makes is
no measure of it. So it is compared on the days that are new to both. Where those are few, or nobody
knows which they are, it is not known who is better.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from math import inf
from typing import Any, NamedTuple

import numpy as np

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Value
from tiltyard.learners.examples import MarketData
from tiltyard.learners.gate import Rival, Tried, Verdict, judge
from tiltyard.learners.job import Step
from tiltyard.learners.performance import Result, Stretch
from tiltyard.learners.served import Served
from tiltyard.learners.walk_forward import DAY, Range, by_policy, play
from tiltyard.market.costs import Costs
from tiltyard.policies.policy import Holding, Intent, Policy

AGAINST = ("flat", "buy_and_hold")
CHAMPION = "champion"
TELLS_EVERY = 100
"""Decisions of a champion, between two times that somebody is told of."""


class Champion(NamedTuple):
    """Whom a new one has to beat.

    Attributes:
        name: Of its arm.
        policy: It decides alike live and here; it draws nothing.
        knows_until: Seconds since 1970 until when it has learnt; None for one that learns nothing,
            infinite where nobody knows.
    """

    name: str
    policy: Policy
    knows_until: float | None = None

    def check(self, data: MarketData) -> None:
        """Refuse one that cannot be played over a past.

        Args:
            data: The past.

        Raises:
            TiltyardError: ``CHAMPION_DIFFERS``.
        """
        if not isinstance(self.policy, Served):
            return
        unknown = sorted(data.known.keys() - self.policy.symbols)
        if unknown or self.policy.interval != data.interval:
            facts = f"it does not know {', '.join(unknown)}" if unknown else (
                f"it trades on bars of {self.policy.interval}, and these are of {data.interval}"
            )  # fmt: skip
            raise TiltyardError(
                "CHAMPION_DIFFERS", self.name, facts,
                "train on its bars and its markets, or name another one: --champion",
            )  # fmt: skip

    def played(
        self, data: MarketData, costs: Costs, within: Range, tell: Callable[[Step], object]
    ) -> Result:
        """What it makes of some days; it is asked bar by bar, as the desk does, which takes long.

        Args:
            data: The past, with funding rates where there are any.
            costs: Of trading.
            within: When it decides.
            tell: Told how far it is.
        """
        decide = by_policy(self.policy, data.known, within, data.funding)
        every = sum(
            int(np.ptp(np.searchsorted(one.closed_at, within))) for one in data.known.values()
        )
        asked = count(1)

        def telling(symbol: str, number: int, holding: Holding, size: float) -> Intent:
            done = next(asked)
            if not done % TELLS_EVERY:
                tell(Step("the champion", done, every))
            return decide(symbol, number, holding, size)

        return play(data.known, telling, costs, within)

    def to_json(self) -> dict[str, Any]:
        """For a lineage; ``knows_until`` is null where it learns nothing, or nobody knows."""
        is_known = self.knows_until != inf
        knows = None if self.knows_until is None or not is_known else int(self.knows_until)
        return {"name": self.name, "knows_until": knows, "is_known": is_known}


def judged(
    seeds: Sequence[tuple[int, Result]], together: Result, others: Mapping[str, Result],
    champion: Champion | None, *, is_partial: bool, untaught: int,
) -> Verdict:  # fmt: skip
    """What the gate says of a training.

    Args:
        seeds: Each, and what it made of the tests.
        together: What all of them made together, as they will serve.
        others: What others made, by name.
        champion: Whose result is among these, if there is one.
        is_partial: The time was up before everything was learnt.
        untaught: Networks that were never improved.
    """
    against = {name: _mean(others[name]) for name in AGAINST}
    rival = None
    if champion is not None and champion.knows_until is None:
        against[CHAMPION] = _mean(others[CHAMPION])
    elif champion is not None:
        rival = _on_new_days(champion.knows_until or 0, seeds, others[CHAMPION])
    return judge(
        [Tried(seed, _mean(one), one.constant) for seed, one in seeds], against,
        champion=rival, together=Tried(0, _mean(together), together.constant),
        is_partial=is_partial, untaught=untaught,
    )  # fmt: skip


def _on_new_days(knows_until: float, seeds: Sequence[tuple[int, Result]], result: Result) -> Rival:
    """The champion, and each seed, on the days that it has not learnt from."""
    days = result.days
    new = days[days * DAY >= knows_until]
    if not len(new):
        return Rival(None, [None] * len(seeds), 0)
    first, last = int(new[0]), int(new[-1])
    return Rival(
        _mean(result.within(first, last)),
        [_mean(one.within(first, last)) for _, one in seeds], len(new),
    )  # fmt: skip


def _mean(result: Stretch) -> float | None:
    reading = result.daily_return
    return reading.number if isinstance(reading, Value) else None
