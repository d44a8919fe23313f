"""What every policy can do: look at what is known, and say what it wants to hold.

A policy keeps nothing in mind. What it is told is all it knows, so that the same observation
always has the same answer, whether it is live, on paper, or read again years later.
"""

from random import Random
from typing import Literal, NamedTuple, Protocol

from tiltyard.features.vector import Features

Holding = Literal["long", "short", "nothing"]


class Observation(NamedTuple):
    """What a policy is told after a bar has closed.

    Attributes:
        features: Of the symbol, as of now.
        holding: What it holds of it.
        size: How much, as a share of what its position is worth when it is whole; says nothing
            where it holds nothing.
    """

    features: Features
    holding: Holding
    size: float = 1.0


class Intent(NamedTuple):
    """What a policy wants.

    Attributes:
        hold: ``long``, ``short`` or ``nothing``.
        stop: The price at which it is wrong, on the losing side; None for none. It counts when
            the position is opened.
        size: How much, above 0 and at most 1, as a share of what its position is worth when it is
            whole; says nothing with ``nothing``. Who wants another size leaves what it holds, and
            enters anew.
    """

    hold: Holding
    stop: float | None = None
    size: float = 1.0

    def is_held(self, holding: Holding, size: float) -> bool:
        """Whether that is what is held already."""
        return self.hold == holding and (holding == "nothing" or self.size == size)


class Policy(Protocol):
    """A decision rule, trained or hand-written.

    Attributes:
        needs: The features it has to be told, by name.
        looks_back: At so many recent bars it looks; 0 for who needs none.
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """The features it has to be told."""

    @property
    def looks_back(self) -> int:
        """At so many recent bars it looks."""

    def act(self, observation: Observation, rng: Random) -> Intent:
        """What it wants to hold from the next bar on; what it holds when it cannot tell."""


def hold(what: Holding, stop: float) -> Intent:
    """Hold with a stop; one at or below zero is none, since no price gets there."""
    return Intent(what, stop if stop > 0 else None)


def stay(observation: Observation) -> Intent:
    """The answer of a policy that does not know enough."""
    return Intent(observation.holding, size=observation.size)
