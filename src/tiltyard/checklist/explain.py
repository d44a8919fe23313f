"""What a guard would do to a policy that goes on exactly as it has.

In come an arm's own closed trades, live and shadow; out comes, for each guard, in how many of 2,000
resampled lives it trips within 150 and within 500 trades, and after how many trades
typically. For a policy that is good this is the rate of false alarms, for one that is
bad the rate of detection: the guard cannot tell, so look at the policy.

A life is a fresh trial of 500 trades, drawn from the trades with replacement in blocks
of adjacent ones (moving-block bootstrap), so that streaks stay streaks. Blocks are as
long as the cube root of the number of trades, rounded: 7 for 343. Every guard meets the
same lives. The standard error is that of drawing 2,000 lives; that the trades at hand
are a sample themselves comes on top. Only closed trades are resampled: no marks.
Source: Künsch, Annals of Statistics 17 (1989), for the blocks; Hall, Horowitz and Jing,
Biometrika 82 (1995), for their length.

>>> from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
>>> coin = [(100 if turn % 2 else -100, 10_000, 100) for turn in range(343)]
>>> guard = DEFAULT_CHECKLIST.guard("challenger_profit_factor_low")
>>> for line in sentences(operating_characteristics([guard], coin, np.random.default_rng(1))):
...     print(line)
challenger_profit_factor_low (pf_challenger_30 < 1.6): going on exactly as in its last 343
trades, this policy would be throttled within 150 trades in 100 % of lives, within 500 in
100 %; typically after 30 trades.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cbrt, sqrt

import numpy as np
from numpy.typing import NDArray

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Effect, Guard
from tiltyard.checklist.patience import Patience
from tiltyard.kernel.money import UNITS
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.catalogue import SHADOW, spec_of
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.recompute import drawdowns, profit_factors

Amounts = NDArray[np.int64]
Series = NDArray[np.float64]
Flags = NDArray[np.bool_]

REPLICATES = 2_000
HORIZONS = (150, 500)
LEAST_TRADES = 30
NEVER = np.iinfo(np.int64).max


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
class Lives:
    """Trades of many lives, in units of 1e-8; arrays of shape (lives, trades).

    Attributes:
        pnl: Net results.
        capital: What each trade was sized on; 0 where nobody said.
    """

    pnl: Amounts
    capital: Amounts


def operating_characteristics(
    guards: Iterable[Guard],
    outcomes: Sequence[Outcome],
    rng: np.random.Generator,
    *,
    others: Mapping[str, float] | None = None,
    replicates: int = REPLICATES,
) -> list[tuple[Guard, Answer]]:
    """What each guard would do, or why that cannot be told.

    Args:
        guards: Of any scope; those that trades cannot foretell are answered with a reason.
        outcomes: The arm's closed trades in judged order.
        rng: Draws the lives; the same generator gives the same answer.
        others: Present values of metrics that guards compare with, such as ``pf_prod``.
        replicates: How many lives.
    """
    if len(outcomes) < LEAST_TRADES:
        few = Undefined("warming", f"{len(outcomes)} of {LEAST_TRADES} trades", len(outcomes))
        return [(guard, few) for guard in guards]
    lives = resampled(outcomes, rng, replicates=replicates)
    answers: list[tuple[Guard, Answer]] = []
    for guard in guards:
        limit = _limit(guard, others or {})
        if isinstance(limit, Undefined):
            answers.append((guard, limit))
        else:
            first = _first_trips(guard, limit, lives)
            answers.append((guard, _characteristic(guard, len(outcomes), first)))
    return answers


def resampled(
    outcomes: Sequence[Outcome],
    rng: np.random.Generator,
    *,
    replicates: int = REPLICATES,
    trades: int = max(HORIZONS),
) -> Lives:
    """Lives of ``trades`` trades each, in blocks about as long as the cube root of all."""
    block = block_length(len(outcomes))
    blocks = -(-trades // block)
    starts = rng.integers(0, len(outcomes) - block + 1, (replicates, blocks))
    picked = (starts[:, :, None] + np.arange(block)).reshape(replicates, -1)[:, :trades]
    pnl, capital, _ = np.array(outcomes, dtype=np.int64).T
    return Lives(pnl[picked], capital[picked])


def block_length(trades: int) -> int:
    """The cube root, rounded.

    >>> [block_length(trades) for trades in (30, 343, 1000)]
    [3, 7, 10]
    """
    return round(cbrt(trades))


def series(metric: str, lives: Lives) -> Series:
    """A metric after every trade of every life; NaN where it is undefined.

    Args:
        metric: One of :data:`PATHS`.
        lives: Trades, shape (lives, trades).
    """
    return PATHS[metric](lives)


def sentences(answers: Iterable[tuple[Guard, Answer]]) -> list[str]:
    """One sentence a guard, in plain words."""
    return [_sentence(guard, answer) for guard, answer in answers]


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


def _first_trips(guard: Guard, limit: float, lives: Lives) -> Amounts:
    """After how many trades each life trips first, or ``NEVER``; shape (lives,)."""
    metric = guard.metric.removesuffix(SHADOW)
    values = _twelve_digits(series(metric, lives))
    counted = np.arange(1, values.shape[1] + 1)
    samples = np.minimum(counted, spec_of(metric).window or counted)
    known = ~np.isnan(values) & (samples >= guard.min_samples)
    breaches = known & Comparison.SIGNS[guard.when.sign](values, limit)  # type: ignore[arg-type]  # arrays compare alike
    return _first_confirmed(guard.confirm, known, breaches)


def _twelve_digits(values: Series) -> Series:
    """As the judge rounds before it compares, so that 4 % exactly is not beyond 4 %."""
    size = np.ones_like(values)
    other = np.isfinite(values) & (values != 0)
    size[other] = 10.0 ** (11 - np.floor(np.log10(np.abs(values[other]))))
    return np.rint(values * size) / size


def _first_confirmed(confirm: Patience, known: Flags, breaches: Flags) -> Amounts:
    """Unknown answers are moved to the end, so that the last n known ones are adjacent."""
    order = np.argsort(~known, axis=1, kind="stable")
    told = np.take_along_axis(breaches, order, axis=1)
    counts = told.cumsum(axis=1)
    counts[:, confirm.answers :] -= counts[:, : -confirm.answers].copy()
    confirmed = told & (counts >= confirm.breaches)
    at = confirmed.argmax(axis=1)[:, None]
    after = np.take_along_axis(order, at, axis=1)[:, 0] + 1
    return np.where(confirmed.any(axis=1), after, NEVER)


def _characteristic(guard: Guard, trades_used: int, first: Amounts) -> OperatingCharacteristic:
    within = {horizon: float(np.mean(first <= horizon)) for horizon in HORIZONS}
    error = {trades: sqrt(share * (1 - share) / len(first)) for trades, share in within.items()}
    median = int(np.sort(first)[(len(first) - 1) // 2])
    return OperatingCharacteristic(
        guard.name, trades_used, within, error, median if median != NEVER else None
    )


def _profit_factor(window: int) -> Callable[[Lives], Series]:
    def path(lives: Lives) -> Series:
        shape = lives.pnl.shape
        return profit_factors(lives.pnl.ravel(), _starts(lives), window).reshape(shape)

    return path


def _profit_factor_so_far(lives: Lives) -> Series:
    gains = np.maximum(lives.pnl, 0).cumsum(axis=1, dtype=np.float64)
    losses = np.maximum(-lives.pnl, 0).cumsum(axis=1, dtype=np.float64)
    factors = np.full(gains.shape, np.nan)
    np.divide(gains, losses, out=factors, where=losses > 0)
    return factors


def _win_rate(window: int) -> Callable[[Lives], Series]:
    def path(lives: Lives) -> Series:
        wins = (lives.pnl > 0).cumsum(axis=1).astype(np.float64)
        wins[:, window:] -= wins[:, :-window].copy()
        wins[:, : window - 1] = np.nan
        return 100 * wins / window

    return path


def _win_rate_so_far(lives: Lives) -> Series:
    wins = (lives.pnl > 0).cumsum(axis=1)
    return 100 * wins / np.arange(1, wins.shape[1] + 1)


def _losses_in_a_row(lives: Lives) -> Series:
    losses = (lives.pnl < 0).cumsum(axis=1)
    before_last_win = np.maximum.accumulate(np.where(lives.pnl > 0, losses, 0), axis=1)
    return (losses - before_last_win).astype(np.float64)


def _drawdown(window: int) -> Callable[[Lives], Series]:
    def path(lives: Lives) -> Series:
        pnl, capital = lives.pnl.ravel(), lives.capital.ravel()
        return drawdowns(pnl, capital, _starts(lives), window).reshape(lives.pnl.shape)

    return path


def _drawdown_so_far(lives: Lives) -> Series:
    growth = np.full(lives.pnl.shape, np.nan)
    np.divide(lives.pnl, lives.capital, out=growth, where=lives.capital > 0)
    nav = np.maximum(1 + growth, 0).cumprod(axis=1)
    peak = np.maximum(np.maximum.accumulate(nav, axis=1), 1)
    return np.maximum.accumulate(100 * (peak - nav) / peak, axis=1)


def _net_pnl(lives: Lives) -> Series:
    return lives.pnl.cumsum(axis=1, dtype=np.float64) / UNITS


def _starts(lives: Lives) -> Amounts:
    """Where each life starts when all are laid end to end."""
    return np.arange(0, lives.pnl.size, lives.pnl.shape[1])


PATHS: dict[str, Callable[[Lives], Series]] = {
    "pf_challenger_30": _profit_factor(30),
    "pf_150": _profit_factor(150),
    "profit_factor": _profit_factor_so_far,
    "dd_challenger_pct": _drawdown_so_far,
    "dd_150": _drawdown(150),
    "win_rate_30": _win_rate(30),
    "win_rate": _win_rate_so_far,
    "consecutive_losses": _losses_in_a_row,
    "net_pnl": _net_pnl,
}
"""How each metric that closed trades alone decide is computed along all lives at once."""

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


def _sentence(guard: Guard, answer: Answer) -> str:
    patience = "" if guard.confirm.answers == 1 else f", {guard.confirm}"
    subject = f"{guard.name} ({guard.metric} {guard.when}{patience})"
    if isinstance(answer, Undefined):
        return f"{subject}: cannot be told: {answer.reason}."
    shares = list(answer.within.items())
    (first, share), *later = shares
    rates = f"within {first} trades in {_percent(share)} of lives"
    rates += "".join(f", within {trades} in {_percent(rate)}" for trades, rate in later)
    median = answer.median_trades_to_breach
    typically = f"after {median} trades" if median else f"not within {shares[-1][0]} trades"
    observed = ", were it enforced," if guard.mode == "observe" else ""
    return (
        f"{subject}: going on exactly as in its last {answer.trades_used:,} trades, this policy "
        f"would{observed} {WOULD[guard.effect]} {rates}; typically {typically}."
    )


def _percent(share: float) -> str:
    rounded = f"{share:.0%}".removesuffix("%")
    if share > 0 and rounded == "0":
        return "less than 1 %"
    if share < 1 and rounded == "100":
        return "more than 99 %"
    return f"{rounded} %"
