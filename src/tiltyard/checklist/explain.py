"""What a guard would do to a policy: as it is, were it good, and were it bad.

In come an arm's own closed trades, live and shadow; out comes, for each guard, in how many of
2,000 lives (:mod:`~tiltyard.checklist.lives`) it trips within 150 and within 500 trades, and after
how many trades typically. Three times: for the policy going on exactly as it has; for the same
policy with a profit factor as it should be, which is the rate of false alarms; and with one half
the limit, which is how soon a bad one is found. As it should be is the middle of the band that the
guard expects; where it watches no profit factor, of the scope's most urgent guard that does; and
where none expects any, the champion's. All meet the same lives, so that only gains differ.
The standard error is that of drawing so many lives; that the trades at hand are a sample
themselves comes on top.

>>> from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
>>> coin = [(100 if turn % 2 else -100, 10_000, 100) for turn in range(343)]
>>> guard = DEFAULT_CHECKLIST.guard("challenger_profit_factor_low")
>>> for line in sentences(foresee([guard], coin, np.random.default_rng(1))):
...     print(line)
challenger_profit_factor_low (pf_challenger_30 < 1.6): going on exactly as in its last 343
trades, this policy would be throttled within 150 trades in 100 % of lives, within 500 in
100 %; typically after 30 trades.
  False alarms: with a profit factor of 2.45, as it should be, within 150 trades in 0 % of lives,
within 500 in 0 %.
  Detection: with a profit factor of 0.8, half its limit, within 150 trades in 100 % of lives,
within 500 in 100 %; typically after 30 trades.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import sqrt

import numpy as np

from tiltyard.checklist.guard import Effect, Guard
from tiltyard.checklist.lives import (
    HORIZONS,
    LEAST_TRADES,
    REPLICATES,
    Amounts,
    Lives,
    calibrated,
    drawn,
    lived,
    recentred,
)
from tiltyard.checklist.paths import NEVER, PATHS, first_trips
from tiltyard.checklist.sizing import Sizing, percent, sizing
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.catalogue import SHADOW
from tiltyard.metrics.metric import Outcome

_PROFIT_FACTORS = frozenset({"pf_challenger_30", "profit_factor", "pf_150", "pf_30_with_shadow"})


@dataclass(frozen=True, slots=True)
class OperatingCharacteristic:
    """How often and how soon a guard trips on one policy.

    Attributes:
        guard: Name of the guard.
        trades_used: Closed trades that were resampled.
        within: Share of lives, 0..1, in which it trips within so many trades.
        standard_error: Of each share, from the number of lives alone.
        median_trades_to_breach: Trades until half the lives have tripped; None when
            fewer than half do within the longest horizon.
    """

    guard: str
    trades_used: int
    within: Mapping[int, float]
    standard_error: Mapping[int, float]
    median_trades_to_breach: int | None


Answer = OperatingCharacteristic | Undefined


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a guard would do to a policy and to two others that differ in their gains alone.

    Attributes:
        guard: It.
        as_it_is: To the policy going on exactly as it has.
        good_factor: The profit factor that it should have; undefined when nothing says so.
        if_good: To the policy with that one: false alarms.
        bad_factor: Half the limit of the guard on a profit factor.
        if_bad: To the policy with that one: detection.
        own_threshold: For a guard that wants evidence, how much would be wanted if it were
            calibrated on the policy's own trades; None for any other guard.
        sizing: For a guard on the drawdown of the trial, what the policy's sizing means for it;
            None for any other guard.
    """

    guard: Guard
    as_it_is: Answer
    good_factor: float | Undefined
    if_good: Answer
    bad_factor: float | Undefined
    if_bad: Answer
    own_threshold: float | Undefined | None = None
    sizing: Sizing | Undefined | None = None


def foresee(
    guards: Sequence[Guard],
    outcomes: Sequence[Outcome],
    rng: np.random.Generator,
    *,
    others: Mapping[str, float] | None = None,
    champion: float | None = None,
    replicates: int = REPLICATES,
) -> list[Prospect]:
    """What each guard would do, or why that cannot be told.

    Args:
        guards: Those of one scope; what trades cannot foretell is answered with a reason.
        outcomes: The arm's closed trades in judged order.
        rng: Draws the lives; the same generator gives the same answer.
        others: Present values of metrics that guards compare with, such as ``pf_prod``.
        champion: The champion's profit factor; None when it is not known.
        replicates: How many lives.
    """
    others = others or {}
    lives = _Possible(outcomes, rng, replicates)
    return [
        _prospect(guard, _factors(guard, guards, others, champion), lives, others)
        for guard in guards
    ]


def sentences(prospects: Iterable[Prospect]) -> list[str]:
    """A sentence for each guard, in plain words, and one for each further answer, indented."""
    return [line for prospect in prospects for line in _lines(prospect)]


