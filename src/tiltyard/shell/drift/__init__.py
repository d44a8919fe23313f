"""Drift of encoders, observed beside the desk on a schedule.

:mod:`~tiltyard.shell.drift.observer` decides whose drift is due, and reports it;
:mod:`~tiltyard.shell.drift.measuring` measures one, from the files of a snapshot and of bars.
It takes seconds of a core, and torch: a desk has it done in a process of its own, of the lowest
priority (:mod:`~tiltyard.shell.drift.apart`), which ends with the number.
"""
