"""Gauges as they were last observed, of each arm and of the account.

An arm that has no reading of its own has the account's. How slow the decisions of all together
are, where nobody says so of the account, is how slow they are of the slowest policy that was
heard of lately.

How sure the drift of an encoder is belongs to the reading that it was observed with: what was said
of an earlier one is not of this. Whoever gives no lower end of the interval is judged by the drift
itself, as it is; so is a drift until its lower end is told, which is why that is seen first.
"""

from datetime import timedelta

from tiltyard.facts.observation import Observation
from tiltyard.metrics.catalogue import BESIDE_DRIFT, DRIFT, DRIFT_ENDS, LATENCIES

AS_OLD_AS = timedelta(minutes=10)
"""The slowest policy is looked for among those heard of in so long before the newest reading."""

BUSY_FROM = 20
"""Decisions from which on a policy is slow or not; of fewer, one says little, and hides nobody."""


class LastGauges:
    """The newest reading of each gauge."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Observation] = {}
        self._latencies: dict[str, dict[str, Observation]] = {}

    def see(self, observation: Observation) -> None:
        """One more reading; an older one than the known one is passed over."""
        key = (observation.name, observation.policy)
        known = self._last.get(key)
        if known is None or known.observed_at <= observation.observed_at:
            self._last[key] = observation
            if observation.name in LATENCIES and observation.policy:
                self._latencies.setdefault(observation.name, {})[observation.policy] = observation

    def own(self, metric: str, policy: str) -> Observation | None:
        """What was said of this one itself."""
        return self._last.get((metric, policy))

    def of(self, metric: str, policy: str) -> Observation | None:
        """The last reading of a gauge: an arm's own, else the account's."""
        drift = self.of(DRIFT, policy) if metric in BESIDE_DRIFT else None
        if drift is not None:
            return self._beside(metric, drift)
        own = self._last.get((metric, policy)) or self._last.get((metric, ""))
        if own is not None or policy or metric not in LATENCIES:
            return own
        each = self._latencies.get(metric)
        if not each:
            return None
        since = max(gauge.observed_at for gauge in each.values()) - AS_OLD_AS
        heard_of = [gauge for gauge in each.values() if gauge.observed_at >= since]
        return max(heard_of, key=lambda g: (g.samples >= BUSY_FROM, g.number, g.seq))

    def _beside(self, metric: str, drift: Observation) -> Observation | None:
        """What was said of this drift; its lower end is the drift, where that was not said."""
        said = self._last.get((metric, drift.policy))
        if said is not None and said.observed_at >= drift.observed_at:
            return said
        return drift if metric == DRIFT_ENDS[0] else None
