"""What a policy would have earned, from what was logged while others chose as well.

Every opportunity was given away by chance, and the chance was written down. One that had a tenth
of it and was given to the policy stands for ten. Three estimates of the mean reward, had the
policy had them all, follow from that:

- inverse propensity: rewards by their weights, over all opportunities. Right on average, whatever
  the rewards are; widest.
- self-normalised: the same over the sum of the weights. It is off by a little in small samples,
  and mostly narrower.
- doubly robust: what a model says of all opportunities, and by weight how far it was off on those
  that were given. Right on average whether the model is good or not, as long as what it says of an
  opportunity, and whether it says anything, would be the same whoever had been given it: then only
  is what it misses elsewhere what it misses here. Narrow where it is good.

A weight is the probability with which the policy would have chosen what was chosen, over that with
which it was. No weight is cut. How much the heaviest of them makes out, and how many equal ones all
of them are worth (the effective sample size), is said instead. Sums are whole numbers by block, so
order and merging change nothing, and each opportunity costs the same.

>>> seen = OffPolicy()
>>> for number in range(1_000):
...     is_given = number % 10 == 0
...     seen.push(1 + number % 20 / 20 if is_given else 9, 10.0 * is_given, block=number // 50)
>>> value = seen.value()
>>> value.self_normalised
Estimate(value=1.25, low=1.22599, high=1.27401)
>>> value.given, value.effective, value.heaviest
(100, 100.0, 0.01)
>>> print(value.doubly_robust)
undefined (unobserved: no model says what it was worth)

Sources: Horvitz and Thompson, Journal of the American Statistical Association 47 (1952); Dudík,
Langford and Li, Doubly robust policy evaluation and learning, ICML 2011; Kong, A note on importance
sampling using standardized weights, 1992.
"""

from collections.abc import Hashable
from typing import NamedTuple

from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.blocks import NEEDED as BLOCKS_NEEDED
from tiltyard.metrics.blocks import deviation, sigmas

EFFECTIVE_NEEDED = 30
"""So many equal weights at least the weights must be worth."""
_SCALE = 10**12
_COUNT, _WEIGHT, _WEIGHTED, _CORRECTED = range(4)
"""The sums of a block, all scaled."""


class Estimate(NamedTuple):
    """A mean reward.

    Attributes:
        value: In the unit of the rewards.
        low: Lower end of the interval of 95 %.
        high: Upper end.
    """

    value: float
    low: float
    high: float


class OffPolicyValue(NamedTuple):
    """What a policy would have earned, and how much that is made from.

    Attributes:
        inverse_propensity: Rewards by weight, over all opportunities.
        self_normalised: The same over the sum of the weights.
        doubly_robust: A model, corrected by weight.
        opportunities: How many there were.
        given: Those that the policy might have chosen as well, with a weight above 0.
        effective: How many equal weights theirs are worth.
        heaviest: Share of the heaviest weight in all, 0..1.
        clipped: How many of the trades that rewards and model are made from were clipped before.
    """

    inverse_propensity: Estimate | Undefined
    self_normalised: Estimate | Undefined
    doubly_robust: Estimate | Undefined
    opportunities: int
    given: int
    effective: float
    heaviest: float
    clipped: int = 0

    @property
    def estimates(self) -> tuple[tuple[str, Estimate | Undefined], ...]:
        """The three by name."""
        names = ("inverse_propensity", "self_normalised", "doubly_robust")
        return tuple(zip(names, self[:3], strict=True))


