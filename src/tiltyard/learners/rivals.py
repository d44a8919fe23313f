"""Whom a sizing policy has to beat, and what the gate makes of how they all did.

Doing nothing and holding are asked of every policy. The champion, where one can be played over a
past, trades the same days at the same costs; but of days that it has learnt from, what it makes is
no measure of it. So it is compared on the days that are new to both. Where those are few, or nobody
knows which they are, it is not known who is better.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Value
from tiltyard.learners.examples import MarketData
from tiltyard.learners.gate import Rival, Tried, Verdict, judge
from tiltyard.learners.job import Step
from tiltyard.learners.performance import Result, Stretch
from tiltyard.learners.served import Served
from tiltyard.learners.walk_forward import DAY, Decide, Range, by_policy, known_to, play
from tiltyard.market.costs import Costs
from tiltyard.policies.policy import Holding, Intent, Observation, Policy, stay

AGAINST = ("flat", "buy_and_hold")
CHAMPION = "champion"
AT_ONCE = 128
"""Moments at which a trained champion is asked together."""


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
        """What it makes of some days, decided as on the desk.

        Args:
            data: The past, with funding rates where there are any.
            costs: Of trading.
            within: When it decides.
            tell: Told how far it is.
        """
        if isinstance(self.policy, Served):
            decide = _by_answers(self.policy, data, within, tell)
        else:
            decide = by_policy(self.policy, data.known, within, data.funding)
        return play(data.known, decide, costs, within)

    def to_json(self) -> dict[str, Any]:
        """For a lineage; ``knows_until`` is null where it learns nothing, or nobody knows."""
        is_known = self.knows_until != inf
        knows = None if self.knows_until is None or not is_known else int(self.knows_until)
        return {"name": self.name, "knows_until": knows, "is_known": is_known}


def _by_answers(
    policy: Served, data: MarketData, within: Range, tell: Callable[[Step], object]
) -> Decide:
    """Decisions of a trained policy, which is asked many at a time: what it says is the same."""
    known = known_to(policy, data.known, within, data.funding)
    every, answers = sum(map(len, known.values())), dict[tuple[str, int], list[float] | None]()
    for symbol, moments in known.items():
        numbers = list(moments)
        for first in range(0, len(numbers), AT_ONCE):
            some = numbers[first : first + AT_ONCE]
            said = policy.answers_to([moments[number] for number in some])
            answers |= {(symbol, number): one for number, one in zip(some, said, strict=True)}
            tell(Step("the champion", len(answers), every))

    def decide(symbol: str, number: int, holding: Holding, size: float) -> Intent:
        observation = Observation(known[symbol][number], holding, size)
        answer = answers[symbol, number]
        return stay(observation) if answer is None else policy.intent(answer, observation)

    return decide


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
