"""How many calls bots make to their venue, and what part of them fails.

A bot reports how many calls it has made since its last report (``api_calls``), and how many of
them have failed (``api_errors``). Reports are disjoint, so they add up, over bots and over time,
in whatever order they come; the rate is that of the five minutes before the newest report. A
reporter that knows only a rate reports the gauge ``api_error_rate`` instead.

Unit of the rate: percent, 0 to 100. Undefined while nobody has reported a call in the span.
Memory: one pair of numbers for each second of the span.

>>> from datetime import UTC
>>> calls, noon = ApiCalls(), datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> calls.see(Observation("api_calls", 200, noon))
>>> calls.see(Observation("api_errors", 5, noon + timedelta(minutes=1)))
>>> calls.rate()
Value(number=2.5, samples=200)
"""

from datetime import datetime, timedelta

from tiltyard.facts.observation import Observation
from tiltyard.kernel.clock import microseconds
from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits

CALLS, ERRORS = "api_calls", "api_errors"
COUNTS = frozenset({CALLS, ERRORS})
"""What is counted since the last report; such observations are no gauges."""
SPAN = timedelta(minutes=5)
_SECOND = 1_000_000


class ApiCalls:
    """Calls of the account and of every bot together.

    Attributes:
        calls: All that were ever reported.
        errors: Those of them that failed.
        newest: When the newest report was made; None while there is none.
        last_seq: The last position in the ledger of any of them.
    """

    def __init__(self) -> None:
        self.calls = 0.0
        self.errors = 0.0
        self.newest: datetime | None = None
        self.last_seq = 0
        self._seconds: dict[int, tuple[float, float]] = {}

    def see(self, count: Observation) -> None:
        """One more report; what is less than nothing counts as nothing."""
        number, at = max(0.0, count.number), count.observed_at
        calls, errors = (number, 0.0) if count.name == CALLS else (0.0, number)
        self.calls, self.errors = self.calls + calls, self.errors + errors
        self.last_seq = max(self.last_seq, count.seq)
        second = _second(at)
        known = self._seconds.get(second, (0.0, 0.0))
        self._seconds[second] = known[0] + calls, known[1] + errors
        if self.newest is None or at > self.newest:
            self.newest = at
        self._forget(_second(self.newest - SPAN))

    def rate(self) -> Reading:
        """The percentage of calls that failed in the span before the newest report."""
        calls = sum(counted[0] for counted in self._seconds.values())
        errors = sum(counted[1] for counted in self._seconds.values())
        if not calls:
            return Undefined("unobserved", "no call was reported in 5 minutes")
        return Value(twelve_digits(100 * min(1.0, errors / calls)), int(calls))

    def _forget(self, until: int) -> None:
        """Only a report that opens another second, or lies too far back, leaves any to forget."""
        for second in [second for second in self._seconds if second <= until]:
            del self._seconds[second]


def _second(at: datetime) -> int:
    return microseconds(at) // _SECOND
