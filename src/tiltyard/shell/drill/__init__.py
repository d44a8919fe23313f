"""A drill: every breach of the checklist for once, and how long each link of the chain takes.

Judging, committing and telling who trades are tried in a house of its own, with an arm that trades
nothing (:mod:`~tiltyard.shell.drill.breaching`, :mod:`~tiltyard.shell.drill.trial`). What is left
is tried where it is: the running desk, its people and Alertmanager are told that it is a drill
(:mod:`~tiltyard.shell.drill.chain`). No share of a real arm takes part in either.
"""
