"""The life of an arm: one table of transitions, and every state accepts a halt.

``candidate → probation → live → champion → retired``; ``throttled`` and ``halted`` are
reached from every trading state; ``deposed`` is a former champion kept as known-good.
"""

from tiltyard.facts.action import Kind
from tiltyard.facts.arm import State
from tiltyard.kernel.errors import TiltyardError

TRADING: frozenset[State] = frozenset({"probation", "live"})
"""States in which a challenger receives traffic."""
ONLY_LEAVES: frozenset[State] = frozenset({"halted", "retired"})
"""States in which an arm may only reduce what it holds."""

STATES: tuple[State, ...] = (
    "candidate",
    "probation",
    "live",
    "champion",
    "throttled",
    "halted",
    "deposed",
    "retired",
)

TRANSITIONS: dict[tuple[State, Kind], State] = {
    ("candidate", "admit"): "probation",
    ("probation", "graduate"): "live",
    ("probation", "throttle"): "throttled",
    ("live", "throttle"): "throttled",
    ("throttled", "resume"): "probation",
    ("throttled", "rearm"): "probation",
    ("halted", "rearm"): "probation",
    ("deposed", "rearm"): "probation",
    ("live", "crown"): "champion",
    ("deposed", "crown"): "champion",
    **{(state, "retire"): "retired" for state in STATES if state not in ("champion", "retired")},
    **{(state, "halt"): "halted" for state in STATES},
}


def next_state(policy: str, state: State, kind: Kind) -> State:
    """Where ``kind`` leads from ``state``.

    Raises:
        TiltyardError: ``TRANSITION_REFUSED`` when the table has no such step.
    """
    if (state, kind) not in TRANSITIONS:
        raise TiltyardError("TRANSITION_REFUSED", policy, f"a {state} arm cannot {kind}")
    return TRANSITIONS[state, kind]
