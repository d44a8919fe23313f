"""Live-ops for learning trading policies.

A champion trades; challengers earn their traffic, or lose it. Read the packages
in this order and you have walked a trade from the bot to the verdict:

``kernel`` (exact money, clear errors, undefined values), ``facts`` (what happened),
``market`` (bars, and what trading costs), ``features`` (what a policy is told of a market),
``policies`` (what it makes of that), ``router`` (who may trade, and whose turn it is),
``metrics`` (what trades say), ``simulation`` (worlds whose truth is known), ``checklist``
(what is allowed), ``scaling`` (what a night earns), ``actions`` (what follows), and
``shell`` (files, databases, commands: what touches the outside). Beside the shell stands
``client``, a bot's side of a desk; ``learners`` make policies out of bars, and know nothing of
how they will be judged.
"""

__version__ = "0.1.0"
