"""The nouns of the desk: what happened, and what was decided about it.

Facts (:class:`~tiltyard.facts.trade.Trade`, ``Mark``, ``Decision``, ``Observation``)
are appended and never changed. An :class:`~tiltyard.facts.arm.Arm` is a policy in its
role as receiver of traffic. A ``Verdict`` is what a guard said, an ``Action`` what
followed, and the ``audit`` chains every action to the one before it.
"""
