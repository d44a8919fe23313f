"""Breaking out: enter where the close passes the extreme of many bars, leave at that of fewer.

The turtle rule, named after Donchian's channels. Source: Faith, Way of the Turtle (2007).
"""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from tiltyard.policies.policy import Intent, Observation, stay


@dataclass(frozen=True, slots=True)
class Breakout:
    """Two channels of highs and lows.

    Attributes:
        enter: Bars of the wide channel.
        leave: Bars of the narrow one.
    """

    enter: int = 55
    leave: int = 20

    looks_back: ClassVar[int] = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """Both channels and the close."""
        wide = (f"highest_{self.enter}", f"lowest_{self.enter}")
        return (*wide, f"highest_{self.leave}", f"lowest_{self.leave}", "close")

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 nothing is drawn
        """Long above the wide channel, short below; out at the other side of the narrow one."""
        values = observation.features.values
        if any(name not in values for name in self.needs):
            return stay(observation)
        close, holding = values["close"], observation.holding
        low, high = values[f"lowest_{self.leave}"], values[f"highest_{self.leave}"]
        if close > values[f"highest_{self.enter}"]:
            return Intent("long", low)
        if close < values[f"lowest_{self.enter}"]:
            return Intent("short", high)
        if (holding == "long" and close < low) or (holding == "short" and close > high):
            return Intent("nothing")
        return stay(observation)
