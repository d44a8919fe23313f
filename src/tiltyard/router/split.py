"""Who gets an episode: a stable weighted choice.

The choice is a function of the episode, the revision of the shares and a salt, and of
nothing else: whoever knows the three can check it, before or after a restart, on whatever
machine. A hash of them is a point between 0 and 1, and the arms share that line between
them by their traffic, in the order of their names.

>>> shares = Split({"champion": 0.9, "challenger": 0.1}, revision=7, salt="a")
>>> shares.choose("SOL/USDT 2025-07-07T12:00:00Z")
Choice(policy='champion', propensity=0.9, revision=7)
"""

from bisect import bisect_right
from collections.abc import Mapping
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError

_POINTS = 1 << 64
_CLOSE = 1e-9


class Choice(NamedTuple):
    """Which arm an episode was given to.

    Attributes:
        policy: The arm.
        propensity: Probability with which it is chosen, 0 < p <= 1.
        revision: Of the shares it was chosen from.
    """

    policy: str
    propensity: float
    revision: int


class Split:
    """The shares of one revision, ready to choose from.

    Args:
        shares: Traffic of each arm, 0..1; together 1. Arms without any are never chosen.
        revision: Rises with every change of the shares.
        salt: Keeps the choices of two desks apart.

    Raises:
        TiltyardError: ``SHARES_INVALID`` when they are not shares of one whole.
    """

    def __init__(self, shares: Mapping[str, float], *, revision: int, salt: str) -> None:
        chosen = {name: share for name, share in sorted(shares.items()) if share}
        total = sum(chosen.values())
        if not chosen or min(chosen.values()) < 0 or abs(total - 1) > _CLOSE:
            raise TiltyardError(
                "SHARES_INVALID", f"revision {revision}", f"the shares {dict(shares)} add up to "
                f"{total:g}", "expected shares from 0 to 1 that add up to 1",
            )  # fmt: skip
        self._choices = [Choice(name, share, revision) for name, share in chosen.items()]
        ends = [round(end * _POINTS) for end in accumulate(chosen.values())]
        self._ends = [*ends[:-1], _POINTS]
        self._prefix = blake2b(f"{salt}\0{revision}\0".encode(), digest_size=8)

    def choose(self, episode: str) -> Choice:
        """The arm that an episode belongs to, however often it is asked."""
        hashed = self._prefix.copy()
        hashed.update(episode.encode())
        point = int.from_bytes(hashed.digest(), "big")
        return self._choices[bisect_right(self._ends, point)]
