"""From what a policy expects to what it holds: one rule, in training and on the desk.

A head says how probable each class of the forward return is; each class has a mean, in units of the
volatility known at the decision. Together they are an *expected move*. Who holds nothing enters
when that is worth more than a round trip costs, `margin` times over; who holds something leaves
when the other direction is expected, and turns when that alone would be worth an entry.

>>> acting = Acting(margin=1.0, round_trip_bps=12.0)
>>> move = expected_move([0.1, 0.1, 0.2, 0.3, 0.3], [-2, -1, 0, 1, 2], 0.01, acting.horizon)
>>> round(move, 4)
0.0294
>>> intent_of(acting, move, "nothing", close=100.0)
Intent(hold='long', stop=None, size=1.0)
>>> intent_of(acting, -0.0001, "long", close=100.0)
Intent(hold='nothing', stop=None, size=1.0)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt
from typing import Any

from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.costs import BPS
from tiltyard.policies.policy import Holding, Intent, hold

VOLATILITY = "volatility_24"
RANGE = "range_14"
"""Features that the rule reads, beside ``close``."""


@dataclass(frozen=True, slots=True)
class Acting:
    """By which a policy acts on what it expects.

    Attributes:
        margin: An entry has to be worth so many round trips.
        round_trip_bps: What one costs, both ways: fees and the spread.
        stop_ranges: A stop so many mean true ranges from the close; 0 for none.
        horizon: Bars that the expected move is about.

    Raises:
        TiltyardError: ``ACTING_INVALID``.
    """

    margin: float = 1.0
    round_trip_bps: float = 12.0
    stop_ranges: float = 0.0
    horizon: int = 24

    def __post_init__(self) -> None:
        numbers = (self.margin, self.round_trip_bps, self.stop_ranges)
        if not all(isfinite(one) and one >= 0 for one in numbers) or self.horizon < 1:
            raise TiltyardError(
                "ACTING_INVALID", "acting",
                f"margin {self.margin}, round_trip_bps {self.round_trip_bps}, "
                f"stop_ranges {self.stop_ranges}, horizon {self.horizon}",
                "expected the first three finite and not below 0, and a horizon of 1 bar or more",
            )  # fmt: skip

    @property
    def needs(self) -> tuple[str, ...]:
        """The features it reads."""
        return ("close", VOLATILITY, *((RANGE,) if self.stop_ranges else ()))

    @property
    def threshold(self) -> float:
        """An expected move beyond it is worth an entry; a log return."""
        return self.margin * self.round_trip_bps / BPS

    @classmethod
    def from_json(cls, told: Any) -> "Acting":  # noqa: ANN401 what a file holds
        """As a snapshot's settings tell it; ``dataclasses.asdict`` is the other way."""
        return cls(**told)


def expected_move(
    probabilities: Sequence[float], class_means: Sequence[float], volatility: float, horizon: int
) -> float:
    """The log return that is expected over a horizon.

    Args:
        probabilities: Of each class; together 1.
        class_means: Mean of each, in units of the volatility over the horizon.
        volatility: Standard deviation of a bar's log return, known at the decision.
        horizon: Bars.
    """
    units = fsum(p * mean for p, mean in zip(probabilities, class_means, strict=True))
    return units * volatility * sqrt(horizon)


def intent_of(
    acting: Acting, move: float, holding: Holding, close: float, mean_range: float | None = None
) -> Intent:
    """What to hold from the next bar on.

    A move that is no finite number, or a range that a stop needs and nobody knows, changes nothing.

    Args:
        acting: The rule's settings.
        move: The expected one, a log return.
        holding: What is held.
        close: The last price.
        mean_range: Mean true range, in the price's currency; asked for where there are stops.
    """
    if not isfinite(move):
        return Intent(holding)
    if abs(move) > acting.threshold:
        wanted: Holding = "long" if move > 0 else "short"
    elif (holding == "long" and move < 0) or (holding == "short" and move > 0):
        return Intent("nothing")
    else:
        return Intent(holding)
    if wanted == holding or not acting.stop_ranges:
        return Intent(wanted)
    if mean_range is None or not isfinite(mean_range):
        return Intent(holding)
    away = acting.stop_ranges * mean_range
    return hold(wanted, close - away if wanted == "long" else close + away)
