"""The policy that trades nothing: the champion of last resort."""

from random import Random
from typing import ClassVar

from tiltyard.policies.policy import Intent, Observation


class Flat:
    """Holds nothing, and leaves what it holds."""

    looks_back: ClassVar[int] = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """It has to be told nothing."""
        return ()

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 it asks nothing
        """Nothing."""
        return Intent("nothing")
