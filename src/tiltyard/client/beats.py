"""Which policies the desk is told of as alive, again and again while the client lives.

A desk that has heard of a policy's bot once takes its silence for an end. So a heartbeat is not
one fact but a promise: said once, it is repeated. Nothing is kept for later: what is sent is who
lives when it is sent.

>>> beats = Beats()
>>> beats.begin("prod")
True
>>> beats.policies, beats.unsaid
(('prod',), frozenset({'prod'}))
>>> beats.have_told(["prod"])
>>> beats.policies, beats.unsaid
(('prod',), frozenset())
>>> beats.end("prod")
>>> beats.policies
()
"""

from collections.abc import Iterable
from threading import RLock

MOST_BEATING = 100
"""Policies; they go into one request."""


class Beats:
    """Who is alive, for any thread."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._told: dict[str, bool] = {}

    def begin(self, policy: str) -> bool:
        """From now on it is alive; False when there is no room."""
        with self._lock:
            has_room = policy in self._told or len(self._told) < MOST_BEATING
            if has_room:
                self._told.setdefault(policy, False)
            return has_room

    def end(self, policy: str) -> None:
        """Nothing more is told of it."""
        with self._lock:
            self._told.pop(policy, None)

    def have_told(self, policies: Iterable[str]) -> None:
        """The desk has heard of these."""
        with self._lock:
            self._told |= {policy: True for policy in policies if policy in self._told}

    @property
    def policies(self) -> tuple[str, ...]:
        """All of them."""
        with self._lock:
            return tuple(self._told)

    @property
    def unsaid(self) -> frozenset[str]:
        """Those of which the desk has not heard once."""
        with self._lock:
            return frozenset(policy for policy, is_told in self._told.items() if not is_told)
