"""A rule in force on a desk: one of the catalogue's, within the bounds that the settings give.

It is asked with the rows of everybody. What it compares on paper it compares on paper as far as
the champion and a challenger are both there; who is not is judged by its live trades alone, and
not promoted: what its bets have made is not known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tiltyard.kernel.errors import TiltyardError
from tiltyard.scaling.catalogue import FOR_A_DESK, RULES, OnDesk
from tiltyard.scaling.contender import PROMOTE, STAY, Contender
from tiltyard.scaling.ladder import ShareRules


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in force.

    Attributes:
        see: Told of a live trade; see :mod:`tiltyard.scaling.contender`.
        night: Sets shares and fates.
        terms: What it goes by.
        desk: How it stands on a desk.
    """

    see: Callable[..., None]
    night: Callable[..., None]
    terms: Any
    desk: OnDesk

    def ask(self, champion: Contender, on_paper: Sequence[Contender],
            others: Sequence[Contender]) -> None:  # fmt: skip
        """Set share and fate of every challenger.

        Args:
            champion: Its row.
            on_paper: Rows of challengers that trade on paper, as the champion does.
            others: Rows of those that are known by their live trades alone.
        """
        if not self.compares_on_paper:
            self.night([champion, *on_paper, *others], self.terms)
            return
        self.night([champion, *others], self.alone)
        for row in others:
            row.fate = STAY if row.fate == PROMOTE else row.fate
        self.night([champion, *on_paper], self.terms)  # last, since it is the better estimate
        both = [row for row in (*on_paper, *others) if row.share]
        for row in sorted(both, key=self._claim)[:-1]:
            row.share = 0.0

    def says(self, row: Contender, *, on_paper: bool) -> str:
        """What it has to say of a challenger, for people."""
        return self.desk.says(row, on_paper, self.terms)

    @property
    def compares_on_paper(self) -> bool:
        """Whether it compares what arms made of every opportunity, on paper as well."""
        return self.desk.compares_on_paper

    @property
    def alone(self) -> Any:  # noqa: ANN401 each rule has terms of its own
        """What it goes by with an arm that has no book on paper."""
        return self.terms._replace(has_shadow=0.0) if self.compares_on_paper else self.terms

    @property
    def pauses_below(self) -> float:
        """Profit factor of the last 30 trades below which it gives no real traffic; 0 for none."""
        return self.terms.pf_floor if self.compares_on_paper else 0.0

    @property
    def frees_after(self) -> float:
        """Live trades from which on neither cap nor champion's floor count; 0 for never."""
        return self.terms.early_trades if self.compares_on_paper else 0.0

    def _claim(self, row: Contender) -> float:
        lead = self.terms.lead if row.live_trades >= self.terms.lead_trades else 0.0
        return (row.better + lead) / (1000 if row.pf_30 < self.pauses_below else 1)


def in_force(name: str, bounds: ShareRules) -> Rule:
    """The rule of that name within these bounds.

    Args:
        name: Of a rule that a desk can be run by, but the ladder, which asks no row.
        bounds: Of shares.

    Raises:
        TiltyardError: ``RULE_UNKNOWN`` for another one.
    """
    entry = RULES.get(name)
    if entry.on_desk is None:
        known = f"known: {', '.join(FOR_A_DESK[1:])}"
        raise TiltyardError("RULE_UNKNOWN", name, "no desk is run by its rows", known)
    return Rule(entry.see, entry.night, entry.on_desk.terms(bounds), entry.on_desk)
