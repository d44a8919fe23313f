"""Live-ops for learning trading policies.

A champion trades; challengers earn their traffic, or lose it. Read the packages
in this order and you have walked a trade from the bot to the verdict:

``kernel`` (exact money, clear errors, undefined values), ``facts`` (what happened),
``policies`` (who may trade), ``router`` (which state a policy is in), ``metrics``
(what its trades say), ``simulation`` (a world whose truth is known), ``checklist``
(what is allowed), ``scaling`` (what a night earns), ``actions`` (what follows), and
``shell`` (files, databases, commands: what touches the outside). Beside the shell stands
``client``, a bot's side of a desk.
"""

__version__ = "0.1.0"
