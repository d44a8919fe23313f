"""How much evidence against a floor is enough: by how often it would wrong a good arm.

The evidence is that of an :class:`~tiltyard.metrics.e_cusum.ECusum`, a logarithm. Were trades
independent, there would be formulas. They are not: an arm whose profit factor is exactly the
floor has bad weeks, and at ``log 20``, the threshold for 5 %, a restarting bettor wrongs it in
22 % of lives of 500 trades. So the thresholds here were found by trying: with lives of a simulated
policy whose profit factor is the floor, at 15 trades a day (the trades of
:mod:`~tiltyard.simulation.outcomes` in the usual :mod:`~tiltyard.simulation.weather`), the share
that ever has as much evidence is as declared.
The same for a policy's own trades is :func:`~tiltyard.checklist.lives.calibrated`.

A policy that trades less often between two regimes is wronged less often, one that wins
seldom and much more often: with 35 % wins 5 % become 15 %. ``tiltyard checklist explain`` says what
it is for a policy's own trades.

>>> round(THRESHOLDS[500][5], 2)
5.43
"""

from collections.abc import Mapping

SHARE, TRADES = 5, 500
"""What ``sequential`` alone stands for: 5 % in 500 trades."""

THRESHOLDS: Mapping[int, Mapping[int, float]] = {
    150: {1: 3.24, 2: 2.84, 5: 2.30, 10: 1.84, 20: 1.38},
    500: {1: 7.84, 2: 6.81, 5: 5.43, 10: 4.30, 20: 3.18},
    1000: {1: 11.89, 2: 10.42, 5: 8.36, 10: 6.70, 20: 5.00},
    2000: {1: 16.31, 2: 14.33, 5: 11.72, 10: 9.59, 20: 7.39},
}
"""By trades, then by the percentage of lives at the floor that reach it within them.

Of 40,000 lives; the standard error is some .05 at 5 % in 500, and .2 at 1 % in 2,000.
"""
