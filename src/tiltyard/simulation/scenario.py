"""Under which circumstances rules are compared: pace, dependence, risk, and who turns up."""

from dataclasses import dataclass, replace

import numpy as np

from tiltyard.simulation.population import Floats, Kind, challengers
from tiltyard.simulation.weather import IID, STRONG, USUAL, Dependence, shifts, volatilities
from tiltyard.simulation.world import World

FAST, SLOW = 150, 20
"""Signals a day."""
PACES = {"FAST": FAST, "SLOW": SLOW}
DEPENDENCES = {"iid": IID, "usual": USUAL, "strong": STRONG}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One set of circumstances.

    Attributes:
        pace: ``FAST`` or ``SLOW``.
        dependence: ``iid``, ``usual`` or ``strong``.
        risk_pct: Of the capital, in a trade.
        population: Who turns up.
        optimism: What paper says too much, R.
        own_optimism: Standard deviation of each challenger's own.
    """

    pace: str = "FAST"
    dependence: str = "usual"
    risk_pct: float = 0.25
    population: Kind = "mixed"
    optimism: float = 0.02
    own_optimism: float = 0.0

    def at(self, pace: str) -> "Scenario":
        """The same at another pace."""
        return replace(self, pace=pace)

    def world(self, limits: World) -> World:
        """The world of these circumstances, with the limits of a rule."""
        return limits._replace(
            signals_a_day=PACES[self.pace],
            risk=self.risk_pct / 100,
            persistence=DEPENDENCES[self.dependence].persistence,
            optimism=self.optimism,
            own_optimism=self.own_optimism,
        )

    def draw(self, days: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Who turns up in a run, and the weather: queue, shifts and volatilities."""
        said: Dependence = DEPENDENCES[self.dependence]
        queue = challengers(-(-days // 7) + 1, rng, self.population)
        return queue, shifts(days, said, rng), volatilities(days, said, rng)