class OffPolicy:
    """Sums over opportunities, by block; mergeable.

    Attributes:
        opportunities: So many were told.
    """

    def __init__(self) -> None:
        self.opportunities = 0
        self._blocks: dict[Hashable, list[int]] = {}
        self._given = 0
        self._modelled = 0
        self._squares = 0
        self._heaviest = 0

    def push(
        self,
        reward: float,
        weight: float,
        *,
        block: Hashable,
        model: tuple[float, float] | None = None,
    ) -> None:
        """One more opportunity.

        Args:
            reward: Of what was chosen; not read where the weight is 0.
            weight: Probability that the policy would have chosen it, over that with which it was.
            block: Opportunities of one block may depend on each other, those of others do not.
            model: What it expects of what was chosen, and of what the policy would have chosen;
                None where it says nothing, which counts as 0.
        """
        logged, own = (0.0, 0.0) if model is None else model
        scaled = round(weight * _SCALE)
        sums = self._blocks.get(block)
        if sums is None:
            sums = self._blocks[block] = [0, 0, 0, 0]
        sums[_COUNT] += _SCALE
        sums[_CORRECTED] += round(own * _SCALE)
        self.opportunities += 1
        self._modelled += model is not None
        if not scaled:
            return
        sums[_WEIGHT] += scaled
        sums[_WEIGHTED] += round(weight * reward * _SCALE)
        sums[_CORRECTED] += round(weight * (reward - logged) * _SCALE)
        self._given += 1
        self._squares += scaled * scaled
        self._heaviest = max(self._heaviest, scaled)

    def merge(self, other: "OffPolicy") -> "OffPolicy":
        """Both together."""
        both = OffPolicy()
        for one in (self, other):
            for block, sums in one._blocks.items():  # noqa: SLF001 of its own kind
                mine = both._blocks.setdefault(block, [0, 0, 0, 0])
                mine[:] = map(sum, zip(mine, sums, strict=True))
            both.opportunities += one.opportunities
            both._given += one._given  # noqa: SLF001 as above
            both._modelled += one._modelled  # noqa: SLF001 as above
            both._squares += one._squares  # noqa: SLF001 as above
            both._heaviest = max(both._heaviest, one._heaviest)  # noqa: SLF001 as above
        return both

    def value(self) -> OffPolicyValue:
        """The three estimates; too little of what was given makes all of them undefined."""
        weights = sum(sums[_WEIGHT] for sums in self._blocks.values())
        effective = weights * weights / self._squares if self._squares else 0.0
        heaviest = self._heaviest / weights if weights else 0.0
        lack = self._lack(effective)
        modelled = lack or self._lack_of_model()
        return OffPolicyValue(
            lack or self._ratio(_WEIGHTED, _COUNT),
            lack or self._ratio(_WEIGHTED, _WEIGHT),
            modelled or self._ratio(_CORRECTED, _COUNT),
            self.opportunities, self._given, round(effective, 6), round(heaviest, 6),
        )  # fmt: skip

    def _lack(self, effective: float) -> Undefined | None:
        """Why nothing can be said; None when something can."""
        if not self.opportunities:
            return Undefined("unobserved", "nobody has told with what probability who was chosen")
        if not self._given:
            return Undefined(
                "no_traffic", f"none of {self.opportunities:,} could have been its own"
            )
        if effective < EFFECTIVE_NEEDED:
            worth = f"those given are worth {effective:.3g} of {EFFECTIVE_NEEDED} equal ones"
            return Undefined("warming", worth, self._given)
        if self._told_blocks < BLOCKS_NEEDED:
            of_blocks = f"given on {self._told_blocks} of {BLOCKS_NEEDED} days"
            return Undefined("warming", of_blocks, self._given)
        return None

    def _lack_of_model(self) -> Undefined | None:
        return (
            None if self._modelled else Undefined("unobserved", "no model says what it was worth")
        )

    @property
    def _told_blocks(self) -> int:
        return sum(sums[_WEIGHT] > 0 for sums in self._blocks.values())

    def _ratio(self, above: int, below: int) -> Estimate:
        """One sum over another, with the interval that follows from how the blocks differ."""
        whole = sum(sums[below] for sums in self._blocks.values())
        mean = sum(sums[above] for sums in self._blocks.values()) / whole
        parts = ((sums[above] - mean * sums[below]) / whole for sums in self._blocks.values())
        away = sigmas(self._told_blocks) * deviation(parts)
        return Estimate(round(mean, 6), round(mean - away, 6), round(mean + away, 6))
