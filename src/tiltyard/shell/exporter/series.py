"""Under which Prometheus series each metric of the catalogue is shown.

The one place that knows: the exporter writes these series, the rules for Prometheus are made of
them, and so is the dashboard. Prometheus wants base units, so a percentage is a ratio there, and
a time is in seconds; ``factor`` takes a number of the catalogue there.

>>> series_of("dd_challenger_pct").selector(role="challenger")
'tiltyard_drawdown_ratio{role="challenger",window="trial",book="live"}'
>>> series_of("dd_challenger_pct").number(12.4)
0.124
>>> series_of("win_rate_30_shadow").selector()
'tiltyard_win_rate_ratio{window="30",book="shadow"}'
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tiltyard.kernel.registry import Registry
from tiltyard.kernel.undefined import twelve_digits
from tiltyard.metrics.catalogue import SHADOW, TRADE_METRICS, spec_of

PREFIX = "tiltyard_"
_PERCENT, _MILLISECONDS = 0.01, 0.001


@dataclass(frozen=True, slots=True)
class Series:
    """How a metric is shown.

    Attributes:
        family: The metric's name at Prometheus.
        meaning: One line for people, in its unit there.
        labels: Those that tell this metric from others of its family.
        factor: What a number of the catalogue is multiplied by.
        of_arms: Each arm has one, with the labels ``policy`` and ``role``; else the account.
    """

    family: str
    meaning: str
    labels: Mapping[str, str] = field(default_factory=dict)
    factor: float = 1.0
    of_arms: bool = True

    def number(self, number: float) -> float:
        """A number of the catalogue, in the unit of the series."""
        return twelve_digits(number * self.factor)

    def selector(self, **labels: str) -> str:
        """The series as an expression of Prometheus names them.

        Args:
            labels: Further ones, before its own.
        """
        every = ",".join(f'{name}="{value}"' for name, value in {**labels, **self.labels}.items())
        return f"{self.family}{{{every}}}" if every else self.family


SERIES: Registry[Series] = Registry("metric")


def _arm(
    metric: str, family: str, meaning: str, window: str = "", book: str = "live", factor: float = 1
) -> None:
    labels = {"window": window} if window else {}
    SERIES.add(metric, Series(PREFIX + family, meaning, {**labels, "book": book}, factor))


def _gauge(metric: str, family: str, meaning: str, factor: float = 1) -> None:
    SERIES.add(metric, Series(PREFIX + family, meaning, factor=factor))


def _account(metric: str, family: str, meaning: str, factor: float = 1) -> None:
    SERIES.add(metric, Series(PREFIX + family, meaning, factor=factor, of_arms=False))


_PROFIT_FACTOR = "Gross profit over gross loss of closed trades, after costs."
_DRAWDOWN = "Largest fall of NAV, as a share of its peak."
_WINS = "Share of trades that won."
_arm("pf_challenger_30", "profit_factor", _PROFIT_FACTOR, "30")
_arm("profit_factor", "profit_factor", _PROFIT_FACTOR, "trial")
_arm("pf_150", "profit_factor", _PROFIT_FACTOR, "150")
_arm("pf_30_with_shadow", "profit_factor", _PROFIT_FACTOR, "30", "live_and_shadow")
_arm("pf_prod", "champion_profit_factor", "The champion's profit factor over the same span.", "150")
_arm("dd_challenger_pct", "drawdown_ratio", _DRAWDOWN, "trial", factor=_PERCENT)
_arm("dd_150", "drawdown_ratio", _DRAWDOWN, "150", factor=_PERCENT)
_arm("win_rate", "win_rate_ratio", _WINS, "trial", factor=_PERCENT)
_arm("win_rate_30", "win_rate_ratio", _WINS, "30", factor=_PERCENT)
_arm("consecutive_losses", "consecutive_losses", "Losing trades in a row.")
_arm("expectancy_r", "expectancy_r_multiples", "Mean R-multiple of a trade.", "trial")
_arm("net_pnl", "net_pnl", "Profit after costs, in the account's currency.", "trial")
_arm("sharpe", "sharpe_per_year", "Mean daily return over its deviation.", "trial")
_arm("sortino", "sortino_per_year", "Mean daily return over its downside deviation.", "trial")
_gauge("encoder_kl_divergence", "encoder_kl_divergence_nats", "Drift of the encoder's embeddings.")
_gauge(
    "encoder_kl_divergence_lower", "encoder_kl_divergence_lower_nats",
    "Lower end of the 95 % interval of the drift.",
)  # fmt: skip
_gauge(
    "encoder_kl_divergence_upper", "encoder_kl_divergence_upper_nats",
    "Upper end of the 95 % interval of the drift.",
)  # fmt: skip
_gauge(
    "encoder_effective_samples", "encoder_effective_samples",
    "As many independent windows would say as much of the drift.",
)  # fmt: skip
_gauge("model_healthy", "model_healthy", "1 while the model loads, is the one pinned, is finite.")
_gauge(
    "inference_latency_p50_ms", "inference_latency_p50_seconds",
    "Half of the decisions take no longer.", _MILLISECONDS,
)  # fmt: skip
_gauge(
    "inference_latency_p95_ms", "inference_latency_p95_seconds",
    "19 of 20 decisions take no longer.", _MILLISECONDS,
)  # fmt: skip
_account("account_drawdown_pct", "account_drawdown_ratio", _DRAWDOWN, _PERCENT)
_account(
    "account_daily_loss_pct", "account_daily_loss_ratio",
    "What the account has lost today, as a share of it.", _PERCENT,
)  # fmt: skip
_account("account_balance", "account_balance", "The account's balance, in its currency.")
_account("api_error_rate", "api_error_ratio", "Share of calls to the venue that failed.", _PERCENT)
_account(
    "gpu_util_pct", "gpu_utilization_busiest_ratio",
    "How busy the busiest GPU was in the last minute.", _PERCENT,
)  # fmt: skip
_account("up", "up", "1 while the desk answers, as somebody outside has reported it.")
_account("learner_progress", "learner_progress", "1 while the running job moves on.")
_account("learner_running", "learner_running", "1 while the learner is kept running.")
_account("weekly_run", "weekly_run", "1 when the last weekly maintenance succeeded.")
_account("snapshot_run", "snapshot_run", "1 when the last snapshot succeeded.")


def series_of(metric: str) -> Series:
    """How a metric, or its shadow form, is shown.

    Raises:
        TiltyardError: ``METRIC_UNKNOWN`` with the nearest name.
    """
    spec_of(metric)
    base = metric.removesuffix(SHADOW)
    if base == metric or base not in TRADE_METRICS:
        return SERIES.get(metric)
    shown = SERIES.get(base)
    return replace(shown, labels={**shown.labels, "book": "shadow"})
