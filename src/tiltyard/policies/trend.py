"""Following the trend: long while a fast moving average is above a slow one, else short.

Always in the market once both are known. On 1 h perpetuals 20/100 and 50/200 are the usual
pairs. Source: Kaufman, Trading Systems and Methods, 5th ed., ch. 8.
"""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from tiltyard.policies.policy import Intent, Observation, hold, stay


@dataclass(frozen=True, slots=True)
class Trend:
    """Two moving averages of the close.

    Attributes:
        fast: Bars in the fast one.
        slow: Bars in the slow one.
        stop_ranges: A stop so many mean true ranges from the close; 0 for none.
    """

    fast: int = 20
    slow: int = 100
    stop_ranges: float = 0.0

    looks_back: ClassVar[int] = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """Both averages, the close, and the range for a stop."""
        stop = ("range_14",) if self.stop_ranges else ()
        return (f"average_{self.fast}", f"average_{self.slow}", "close", *stop)

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 nothing is drawn
        """Long above, short below; on a tie it stays."""
        values = observation.features.values
        fast, slow = values.get(f"average_{self.fast}"), values.get(f"average_{self.slow}")
        if fast is None or slow is None or fast == slow:
            return stay(observation)
        if not self.stop_ranges:
            return Intent("long" if fast > slow else "short")
        if (reach := values.get("range_14")) is None:
            return stay(observation)
        away = self.stop_ranges * reach
        if fast > slow:
            return hold("long", values["close"] - away)
        return hold("short", values["close"] + away)
