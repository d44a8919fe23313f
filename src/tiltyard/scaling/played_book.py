"""What an arm did in a world in which a rule is played on a record: its book there.

Comes in: its trades by that rule. Goes out: what limits and rules measure of it by a night. Where
an R is not a known part of the capital, NAV and drawdown are NaN from then on.
"""

from dataclasses import dataclass, field
from math import isnan, nan

from tiltyard.scaling.contender import Contender
from tiltyard.simulation.arena import SHORT, TRIAL

_LEAST_LOSS = 1e-9


@dataclass(slots=True)
class PlayedBook:
    """What an arm did in this world, as far as limits and measures ask.

    Attributes:
        live: Its last 150 live trades: R by the size of the position, and what of the capital.
        recent: Its last 30 results, live and on paper, in R, in turn.
        seen: So many there were.
        gains: Sum of the recent ones that won.
        losses: And of those that lost, above 0.
        nav: Worth of 1 at its arrival, by its live trades.
        peak: The most that ever was.
        arrived: In which night.
        is_new: It has traded since it was measured.
    """

    live: list[tuple[float, float]] = field(default_factory=list)
    recent: list[float] = field(default_factory=lambda: [0.0] * SHORT)
    seen: int = 0
    gains: float = 0.0
    losses: float = 0.0
    nav: float = 1.0
    peak: float = 1.0
    arrived: int = 0
    is_new: bool = True

    def trade(self, made: float, of_capital: float) -> None:
        """One more live trade."""
        self.live.append((made, of_capital))
        del self.live[:-TRIAL]
        self.is_new = True
        self.nav = _grown(self.nav, of_capital)
        self.peak = max(self.peak, self.nav)

    @property
    def drawdown(self) -> float:
        """Below the peak of its trial, percent; NaN when not known."""
        return 100 * (1 - self.nav / self.peak)

    def measure(self, row: Contender, night: int) -> None:
        """Tell its row what it measures by the night."""
        row.age = night - self.arrived
        is_told = self.seen >= SHORT and self.losses > _LEAST_LOSS
        row.pf_30 = self.gains / self.losses if is_told else nan
        if self.is_new:
            row.pf_150, row.dd_150 = self._last_trades()
            self.is_new = False

    def _last_trades(self) -> tuple[float, float]:
        gains = losses = fall = 0.0
        nav = peak = 1.0
        for made, of_capital in self.live:
            gains += max(made, 0.0)
            losses += max(-made, 0.0)
            nav = _grown(nav, of_capital)
            peak = max(peak, nav)
            fall = max(fall, 1 - nav / peak)
        is_full = len(self.live) == TRIAL and losses > 0
        return (gains / losses if is_full else nan), (nan if isnan(nav) else 100 * fall)


def _grown(nav: float, of_capital: float) -> float:
    """The worth after a trade, never below 0; NaN when not known."""
    step = 1 + of_capital
    return 0.0 if step < 0 else nav * step
