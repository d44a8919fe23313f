"""The rules that a desk can be run by, by name, beside the ladder.

Each is one of the rules behind the port (:mod:`tiltyard.scaling.contender`), with the bounds of
shares that the settings give it, and what it says in a trader's words of the row that it left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tiltyard.kernel.registry import Registry
from tiltyard.scaling import epsilon_greedy, evidence, sprt, static, thompson
from tiltyard.scaling.contender import RETIRE, TIME_OUT, Contender
from tiltyard.scaling.epsilon_greedy import EpsilonGreedyRule
from tiltyard.scaling.evidence import EvidenceRule
from tiltyard.scaling.ladder import ShareRules
from tiltyard.scaling.paired import wealth
from tiltyard.scaling.sprt import SprtRule
from tiltyard.scaling.static import StaticRule
from tiltyard.scaling.thompson import ThompsonRule

LADDER = "ladder"
"""The rule of :mod:`tiltyard.scaling.ladder`, which asks no row."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in force.

    Attributes:
        name: As the settings name it.
        see: Told of a live trade; see :mod:`tiltyard.scaling.contender`.
        night: Sets shares and fates.
        values: What it goes by.
        alone: What it goes by with an arm that has no book on paper.
        says: What it has to say of a challenger, for people.
        judges: It goes by what the arms made; else everybody is given the same.
        compares_on_paper: It compares what arms made of every opportunity, on paper as well.
        pauses_below: Profit factor of the last 30 trades below which it gives no real traffic.
        is_for_one: Only one challenger at a time has real traffic.
        frees_after: Live trades from which on neither cap nor champion's floor count; 0 for never.
    """

    name: str
    see: Callable[..., None]
    night: Callable[..., None]
    values: Any
    alone: Any
    says: Callable[[Contender, bool], str]
    judges: bool = True
    compares_on_paper: bool = False
    pauses_below: float = 0.0
    is_for_one: bool = False
    frees_after: int = 0

    def ask(self, champion: Contender, on_paper: Sequence[Contender],
            others: Sequence[Contender]) -> None:  # fmt: skip
        """Set share and fate of every challenger.

        Args:
            champion: Its row.
            on_paper: Rows of challengers that trade on paper, as the champion does.
            others: Rows of those that are known by their live trades alone.
        """
        if not self.compares_on_paper:
            self.night([champion, *on_paper, *others], self.values)
            return
        self.night([champion, *others], self.alone)
        self.night([champion, *on_paper], self.values)  # last, since it is the better estimate
        both = [row for row in (*on_paper, *others) if row.share]
        for row in sorted(both, key=self._claim)[:-1]:
            row.share = 0.0

    def _claim(self, row: Contender) -> float:
        lead = self.values.lead if row.live_trades >= self.values.lead_trades else 0.0
        return (row.better + lead) / (1000 if row.pf_30 < self.pauses_below else 1)


def _static(rules: ShareRules) -> Rule:
    values = StaticRule(rules.start)
    return Rule("static", static.see, static.night, values, values, _says_same, judges=False)


def _thompson(rules: ShareRules) -> Rule:
    values = ThompsonRule(rules.start, rules.cap)
    return Rule("thompson", thompson.see, thompson.night, values, values, _says_better)


def _thompson_beta(rules: ShareRules) -> Rule:
    values = ThompsonRule(rules.start, rules.cap, by_wins=1.0)
    return Rule("thompson_beta", thompson.see, thompson.night, values, values, _says_better)


def _epsilon_greedy(rules: ShareRules) -> Rule:
    values, module = EpsilonGreedyRule(rules.start, rules.cap), epsilon_greedy
    return Rule("epsilon_greedy", module.see, module.night, values, values, _says_mean)


def _sprt(rules: ShareRules) -> Rule:
    values = SprtRule(rules.start)
    return Rule("sprt", sprt.see, sprt.night, values, values, _says_odds)


def _evidence(rules: ShareRules) -> Rule:
    values = EvidenceRule(rules.start, rules.cap)
    return Rule(
        "evidence", evidence.see, evidence.night, values, values._replace(has_shadow=0.0),
        lambda row, on_paper: _says_evidence(row, values, on_paper=on_paper),
        compares_on_paper=True, pauses_below=values.pf_floor, is_for_one=True,
        frees_after=int(values.early_trades),
    )  # fmt: skip


RULES: Registry[Callable[[ShareRules], Rule]] = Registry("rule")
for _name, _made in {
    "static": _static, "thompson": _thompson, "thompson_beta": _thompson_beta,
    "epsilon_greedy": _epsilon_greedy, "sprt": _sprt, "evidence": _evidence,
}.items():  # fmt: skip
    RULES.add(_name, _made)


def _says_same(_: Contender, __: bool) -> str:  # noqa: FBT001 what the port tells
    return "everybody has the same"


def _says_better(row: Contender, _: bool) -> str:  # noqa: FBT001 what the port tells
    ends = {RETIRE: ": retire it"}.get(row.fate, "")
    return f"better with {chance(row.better)} after {row.live_trades:,.0f} live trades{ends}"


def _says_mean(row: Contender, _: bool) -> str:  # noqa: FBT001 what the port tells
    return f"{row.live_mean:.2f} R a trade after {row.live_trades:,.0f} live trades"


def _says_odds(row: Contender, _: bool) -> str:  # noqa: FBT001 what the port tells
    ends = {RETIRE: ": retire it"}.get(row.fate, "")
    return (
        f"log odds of being better {row.ratio:.1f} after {row.live_trades:,.0f} live trades{ends}"
    )


def _says_evidence(row: Contender, rule: EvidenceRule, *, on_paper: bool) -> str:
    if on_paper and row.signals < rule.warm_signals:
        return f"{row.signals:.0f} of {rule.warm_signals:.0f} opportunities: no real traffic yet"
    seen = f"{row.live_trades:,.0f} live trades alone, it has none on paper"
    if on_paper:
        seen = f"{row.signals:,.0f} opportunities"
    told = f"better with {chance(row.better)} by {seen}"
    if row.fate == RETIRE:
        return f"{told}: retire it"
    if row.fate == TIME_OUT:
        had = f"{row.live_trades:,.0f} live trades"
        return f"{told}: its time is up, after {row.age:.0f} days and {had}"
    why_not = _why_no_traffic(row, rule)
    made = "over 1,000" if wealth(row) > 1000 else f"{wealth(row):.3g}"  # noqa: PLR2004 enough
    bets = f", its bets have made {made} of one" if on_paper else ""
    return f"{told}{bets}{why_not}"


def _why_no_traffic(row: Contender, rule: EvidenceRule) -> str:
    """Why it has none, though it is not done with; empty where it has some."""
    if row.better < rule.least_better:
        return ": no real traffic"
    if row.pf_30 < rule.pf_floor:
        factor = f"the profit factor of its last 30 trades, {row.pf_30:.2f}, is below"
        return f", but {factor} {rule.pf_floor:g}: no real traffic"
    return "" if row.share else ": another one is preferred"


def proposal(row: Contender, told: str) -> str:
    """What speaks for making a challenger the champion."""
    after = f"{row.live_trades:,.0f} live trades"
    return told if after in told else f"{told}, {after}"


def chance(probability: float) -> str:
    """A probability for people; nothing is ever sure."""
    percent = round(100 * probability)
    return "under 1 %" if percent < 1 else "over 99 %" if percent > 99 else f"{percent} %"  # noqa: PLR2004
