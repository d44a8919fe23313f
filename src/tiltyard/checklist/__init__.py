"""What is allowed: one declaration, judged on every trade.

A :class:`~tiltyard.checklist.guard.Guard` compares a metric with a number, or with a
factor of another metric. :func:`~tiltyard.checklist.judge.judge` answers pass, breach,
unknown or error; only pass is a pass. The declaration is read from ``tiltyard.toml``
by :mod:`~tiltyard.checklist.parse`, all faults at once; the built-in one is
:data:`~tiltyard.checklist.defaults.DEFAULT_CHECKLIST`.
"""
