"""Reverting to the mean: buy far below the average, sell far above, leave at the average.

Bollinger's bands read the other way round. Source: Bollinger, Bollinger on Bollinger Bands
(2001).
"""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from tiltyard.policies.policy import Intent, Observation, hold, stay


@dataclass(frozen=True, slots=True)
class Reversion:
    """A band about the moving average of the close.

    Attributes:
        bars: Of the average and its deviation.
        width: Deviations from the average at which it enters.
        stop_width: Deviations at which it is wrong.
    """

    bars: int = 48
    width: float = 2.0
    stop_width: float = 4.0

    looks_back: ClassVar[int] = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """The average, the deviation and the close."""
        return (f"average_{self.bars}", f"deviation_{self.bars}", "close")

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 nothing is drawn
        """Long below the band, short above it; out when the average is reached."""
        values = observation.features.values
        if any(name not in values for name in self.needs):
            return stay(observation)
        middle, spread = values[f"average_{self.bars}"], values[f"deviation_{self.bars}"]
        away = values["close"] - middle
        holding = observation.holding
        if away < -self.width * spread:
            return hold("long", middle - self.stop_width * spread)
        if away > self.width * spread:
            return hold("short", middle + self.stop_width * spread)
        if (holding == "long" and away >= 0) or (holding == "short" and away <= 0):
            return Intent("nothing")
        return stay(observation)
