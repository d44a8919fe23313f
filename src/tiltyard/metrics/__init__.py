"""What an arm's trades say: profit factor, drawdown, win rate, and when they say nothing.

A metric (:mod:`~tiltyard.metrics.metric`) turns each trade into an element, merges
elements, and reads a value off the merged one. Sums are whole numbers, so a stretch of
trades gives the same value whether it was streamed, batched or merged. How far back a
metric looks is not its business: :class:`~tiltyard.metrics.rolling.Rolling` windows
any of them, :class:`~tiltyard.metrics.rolling.Running` never forgets. The
:mod:`~tiltyard.metrics.catalogue` names every metric a checklist may ask for, and the
:mod:`~tiltyard.metrics.panel` keeps all of them for all arms in one pass.

>>> from tiltyard.metrics.profit_factor import ProfitFactor
>>> from tiltyard.metrics.rolling import Rolling
>>> recent = Rolling(ProfitFactor(), trades=2)
>>> for pnl in (-9, 3, -1):
...     recent.push((pnl, 0, 0))
>>> recent.value()
Value(number=3.0, samples=2)
"""

METRICS_VERSION = 4
"""Raised when a definition changes; every verdict names it.

Since 2 a trade closes a marked position only if it had opened when the mark was made, and
positions that are open when a trial begins are open in it. A drawdown without capital is
``no_capital`` whether it was known before or not. Since 3 daily returns are ``no_capital`` where a
trade or a mark does not say what it is of. That calls to the venue may be counted raised nothing:
a record from before has no such counts.
"""