class _Possible:
    """The lives of a policy by its profit factor: one draw of its trades, with other gains."""

    def __init__(
        self, outcomes: Sequence[Outcome], rng: np.random.Generator, replicates: int
    ) -> None:
        self.outcomes = outcomes
        self.replicates = replicates
        self._rng = rng
        self._known: dict[float | None, Lives | Undefined] = {}
        self._drawn: Amounts | None = None
        self._first: Lives | None = None

    def with_factor(self, factor: float | None) -> Lives | Undefined:
        """Lives with this profit factor; with the one that it has when None."""
        if factor not in self._known:
            self._known[factor] = self._with_factor(factor)
        return self._known[factor]

    def rng(self) -> np.random.Generator:
        """Each draw begins at the same place, whatever was drawn before."""
        return deepcopy(self._rng)

    def _with_factor(self, factor: float | None) -> Lives | Undefined:
        count = len(self.outcomes)
        if count < LEAST_TRADES:
            return Undefined("warming", f"{count} of {LEAST_TRADES} trades", count)
        outcomes = self.outcomes if factor is None else recentred(self.outcomes, factor)
        if isinstance(outcomes, Undefined):
            return outcomes
        if self._drawn is None:
            self._drawn = drawn(count, self.rng(), replicates=self.replicates)
        lives = lived(outcomes, self._drawn, self._first)
        self._first = self._first or lives
        return lives


def _prospect(
    guard: Guard,
    factors: tuple[float | Undefined, float | Undefined],
    lives: _Possible,
    others: Mapping[str, float],
) -> Prospect:
    good, bad = factors
    return Prospect(
        guard,
        _answer(guard, None, lives, others),
        good,
        _answer(guard, good, lives, others),
        bad,
        _answer(guard, bad, lives, others),
        _own_threshold(guard, lives),
        _own_sizing(guard, lives),
    )


def _answer(
    guard: Guard,
    factor: float | Undefined | None,
    possible: _Possible,
    others: Mapping[str, float],
) -> Answer:
    if isinstance(factor, Undefined):
        return factor
    lives = possible.with_factor(factor)
    if isinstance(lives, Undefined):
        return lives
    limit = _limit(guard, others)
    if isinstance(limit, Undefined):
        return limit
    if guard.confirm.trades and (lives.pnl.astype(bool) & (lives.risk <= 0)).any():
        return Undefined("no_risk", "it wants evidence, and trades do not say what they risked")
    return _characteristic(guard, len(possible.outcomes), first_trips(guard, limit, lives))


def _factors(
    guard: Guard, guards: Sequence[Guard], others: Mapping[str, float], champion: float | None
) -> tuple[float | Undefined, float | Undefined]:
    """What a policy's profit factor should be, and what is bad, by the guard that speaks of it."""
    speaking = next((one for one in (guard, *guards) if _wants_a_floor(one)), None)
    good: float | Undefined = Undefined("no_champion", "nothing says what it should be")
    bad: float | Undefined = Undefined("unobserved", "no guard sets a floor for a profit factor")
    if champion is not None:
        good = champion
    if speaking is not None:
        low, high = speaking.expected
        if low is not None and high is not None:
            good = (low + high) / 2
        limit = _limit(speaking, others)
        bad = limit if isinstance(limit, Undefined) else limit / 2
    return good, bad


def _wants_a_floor(guard: Guard) -> bool:
    watched = guard.metric.removesuffix(SHADOW)
    return watched in _PROFIT_FACTORS and guard.when.sign in ("<", "<=")


def _own_threshold(guard: Guard, possible: _Possible) -> float | Undefined | None:
    if not guard.confirm.trades:
        return None
    confirm = guard.confirm
    return calibrated(
        possible.outcomes, guard.when.number, possible.rng(), share=confirm.share / 100,
        trades=confirm.trades, replicates=possible.replicates,
    )  # fmt: skip


def _own_sizing(guard: Guard, possible: _Possible) -> Sizing | Undefined | None:
    is_a_fall = guard.metric == "dd_challenger_pct" and guard.when.sign in (">", ">=")
    if not is_a_fall or guard.when.metric:
        return None
    limit = guard.when.number
    return sizing(possible.outcomes, limit, possible.rng(), replicates=possible.replicates)


def _limit(guard: Guard, others: Mapping[str, float]) -> float | Undefined:
    when = guard.when
    if guard.metric.removesuffix(SHADOW) not in PATHS:
        return Undefined("unobserved", f"{guard.metric} cannot be resampled from closed trades")
    if guard.only_if is not None:
        return Undefined("unobserved", f"it depends on {guard.only_if[0]} as well")
    if guard.confirm.seconds:
        return Undefined("unobserved", "it waits for time, and resampled trades have no times")
    if when.metric and when.metric not in others:
        return Undefined("no_champion", f"{when.metric} is not known")
    return when.limit(others[when.metric]) if when.metric else when.number


