"""Who had how much traffic when, as it was written down at each change.

>>> from datetime import UTC, timedelta
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> hour = timedelta(hours=1)
>>> traffic = Traffic([(noon, {"prod": 0.9, "bot": 0.1}), (noon + hour, {"prod": 1.0, "bot": 0.0})])
>>> traffic.paused("bot", noon), traffic.paused("bot", noon + hour)
(False, True)
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime

from tiltyard.facts.decision import Decision

_CLOSE = 1e-9
Shares = Mapping[str, float]


class Traffic:
    """The shares over time.

    Args:
        changes: Time and shares at the start and after every change, in order.
    """

    def __init__(self, changes: Sequence[tuple[datetime, Shares]]) -> None:
        self._times = [at for at, _ in changes]
        self._shares = [shares for _, shares in changes]
        self._began: dict[str, datetime] = {}
        for at, shares in changes:
            for name, share in shares.items():
                if share:
                    self._began.setdefault(name, at)

    def paused(self, policy: str, at: datetime) -> bool:
        """Whether an arm had traffic before, and has none now."""
        began = self._began.get(policy)
        if began is None or at < began:
            return False
        return not self._shares[bisect_right(self._times, at) - 1].get(policy)

    def could_choose(self, policy: str, decision: Decision) -> bool:
        """Whether a decision might have given its episode to an arm.

        It was made from the shares of its time, or from those just before or after: a bar is
        decided on as of its close, and a bot is told of a change a little later. Where none of them
        gives who was chosen that probability, nobody knows, and the answer is no, whoever it was.
        """
        now = bisect_right(self._times, decision.decided_at) - 1
        for index in (now, now + 1, now - 1):
            if 0 <= index < len(self._shares):
                shares = self._shares[index]
                if abs(shares.get(decision.policy, 0) - decision.propensity) < _CLOSE:
                    return bool(shares.get(policy))
        return False
