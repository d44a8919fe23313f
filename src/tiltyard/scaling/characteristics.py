"""What a rule is known to do, before anyone enforces it: its line of the decision benchmark.

The numbers were measured with ``tiltyard bench decisions`` (seed 1, 400 runs of a line) and are
kept here, since a minute of simulation is too long for a report. A test plays them again.

>>> for sentence in rule_sentences("ladder"):
...     print(sentence)
ladder: of challengers truly better than the champion it stops 75 % within 150 live trades where
there are 150 signals a day, 65 % where there are 20.
It gives one that is truly worse 40 real trades, or 35, before it is gone, and in half a year
crowns 0.01 that are not better, or 0.00.
All in all it makes 0.7 % more than the champion alone, or 2.5 % less: tiltyard bench decisions
--rule ladder
"""

from typing import NamedTuple


class Known(NamedTuple):
    """One rule at one pace.

    Attributes:
        uplift_pct: What the routed trades were worth beyond the first champion alone, percent.
        better_killed: Share of better challengers stopped within 150 live trades.
        trades_per_bad: Real trades given to a bad challenger.
        wrong_promotions: Of arms that are not better, in 180 days.
    """

    uplift_pct: float
    better_killed: float
    trades_per_bad: float
    wrong_promotions: float


KNOWN: dict[str, tuple[Known, Known]] = {
    "static": (Known(-4.0, 0.00, 900.2, 0.00), Known(-4.0, 0.00, 120.6, 0.00)),
    "ladder": (Known(0.7, 0.75, 39.6, 0.01), Known(-2.5, 0.65, 35.2, 0.00)),
    "thompson_beta": (Known(2.3, 0.02, 730.2, 0.43), Known(-2.5, 0.00, 277.8, 0.13)),
    "thompson": (Known(6.0, 0.00, 210.8, 0.34), Known(2.9, 0.00, 120.8, 0.14)),
    "epsilon_greedy": (Known(1.0, 0.00, 832.6, 0.73), Known(-0.5, 0.00, 135.8, 0.29)),
    "sprt": (Known(11.8, 0.10, 121.6, 1.11), Known(-0.9, 0.05, 75.1, 0.15)),
    "evidence": (Known(26.0, 0.05, 8.3, 0.04), Known(15.9, 0.07, 0.8, 0.01)),
}
"""At 150 signals a day, and at 20."""


def rule_sentences(rule: str) -> list[str]:
    """What a trader should know of a rule; nothing of one that was not measured."""
    if rule not in KNOWN:
        return []
    fast, slow = KNOWN[rule]
    harm = (
        f"{rule}: of challengers truly better than the champion it stops "
        f"{100 * fast.better_killed:.0f} % within 150 live trades where there are 150 signals a "
        f"day, {100 * slow.better_killed:.0f} % where there are 20."
    )
    cost = (
        f"It gives one that is truly worse {fast.trades_per_bad:.0f} real trades, or "
        f"{slow.trades_per_bad:.0f}, before it is gone, and in half a year crowns "
        f"{fast.wrong_promotions:.2f} that are not better, or {slow.wrong_promotions:.2f}."
    )
    gain = (
        f"All in all it makes {_gain(fast)} than the champion alone, or {_gain(slow)}: "
        f"tiltyard bench decisions --rule {rule}"
    )
    return [harm, cost, gain]


def _gain(known: Known) -> str:
    word = "more" if known.uplift_pct >= 0 else "less"
    return f"{abs(known.uplift_pct):.1f} % {word}"
