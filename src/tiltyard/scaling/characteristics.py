"""What a rule is known to do, before anyone enforces it: its line of the decision benchmark.

The numbers were measured with ``tiltyard bench decisions`` (seed 1, and more runs of a line than
its 400) and are kept here, since minutes of simulation are too long for a report. A test plays them
again. In 400 runs a few unlucky ones decide how much evidence gives to a bad challenger: 8.3 trades
then, with a standard error of 1.9.

>>> for sentence in rule_sentences("ladder"):
...     print(sentence)
ladder: of challengers truly better than the champion it stops 74 % within 150 live trades where
there are 150 signals a day, 62 % where there are 20.
It gives one that is truly worse 40 real trades, or 35, before it is gone, and in half a year
crowns 0.01 that are not better, or 0.00.
All in all it makes 0.6 % more than the champion alone, or 2.4 % less, in 2,000 simulated runs of
each: tiltyard bench decisions --rule ladder
"""

from typing import NamedTuple


class Characteristics(NamedTuple):
    """One rule at one pace.

    Attributes:
        uplift_pct: What the routed trades were worth beyond the first champion alone, percent.
        better_killed: Share of better challengers stopped within 150 live trades.
        trades_per_bad: Real trades given to a bad challenger.
        wrong_promotions: Of arms that are not better, in 180 days.
        runs: How many it was measured in.
    """

    uplift_pct: float
    better_killed: float
    trades_per_bad: float
    wrong_promotions: float
    runs: int


KNOWN: dict[str, tuple[Characteristics, Characteristics]] = {
    "static": (
        Characteristics(-3.75, 0.000, 900.0, 0.000, runs=2_000),
        Characteristics(-3.75, 0.000, 120.2, 0.000, runs=2_000),
    ),
    "ladder": (
        Characteristics(0.63, 0.740, 39.6, 0.011, runs=2_000),
        Characteristics(-2.41, 0.619, 35.1, 0.000, runs=2_000),
    ),
    "thompson_beta": (
        Characteristics(1.93, 0.013, 679.5, 0.445, runs=2_000),
        Characteristics(-2.45, 0.002, 308.8, 0.138, runs=2_000),
    ),
    "thompson": (
        Characteristics(6.23, 0.000, 202.6, 0.334, runs=2_000),
        Characteristics(2.73, 0.002, 127.6, 0.151, runs=2_000),
    ),
    "epsilon_greedy": (
        Characteristics(1.73, 0.000, 830.4, 0.723, runs=2_000),
        Characteristics(0.20, 0.000, 134.1, 0.269, runs=2_000),
    ),
    "sprt": (
        Characteristics(12.01, 0.092, 123.5, 1.073, runs=2_000),
        Characteristics(-0.54, 0.031, 74.8, 0.142, runs=2_000),
    ),
    "evidence": (
        Characteristics(26.59, 0.0546, 4.9, 0.042, runs=8_000),
        Characteristics(16.27, 0.0735, 0.8, 0.021, runs=8_000),
    ),
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
        f"All in all it makes {_gain(fast)} than the champion alone, or {_gain(slow)}, in "
        f"{fast.runs:,} simulated runs of each: tiltyard bench decisions --rule {rule}"
    )
    return [harm, cost, gain]


def _gain(known: Characteristics) -> str:
    word = "more" if known.uplift_pct >= 0 else "less"
    return f"{abs(known.uplift_pct):.1f} % {word}"
