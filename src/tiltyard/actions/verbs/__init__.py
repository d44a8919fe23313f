"""What people may ask for by name, as actions.

A verb is planned like a verdict: the roster as it is and the command give actions, which
are then applied and audited like any other. Asked twice, a verb does once what it says:
what is so already needs no action, and says so. What must not be is refused with the
reason, and nothing is done.

:mod:`~tiltyard.actions.verbs.taking` is safe at any time, and nothing that is pending or on
hold stands in its way; :mod:`~tiltyard.actions.verbs.giving` is what people give back after
they have looked; :mod:`~tiltyard.actions.verbs.succession` changes the champion.
"""

from tiltyard.actions.verbs.obey import PLANNERS, obey
from tiltyard.actions.verbs.situation import Obeyed, Situation

__all__ = ["PLANNERS", "Obeyed", "Situation", "obey"]
