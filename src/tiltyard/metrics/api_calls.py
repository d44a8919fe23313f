"""How many calls bots make to their venue, and what part of them fails.

A bot reports how many calls it has made since its last report (``api_calls``), and how many of
them have failed (``api_errors``), both of the same time. Reports are disjoint, so they add up, over
bots and over time, in whatever order they come. The rate is that of the five minutes before the
newest time of which both are known: calls whose errors are not told yet are no good ones, nor
the other way round. Where none are told for as long as the span, there were none. A reporter that
knows only a rate reports the gauge ``api_error_rate`` instead.

Unit of the rate: percent, 0 to 100. Undefined while nobody has reported a call in the span.
Memory: one pair of numbers for each second of twice the span.

>>> from datetime import UTC
>>> calls, noon = ApiCalls(), datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> calls.see(Observation("api_calls", 200, noon))
>>> calls.see(Observation("api_errors", 5, noon))
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
        newest: The newest time of which calls and errors are known; None while there is no report.
        last_seq: The last position in the ledger that has changed the rate, or its time.
    """

    def __init__(self) -> None:
        self.calls = 0.0
        self.errors = 0.0
        self.newest: datetime | None = None
        self.last_seq = 0
        self._newest: dict[str, datetime] = {}
        self._seconds: dict[int, tuple[float, float]] = {}
        self._rate: Reading = Undefined("unobserved", "no call was reported")

    def see(self, count: Observation) -> None:
        """One more report; what is less than nothing counts as nothing."""
        number, at = max(0.0, count.number), count.observed_at
        calls, errors = (number, 0.0) if count.name == CALLS else (0.0, number)
        self.calls, self.errors = self.calls + calls, self.errors + errors
        second = _second(at)
        known = self._seconds.get(second, (0.0, 0.0))
        self._seconds[second] = known[0] + calls, known[1] + errors
        self._newest[count.name] = max(self._newest.get(count.name, at), at)
        self._forget(_second(max(self._newest.values()) - 2 * SPAN))
        newest = self._known_until()
        rate = self._worked_out(newest)
        if (rate, newest) != (self._rate, self.newest):
            self._rate, self.newest = rate, newest
            self.last_seq = max(self.last_seq, count.seq)

    def rate(self) -> Reading:
        """The percentage of calls that failed in the span before :attr:`newest`."""
        return self._rate

    def _known_until(self) -> datetime:
        """Until when both are known; who is waited for a whole span has nothing to tell."""
        first, last = min(self._newest.values()), max(self._newest.values())
        waiting = [second for second in self._seconds if second > _second(first)]
        is_over = waiting and _second(last) - min(waiting) >= SPAN.total_seconds()
        return last if is_over else first

    def _worked_out(self, newest: datetime) -> Reading:
        since, until = _second(newest - SPAN), _second(newest)
        span = [pair for second, pair in self._seconds.items() if since < second <= until]
        calls, errors = sum(pair[0] for pair in span), sum(pair[1] for pair in span)
        if not calls:
            return Undefined("unobserved", "no call was reported in 5 minutes")
        return Value(twelve_digits(100 * min(1.0, errors / calls)), int(calls))

    def _forget(self, until: int) -> None:
        """Only a report that opens another second, or lies too far back, leaves any to forget."""
        for second in [second for second in self._seconds if second <= until]:
            del self._seconds[second]


def _second(at: datetime) -> int:
    return microseconds(at) // _SECOND
