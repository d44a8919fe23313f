"""Every metric a checklist may name: its unit, where it comes from, how to make it.

Three sources: an arm's own closed trades (``trades``), a gauge that somebody reports
(``gauge``), and what the panel derives from several arms or from marks (``derived``).
A trade metric is also kept over the shadow book, under its name with ``_shadow``.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tiltyard.kernel.registry import Registry
from tiltyard.metrics.consecutive_losses import ConsecutiveLosses
from tiltyard.metrics.drawdown import Drawdown
from tiltyard.metrics.expectancy import ExpectancyR
from tiltyard.metrics.net_pnl import NetPnl
from tiltyard.metrics.profit_factor import ProfitFactor
from tiltyard.metrics.rolling import Rolling, Running
from tiltyard.metrics.win_rate import WinRate

Meter = Running[Any] | Rolling[Any]
Unit = Literal[
    "ratio", "percent", "trades", "R", "currency", "nats", "windows", "per year", "milliseconds",
    "flag",
]  # fmt: skip
BEHIND_A_NUMBER: Mapping[str, str] = {
    "percent": " %", "milliseconds": " ms", "nats": " nats", "R": " R",
}  # fmt: skip
"""Units as people read them there; the others are not said."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """What a checklist and a report need to know about a metric.

    Attributes:
        unit: What the number counts.
        meaning: One line for people.
        source: ``trades``, ``gauge`` or ``derived``.
        make: A fresh meter, for ``trades``.
        window: Trades in the window; 0 for all of the trial.
        never_falls: Within a trial it can only rise, so a breach outlives its mark.
        least: No value is lower; minus infinity where there is no such bound.
        most: No value is higher.
    """

    unit: Unit
    meaning: str
    source: Literal["trades", "gauge", "derived"] = "trades"
    make: Callable[[], Meter] | None = None
    window: int = 0
    never_falls: bool = False
    least: float = -math.inf
    most: float = math.inf

    @property
    def range(self) -> str:
        """Where values lie, for people: ``0 to 100``, ``0 or more``; empty for anywhere."""
        if self.least == -math.inf:
            return ""
        more = "or more" if self.most == math.inf else f"to {self.most:g}"
        return f"{self.least:g} {more}"


METRICS: Registry[MetricSpec] = Registry("metric")


def _rolling(name: str, metric: Any, trades: int, unit: Unit, meaning: str) -> None:  # noqa: ANN401 any metric
    least, most = _range(name)
    METRICS.add(
        name,
        MetricSpec(
            unit, meaning, make=lambda: Rolling(metric, trades=trades), window=trades,
            least=least, most=most,
        ),
    )  # fmt: skip


def _running(name: str, metric: Any, unit: Unit, meaning: str) -> None:  # noqa: ANN401 any metric
    least, most = _range(name)
    METRICS.add(
        name, MetricSpec(unit, meaning, make=lambda: Running(metric), least=least, most=most)
    )


def _given(name: str, source: Literal["gauge", "derived"], unit: Unit, meaning: str) -> None:
    least, most = _range(name)
    METRICS.add(
        name,
        MetricSpec(
            unit, meaning, source=source, never_falls=name in _NEVER_FALL, least=least, most=most
        ),
    )


def _range(name: str) -> tuple[float, float]:
    if name in _SHARES_OF_A_WHOLE:
        return 0, 100
    if name in _NEVER_NEGATIVE:
        return 0, math.inf
    return (0, 1) if name in _FLAGS else (-math.inf, math.inf)


_NEVER_FALL = ("dd_challenger_pct", "account_drawdown_pct")
_SHARES_OF_A_WHOLE = (
    "dd_challenger_pct", "dd_150", "account_drawdown_pct", "win_rate", "win_rate_30",
    "gpu_util_pct", "api_error_rate",
)  # fmt: skip
_NEVER_NEGATIVE = (
    "pf_challenger_30", "profit_factor", "pf_150", "pf_prod", "pf_30_with_shadow",
    "consecutive_losses", "account_daily_loss_pct", "encoder_effective_samples",
    "inference_latency_p50_ms", "inference_latency_p95_ms",
)  # fmt: skip
_FLAGS = (
    "up", "learner_progress", "learner_running", "model_healthy", "weekly_run", "snapshot_run",
)  # fmt: skip


_rolling("pf_challenger_30", ProfitFactor(), 30, "ratio", "profit factor, last 30 trades")
_given(
    "dd_challenger_pct", "derived", "percent", "largest fall of NAV in the trial, marks included"
)
_given("encoder_kl_divergence", "gauge", "nats", "drift of the encoder's embeddings")
_given("encoder_kl_divergence_lower", "gauge", "nats", "lower end of the drift's 95 % interval")
_given("encoder_kl_divergence_upper", "gauge", "nats", "upper end of the drift's 95 % interval")
_given(
    "encoder_effective_samples", "gauge", "windows",
    "as many independent windows say as much of the drift as those that there are",
)  # fmt: skip
_given("gpu_util_pct", "gauge", "percent", "GPU utilisation")
_running("profit_factor", ProfitFactor(), "ratio", "profit factor of the trial")
_rolling("pf_150", ProfitFactor(), 150, "ratio", "profit factor, last 150 trades")
_given("pf_prod", "derived", "ratio", "the champion's profit factor over the same span")
_rolling("dd_150", Drawdown(), 150, "percent", "largest fall of NAV in the last 150 trades")
_running("win_rate", WinRate(), "percent", "winning trades of the trial")
_rolling("win_rate_30", WinRate(), 30, "percent", "winning trades, last 30")
_running("consecutive_losses", ConsecutiveLosses(), "trades", "losing trades in a row")
_running("expectancy_r", ExpectancyR(), "R", "mean R-multiple of the trial")
_running("net_pnl", NetPnl(), "currency", "profit after costs in the trial")
_given("sharpe", "derived", "per year", "mean daily return over its deviation")
_given("sortino", "derived", "per year", "mean daily return over its downside deviation")
_given("pf_30_with_shadow", "derived", "ratio", "profit factor, last 30 live and shadow trades")
_given("account_drawdown_pct", "derived", "percent", "largest fall of the account's NAV")
_given("account_daily_loss_pct", "derived", "percent", "today's loss in percent of the account")
_given("account_balance", "gauge", "currency", "the account's balance")
_given("api_error_rate", "gauge", "percent", "failed calls to the venue, last 5 minutes")
_given("up", "gauge", "flag", "1 while the desk answers")
_given("learner_progress", "gauge", "flag", "1 while the running job reports progress")
_given("learner_running", "gauge", "flag", "1 while the learner is kept running, 0 when given up")
_given(
    "model_healthy", "gauge", "flag", "1 while the model loads, is the one pinned, and is finite"
)
_given("inference_latency_p50_ms", "gauge", "milliseconds", "half of the decisions take no longer")
_given("inference_latency_p95_ms", "gauge", "milliseconds", "19 of 20 decisions take no longer")
_given("weekly_run", "gauge", "flag", "1 when the last weekly maintenance succeeded")
_given("snapshot_run", "gauge", "flag", "1 when the last snapshot succeeded")

TRADE_METRICS: tuple[str, ...] = tuple(n for n, spec in METRICS.items() if spec.source == "trades")
GAUGES: frozenset[str] = frozenset(n for n, spec in METRICS.items() if spec.source == "gauge")
DRAWDOWNS: frozenset[str] = frozenset({"dd_challenger_pct", "dd_150"})
"""Of an arm: measured against its capital."""
LATENCIES: frozenset[str] = frozenset({"inference_latency_p50_ms", "inference_latency_p95_ms"})
"""Gauges of a policy; the account's is that of the slowest one."""
DRIFT = "encoder_kl_divergence"
DRIFT_ENDS = ("encoder_kl_divergence_lower", "encoder_kl_divergence_upper")
BESIDE_DRIFT: frozenset[str] = frozenset({*DRIFT_ENDS, "encoder_effective_samples"})
"""Gauges that say how sure the drift is; each belongs to a reading of it."""
HEALTH = "model_healthy"
HEARTBEAT = "bot_heartbeat"
"""The gauge by which a policy's bot says that it lives."""
SHADOW = "_shadow"


def spec_of(name: str) -> MetricSpec:
    """The specification of a metric or of its shadow form.

    Raises:
        TiltyardError: ``METRIC_UNKNOWN`` with the nearest name.
    """
    base = name.removesuffix(SHADOW)
    if base != name and base in TRADE_METRICS:
        return METRICS.get(base)
    return METRICS.get(name)
