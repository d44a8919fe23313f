"""What is to be measured, what was found, and both as text for another process.

>>> from datetime import UTC
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> task = Task("sol", "", Path("models"), Path("bars"), timedelta(days=90), noon)
>>> Task.from_json(task.to_json()) == task
True
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.undefined import twelve_digits

Json = dict[str, Any]
DEFINED, NO_ENCODER = "defined", "ENCODER_MISSING"


class Task(NamedTuple):
    """Whose drift is to be measured.

    Attributes:
        policy: The arm.
        digest: SHA-256 of its snapshot; empty goes by its name.
        models: The folder of snapshots.
        bars: The folder of bars.
        span: So long back the windows of lately begin.
        now: UTC; bars that close later are none.
    """

    policy: str
    digest: str
    models: Path
    bars: Path
    span: timedelta
    now: datetime

    def to_json(self) -> Json:
        """For another process."""
        return {
            "policy": self.policy,
            "digest": self.digest,
            "models": str(self.models),
            "bars": str(self.bars),
            "span": self.span.total_seconds(),
            "now": time_text(self.now),
        }

    @classmethod
    def from_json(cls, told: Json) -> Self:
        """The inverse of :meth:`to_json`."""
        return cls(
            told["policy"],
            told["digest"],
            Path(told["models"]),
            Path(told["bars"]),
            timedelta(seconds=told["span"]),
            moment(told["now"]),
        )


class Measured(NamedTuple):
    """What was found of a policy's encoder.

    Attributes:
        policy: The arm.
        state: ``defined``, or why there is no number, in a word.
        reason: The same for people; empty where there is one.
        as_of: When the last bar had closed that it goes by; None where there are no windows.
        value: Nats.
        low: Lower end of its 95 % interval.
        high: Upper end.
        effective_samples: As many independent windows would say as much.
        windows: Of lately.
        dominant: What has changed most, for people.
    """

    policy: str
    state: str
    reason: str = ""
    as_of: datetime | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    effective_samples: float | None = None
    windows: int = 0
    dominant: str = ""

    def to_json(self) -> Json:
        """For programs. The field names are a contract."""
        is_known = self.low is not None and self.high is not None
        return {
            "policy": self.policy,
            "value": _number(self.value),
            "interval": [_number(self.low), _number(self.high)] if is_known else None,
            "effective_samples": _number(self.effective_samples),
            "windows": self.windows,
            "dominant": self.dominant or None,
            "as_of": None if self.as_of is None else time_text(self.as_of),
            "state": self.state,
            "reason": self.reason or None,
        }

    @classmethod
    def from_json(cls, told: Json) -> Self:
        """The inverse of :meth:`to_json`."""
        low, high = told["interval"] or (None, None)
        return cls(
            told["policy"],
            told["state"],
            told["reason"] or "",
            None if told["as_of"] is None else moment(told["as_of"]),
            told["value"],
            low,
            high,
            told["effective_samples"],
            told["windows"],
            told["dominant"] or "",
        )


def _number(number: float | None) -> float | None:
    return None if number is None else twelve_digits(number)
