"""How long a breach must last before it counts, or how much must speak for it.

``immediate`` acts on the first breach. ``m_of_n`` wants m breaches among the last n
known answers. ``sustained`` wants every answer for some time to be a breach. An
unknown answer neither counts as a breach nor as its end for ``m_of_n``; for
``sustained`` it interrupts, because nobody saw the breach last. ``sequential`` wants evidence
from every trade of the trial that the profit factor is below the limit, so much that an arm
exactly at the limit is wronged in a declared share of lives
(:mod:`~tiltyard.checklist.thresholds`).

>>> Patience.parse("2 of 3").confirmed((True, False, True), None, None)
True
>>> Patience.parse("for 10 min").seconds
600
>>> Patience.parse("sequential 1 % in 150 trades").threshold
3.24
"""

import re
from dataclasses import dataclass
from datetime import datetime

from tiltyard.checklist.thresholds import SHARE, THRESHOLDS, TRADES
from tiltyard.kernel.errors import TiltyardError

_M_OF_N = re.compile(r"(\d{1,3}) of (\d{1,3})", re.ASCII)
_SUSTAINED = re.compile(r"for (.+)", re.ASCII)
_SEQUENTIAL = re.compile(r"sequential(?: (\d{1,2}) ?% in (\d{1,4}) trades)?", re.ASCII)
_SPAN = re.compile(r"(\d{1,6}) ?(s|min|h|d)", re.ASCII)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """A span such as ``90 s``, ``15 min``, ``1 h`` or ``1 d``, in seconds.

    Raises:
        TiltyardError: ``SPAN_INVALID``.
    """
    match = _SPAN.fullmatch(text.strip())
    if not match:
        raise TiltyardError("SPAN_INVALID", repr(text)[:60], 'expected a span such as "15 min"')
    return int(match[1]) * _SECONDS[match[2]]


@dataclass(frozen=True, slots=True)
class Patience:
    """When a breach is confirmed.

    Attributes:
        breaches: How many breaches are wanted (m) …
        answers: … among how many known answers (n).
        seconds: How long the breach must last; 0 when it is counted instead.
        share: Percentage of lives in which an arm at the limit may be wronged …
        trades: … within so many trades; 0 where no evidence is wanted.
    """

    breaches: int = 1
    answers: int = 1
    seconds: int = 0
    share: int = 0
    trades: int = 0

    @classmethod
    def parse(cls, text: str) -> "Patience":
        """Read ``immediate``, ``2 of 3``, ``for 10 min`` or ``sequential 5 % in 500 trades``.

        Raises:
            TiltyardError: ``CONFIRMATION_INVALID``.
        """
        if text == "immediate":
            return cls()
        if match := _M_OF_N.fullmatch(text):
            breaches, answers = int(match[1]), int(match[2])
            if 1 <= breaches <= answers:
                return cls(breaches, answers)
        if match := _SUSTAINED.fullmatch(text):
            return cls(seconds=seconds(match[1]))
        if match := _SEQUENTIAL.fullmatch(text):
            return cls._sequential(text, int(match[1] or SHARE), int(match[2] or TRADES))
        raise TiltyardError(
            "CONFIRMATION_INVALID",
            repr(text)[:60],
            'expected "immediate", "2 of 3", "for 10 min" or "sequential 5 % in 500 trades"',
        )

    @classmethod
    def _sequential(cls, text: str, share: int, trades: int) -> "Patience":
        if share in THRESHOLDS.get(trades, {}):
            return cls(share=share, trades=trades)
        spans = ", ".join(str(span) for span in THRESHOLDS)
        shares = ", ".join(str(one) for one in THRESHOLDS[TRADES])
        raise TiltyardError(
            "CONFIRMATION_INVALID",
            repr(text)[:60],
            f"thresholds are known for one of {shares} % in one of {spans} trades",
        )

    @property
    def threshold(self) -> float:
        """How much evidence is wanted, a natural logarithm; 0 where none is."""
        return THRESHOLDS[self.trades][self.share] if self.trades else 0.0

    def confirmed(
        self, recent: tuple[bool, ...], since: datetime | None, now: datetime | None
    ) -> bool:
        """Whether the breach counts now, whatever the evidence for it.

        Args:
            recent: The last known answers, newest last; True is a breach.
            since: Start of the present unbroken breach.
            now: The time of the newest answer.
        """
        if not recent or not recent[-1]:
            return False
        if self.seconds:
            if since is None or now is None:
                return False
            return (now - since).total_seconds() >= self.seconds
        return sum(recent[-self.answers :]) >= self.breaches

    def __str__(self) -> str:
        if self.seconds:
            return f"for {self.seconds} s"
        if self.trades:
            return f"sequential {self.share} % in {self.trades} trades"
        return "immediate" if self.answers == 1 else f"{self.breaches} of {self.answers}"


IMMEDIATE = Patience()
"""Acts on the first breach."""
