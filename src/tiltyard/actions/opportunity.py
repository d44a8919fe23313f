"""An opportunity of a receipt: what each arm made there, in R and in percent of its capital.

An R-multiple counts from -2.5 to 6, the bounds of the evidence rule: one whose stop lay very near
is a number without a meaning, and would outweigh all others. Percent of capital counts as it is.

>>> cell = Cell()
>>> cell.shadows += [Result(57.85, 1.2), Result(-1.0, None)]
>>> cell.made("R"), cell.clipped("R"), cell.is_bare("%")
(5.0, 1, True)
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from tiltyard.facts.trade import Trade
from tiltyard.metrics.unit import Unit, clipped, made


class Result(NamedTuple):
    """What a trade made.

    Attributes:
        r: R-multiple; None when it does not say what it risked.
        percent: Of its capital; None when it does not say that.
    """

    r: float | None
    percent: float | None

    def told(self, unit: Unit) -> float | None:
        """As the trade tells it."""
        return self.r if unit == "R" else self.percent

    def counted(self, unit: Unit) -> float:
        """As it counts; 0 for what is not told."""
        told = self.told(unit) or 0.0
        return clipped(told) if unit == "R" else told


def result_of(trade: Trade) -> Result:
    """What a closed trade made."""
    return Result(made(trade, "R"), made(trade, "%"))


@dataclass(slots=True)
class Cell:
    """What one arm did at one opportunity.

    Attributes:
        shadows: Of its trades in the shadow book.
        twins: Of the twins of its live ones.
        live: Of its live ones.
        is_unrouted: Whether a live one was given to it by nobody: it names no episode.
    """

    shadows: list[Result] = field(default_factory=list)
    twins: list[Result] = field(default_factory=list)
    live: list[Result] = field(default_factory=list)
    is_unrouted: bool = False

    def add(self, trade: Trade, result: Result) -> None:
        """One more of its trades."""
        if trade.book == "live":
            self.live.append(result)
            self.is_unrouted |= trade.episode_id is None
        else:
            (self.twins if trade.book == "twin" else self.shadows).append(result)

    @property
    def paper(self) -> list[Result]:
        """Of its trades on paper, each once.

        A shadow trade beside a twin was live, until a replay found that its arm had no traffic.
        """
        return self.shadows or self.twins

    def is_bare(self, unit: Unit) -> bool:
        """Whether a trade does not say enough."""
        return any(one.told(unit) is None for one in (*self.paper, *self.live))

    def made(self, unit: Unit, gap: float = 0.0) -> float:
        """What the arm made, or would have made, for real.

        Args:
            unit: In what.
            gap: What a live trade of it makes more than one on paper.
        """
        if not self.paper:
            return self.live_made(unit)
        return sum(one.counted(unit) for one in self.paper) + len(self.paper) * gap

    def live_made(self, unit: Unit) -> float:
        """What it made for real."""
        return sum(one.counted(unit) for one in self.live)

    def clipped(self, unit: Unit) -> int:
        """How many trades count for less than they made, or lost."""
        return sum(one.counted(unit) != (one.told(unit) or 0.0) for one in self.paper or self.live)


@dataclass(slots=True)
class Opportunity:
    """One that some arm used.

    Attributes:
        began: When the first of its trades was opened.
        cells: By arm.
    """

    began: datetime
    cells: dict[str, Cell]

    def is_bare(self, unit: Unit) -> bool:
        """Whether a trade of any arm does not say enough."""
        return any(cell.is_bare(unit) for cell in self.cells.values())
