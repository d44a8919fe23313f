"""What a bot counts within a minute: how long its decisions take, and its calls to the venue.

Whoever counts waits for nobody: a number is put beside others. Once a minute all of it is taken
away and told, and the next minute begins with nothing, so what is told never overlaps and adds
up. Of a minute in which nothing was counted, nothing is told.

Calls are told under a time whose microseconds are drawn anew. A desk takes what has the same
name, policy and time for the same, and two bots that count under one name would otherwise
swallow each other's counts where their clocks tick together.

>>> from datetime import UTC
>>> tallies = Tallies(Random(1))
>>> tallies.decided("prod", 0.025) and tallies.called("", failed=True)
True
>>> for told in tallies.taken(datetime(2026, 3, 2, 12, tzinfo=UTC)):
...     print(told["name"], told["policy"], told["number"], told.get("samples"))
inference_latency_p50_ms prod 25.0 1
inference_latency_p95_ms prod 25.0 1
api_calls  1 None
api_errors  1 None
"""

from datetime import datetime
from random import Random
from threading import RLock

from tiltyard.client.durations import Durations
from tiltyard.kernel.undefined import twelve_digits

MOST_COUNTED = 100
"""Policies, of decisions and of calls each."""
_PERCENTILES = {"inference_latency_p50_ms": 50, "inference_latency_p95_ms": 95}
_COUNTS = ("api_calls", "api_errors")
_SECOND = 1_000_000


class Tallies:
    """The counts of this minute, for any thread.

    Args:
        rng: Chooses which durations are kept, and the microseconds of a report.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._lock = RLock()  # who handles a signal may count, too
        self._decisions: dict[str, Durations] = {}
        self._calls: dict[str, list[int]] = {}

    def decided_again(self, policy: str, seconds: float) -> bool:
        """As :meth:`decided`, of a policy that has decided in this minute; else False."""
        with self._lock:
            durations = self._decisions.get(policy)
            if durations is None:
                return False
            durations.add(seconds)
            return True

    def decided(self, policy: str, seconds: float) -> bool:
        """A decision took so long; False when there is no room for another policy."""
        with self._lock:
            if policy not in self._decisions and len(self._decisions) == MOST_COUNTED:
                return False
            self._decisions.setdefault(policy, Durations(self._rng)).add(seconds)
            return True

    def called(self, policy: str, *, failed: bool) -> bool:
        """The venue was called, by a policy's bot or for the account; False as above."""
        with self._lock:
            if policy not in self._calls and len(self._calls) == MOST_COUNTED:
                return False
            counts = self._calls.setdefault(policy, [0, 0])
            counts[0] += 1
            counts[1] += failed
            return True

    def taken(self, now: datetime) -> list[dict[str, object]]:
        """What was counted, as observations; from here on, everything begins anew."""
        with self._lock:
            decisions, self._decisions = self._decisions, {}
            calls, self._calls = self._calls, {}
            counted_at = now.replace(microsecond=int(self._rng.random() * _SECOND))
        told: list[dict[str, object]] = [
            {
                "name": name,
                "number": twelve_digits(1000 * durations.nearest_rank(percent)),
                "observed_at": now,
                "policy": policy,
                "samples": durations.count,
            }
            for policy, durations in decisions.items()
            for name, percent in _PERCENTILES.items()
        ]
        told += [
            {"name": name, "number": number, "observed_at": counted_at, "policy": policy}
            for policy, counts in calls.items()
            for name, number in zip(_COUNTS, counts, strict=True)
        ]
        return told
