"""What a rule has to say of the row that it left, in a trader's words.

Each is told the row, whether the arm is compared on paper, and what the rule goes by.
"""

from tiltyard.scaling.contender import RETIRE, TIME_OUT, Contender
from tiltyard.scaling.evidence import EvidenceRule
from tiltyard.scaling.paired import wealth

WEALTHY = 1000
"""Nobody asks how much more a bet has made."""


def everybody_has_the_same(_: Contender, __: bool, ___: object) -> str:  # noqa: FBT001 as told
    """Of an arm whose results play no part."""
    return "everybody has the same"


def how_probably_better(row: Contender, _: bool, __: object) -> str:  # noqa: FBT001 as told
    """Of an arm that is weighed by its chance of being better."""
    return f"better with {chance(row.better)} after {_lived(row)}{_ends(row)}"


def what_it_makes(row: Contender, _: bool, __: object) -> str:  # noqa: FBT001 as told
    """Of an arm that is weighed by its mean."""
    return f"{row.live_mean:.2f} R a trade after {_lived(row)}"


def what_the_odds_are(row: Contender, _: bool, __: object) -> str:  # noqa: FBT001 as told
    """Of an arm under a sequential test."""
    return f"log odds of being better {row.ratio:.1f} after {_lived(row)}{_ends(row)}"


def what_the_evidence_is(row: Contender, on_paper: bool, rule: EvidenceRule) -> str:  # noqa: FBT001
    """Of an arm that is compared on every opportunity."""
    if on_paper and row.signals < rule.warm_signals:
        return f"{row.signals:.0f} of {rule.warm_signals:.0f} opportunities: no real traffic yet"
    seen = f"{_lived(row)} alone, its paper is not told whole"
    if on_paper:
        seen = f"{row.signals:,.0f} opportunities"
    told = f"better with {chance(row.better)} by {seen}"
    if row.fate == RETIRE:
        return f"{told}{_ends(row)}"
    if row.fate == TIME_OUT:
        return f"{told}: its time is up, after {row.age:.0f} days and {_lived(row)}"
    made = f"over {WEALTHY:,}" if wealth(row) > WEALTHY else f"{wealth(row):.3g}"
    bets = f", its bets have made {made} of one" if on_paper else ""
    return f"{told}{bets}{_why_no_traffic(row, rule)}"


def proposal(row: Contender, told: str) -> str:
    """What speaks for making a challenger the champion."""
    return told if _lived(row) in told else f"{told}, {_lived(row)}"


def _why_no_traffic(row: Contender, rule: EvidenceRule) -> str:
    """Why it has none, though it is not done with; empty where it has some."""
    if row.better < rule.least_better:
        return ": no real traffic"
    if row.pf_30 < rule.pf_floor:
        factor = f"the profit factor of its last 30 trades, {row.pf_30:.2f}, is below"
        return f", but {factor} {rule.pf_floor:g}: no real traffic"
    return "" if row.share else ": another one is preferred"


def _lived(row: Contender) -> str:
    return f"{row.live_trades:,.0f} live trades"


def _ends(row: Contender) -> str:
    return ": retire it" if row.fate == RETIRE else ""


def chance(probability: float) -> str:
    """A probability for people; nothing is ever sure."""
    percent = round(100 * probability)
    return "under 1 %" if percent < 1 else "over 99 %" if percent > 99 else f"{percent} %"  # noqa: PLR2004