def _characteristic(guard: Guard, trades_used: int, first: Amounts) -> OperatingCharacteristic:
    within = {horizon: float(np.mean(first <= horizon)) for horizon in HORIZONS}
    error = {trades: sqrt(share * (1 - share) / len(first)) for trades, share in within.items()}
    median = int(np.sort(first)[(len(first) - 1) // 2])
    return OperatingCharacteristic(
        guard.name, trades_used, within, error, median if median != NEVER else None
    )


WOULD: dict[Effect, str] = {
    "halt": "be halted",
    "throttle": "be throttled",
    "stop_entries": "stop all entries",
    "freeze_challengers": "freeze all challengers",
    "freeze_ramp": "freeze the ramp",
    "refresh_encoder": "have its encoder refreshed",
    "restart_learner": "have its learner restarted",
    "propose_rollback": "be proposed for a rollback",
    "review": "be put up for review",
    "page": "page a person",
}
"""What each effect means for the policy that trips the guard."""


def _lines(prospect: Prospect) -> Iterator[str]:
    guard, now = prospect.guard, prospect.as_it_is
    patience = "" if guard.confirm.answers == 1 else f", {guard.confirm}"
    if guard.confirm.trades:
        patience = f", {guard.confirm}"
    subject = f"{guard.name} ({guard.metric} {guard.when}{patience})"
    if isinstance(now, Undefined):
        yield f"{subject}: cannot be told: {now.reason}."
        return
    observed = ", were it enforced," if guard.mode == "observe" else ""
    yield (
        f"{subject}: going on exactly as in its last {now.trades_used:,} trades, this policy "
        f"would{observed} {WOULD[guard.effect]} {_rates(now)}; {_typically(now)}."
    )
    yield _supposed("False alarms", prospect.good_factor, "as it should be", prospect.if_good)
    yield _supposed("Detection", prospect.bad_factor, "half its limit", prospect.if_bad)
    if prospect.own_threshold is not None:
        yield _evidence(guard, prospect.own_threshold)
        yield from _broken_promise(prospect)
    if prospect.sizing is not None:
        yield f"  Sizing: {_told(prospect.sizing)}."


def _told(sizing: Sizing | Undefined) -> str:
    return f"cannot be told: {sizing.reason}" if isinstance(sizing, Undefined) else str(sizing)


def _supposed(what: str, factor: float | Undefined, which: str, answer: Answer) -> str:
    if isinstance(answer, Undefined):
        return f"  {what}: cannot be told: {answer.reason}."
    median = answer.median_trades_to_breach
    typically = f"; {_typically(answer)}" if median else ""
    return f"  {what}: with a profit factor of {factor:.3g}, {which}, {_rates(answer)}{typically}."


def _evidence(guard: Guard, own: float | Undefined) -> str:
    wanted = f"  Evidence: {guard.confirm.threshold:.2f} is wanted"
    if isinstance(own, Undefined):
        return f"{wanted}; what its own trades would want cannot be told: {own.reason}."
    share, trades = guard.confirm.share, guard.confirm.trades
    return (
        f"{wanted}; by its own trades {own:.2f} would wrong a policy exactly at the limit in "
        f"{share} % of lives of {trades} trades."
    )


def _broken_promise(prospect: Prospect) -> Iterator[str]:
    """Said where one at the limit or better is wronged more often than one at it may be.

    One that lies below is to be stopped, also where that is as good as the champion.
    """
    limit, confirm = prospect.guard.when.number, prospect.guard.confirm
    factor, good = prospect.good_factor, prospect.if_good
    if isinstance(factor, Undefined) or isinstance(good, Undefined) or factor < limit:
        return
    for trades, rate in good.within.items():
        promised = confirm.share / 100 + 2 * good.standard_error[trades]
        if trades <= confirm.trades and rate > promised:
            yield (
                f"  The promise of {confirm.share} % in {confirm.trades} trades does not hold for "
                "it: by its own trades one as good as it should be is wronged more often."
            )
            return


def _rates(answer: OperatingCharacteristic) -> str:
    (first, share), *later = answer.within.items()
    rates = f"within {first} trades in {percent(share)} of lives"
    return rates + "".join(f", within {trades} in {percent(rate)}" for trades, rate in later)


def _typically(answer: OperatingCharacteristic) -> str:
    median = answer.median_trades_to_breach
    return (
        f"typically after {median} trades"
        if median
        else f"typically not within {max(HORIZONS)} trades"
    )
