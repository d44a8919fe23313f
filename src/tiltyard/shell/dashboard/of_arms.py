"""Rows about policies: traffic, profit factor, drawdown, exposure, streaks, models."""

from collections.abc import Iterator

from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.metrics.catalogue import DRAWDOWNS, TRADE_METRICS
from tiltyard.shell.alerts.beside_guards import least_stale
from tiltyard.shell.alerts.sight import ROLES
from tiltyard.shell.dashboard import queries
from tiltyard.shell.dashboard.looks import in_words, look_of, older_than, watched_as
from tiltyard.shell.dashboard.panel import Look, Panel, Query, Row, Step
from tiltyard.shell.exporter.series import series_of

SHARE = Look("percentunit", least=0, most=1)
POLICY = "{{policy}}"
_BESIDE = {
    "inference_latency_p95_ms": [("inference_latency_p50_ms", "half")],
    "encoder_kl_divergence": [
        ("encoder_kl_divergence_lower", "at least"), ("encoder_kl_divergence_upper", "at most"),
    ],
}  # fmt: skip
"""What is drawn dashed beside a metric, and how it is called."""


def arm_rows(checklist: Checklist) -> Iterator[Row]:
    """In the order in which a person asks."""
    yield Row("Traffic", list(_traffic()))
    yield Row("Profit factor", list(_profit_factor(checklist)))
    yield Row("Drawdown", list(_drawdown(checklist)))
    yield Row("What is open", list(_open(checklist)))
    yield Row("Losses in a row", list(_streaks(checklist)))
    yield Row("Models", list(_models(checklist)))


def _traffic() -> Iterator[Panel]:
    meant, came = (queries.family(f"traffic_{name}_ratio") for name in ("allocation", "realised"))
    yield Panel(
        "Who is given how much traffic",
        "Shares of all opportunities, together 100 %. A share of 0 is a challenger that is "
        "throttled, halted or frozen: tiltyard policy list says which.",
        (Query(queries.each_arm(meant), POLICY),), "stacked", SHARE,
    )  # fmt: skip
    yield Panel(
        "What came of it in the last 24 hours",
        "Solid: the share of episodes that a policy had, by the decisions that bots report. "
        "Dashed: what it is given. Lines that stay apart mean a bot that does not ask.",
        (Query(queries.each_arm(came), POLICY),
         Query(queries.each_arm(meant), f"{POLICY} given", is_dashed=True)), look=SHARE,
    )  # fmt: skip
    yield Panel(
        "Is that still chance?",
        "The probability of shares at least as far from those given, were the bots to follow "
        "them. Below 0.001 they do not: compare bots with tiltyard report.",
        (Query(queries.account(queries.family("share_mismatch_p_value"), "min"), "p"),),
        look=Look(steps=(Step(None, "red"), Step(0.001, "green")), least=0, most=1),
    )  # fmt: skip
    yield Panel(
        "Closed trades in the last 24 hours",
        "Live and shadow trades of each policy. None at all from a policy with traffic: look "
        "at its bot.",
        (Query(queries.growth(queries.family("trades_total"), "policy, book", "24h"),
               "{{policy}} {{book}}"),),
    )  # fmt: skip


def _profit_factor(checklist: Checklist) -> Iterator[Panel]:
    for metric, scope, whose in (
        ("pf_challenger_30", "arm", "challengers"),
        ("pf_challenger_30", "champion", "the champion"),
    ):
        guard = _watching(checklist, metric, scope)
        yield Panel(
            f"Profit factor of the last 30 trades of {whose}{_flag(guard)}",
            "Gross profit over gross loss. Below 1 it loses. No line until 30 trades with a loss "
            "among them have closed. In red: tiltyard report POLICY --trades.",
            (Query(queries.each_arm(series_of(metric), role=ROLES[scope]), POLICY),),
            look=look_of(metric, guard),
        )  # fmt: skip
    yield Panel(
        "Profit factor of the whole trial",
        "All trades since the arm went live or was re-armed. It moves slowly, and a single trade "
        "moves it little.",
        (Query(queries.each_arm(series_of("profit_factor")), POLICY),),
        look=watched_as(checklist, "profit_factor"),
    )  # fmt: skip
    yield Panel(
        "Challengers beside the champion, over the same span",
        "Solid: a policy's last 150 trades. Dashed: the champion in the same time. A challenger "
        "that stays below does not earn more traffic.",
        (Query(queries.each_arm(series_of("pf_150")), POLICY),
         Query(queries.each_arm(series_of("pf_prod")), f"champion beside {POLICY}",
               is_dashed=True)), look=watched_as(checklist, "pf_150"),
    )  # fmt: skip


def _drawdown(checklist: Checklist) -> Iterator[Panel]:
    for metric, title in (
        ("dd_challenger_pct", "Largest fall of each policy in its trial"),
        ("dd_150", "Largest fall of each policy in its last 150 trades"),
    ):
        guard = _watching(checklist, metric, "arm")
        yield Panel(
            f"{title}{_flag(guard)}",
            "A fall of NAV from its peak as a share of it. The trial's never falls; after the "
            "flag a challenger is halted, and only a person re-arms it.",
            (Query(queries.each_arm(series_of(metric)), POLICY),), look=look_of(metric, guard),
        )  # fmt: skip


def _open(checklist: Checklist) -> Iterator[Panel]:
    yield Panel(
        "Open positions",
        "How many positions each policy has open. A halted policy only reduces: its line must "
        "go down.",
        (Query(queries.each_arm(queries.family("open_positions")), POLICY),),
        look=Look(least=0, decimals=0), width=8,
    )  # fmt: skip
    yield Panel(
        "Open exposure",
        "What the open positions are worth, in the account's currency.",
        (Query(queries.each_arm(queries.family("open_exposure")), POLICY),), width=8,
    )  # fmt: skip
    marks = queries.each_arm(queries.family("last_mark_timestamp_seconds"))
    yield Panel(
        "How old is the last valuation?",
        "Seconds since a policy's open positions were last valued. Without marks a fall is not "
        "seen; look at its bot.",
        (Query(queries.age(marks), POLICY),),
        look=older_than(least_stale(checklist.guards, DRAWDOWNS)), width=8,
    )  # fmt: skip


def _streaks(checklist: Checklist) -> Iterator[Panel]:
    guard = _watching(checklist, "consecutive_losses", "arm")
    yield Panel(
        f"Losing trades in a row{_flag(guard)}",
        "A streak is no proof: it opens a review, and takes no traffic.",
        (Query(queries.each_arm(series_of("consecutive_losses")), POLICY),),
        look=look_of("consecutive_losses", guard),
    )  # fmt: skip
    yield Panel(
        "Share of trades that won, of the last 30",
        "Read it beside the profit factor: a policy may win rarely and earn.",
        (Query(queries.each_arm(series_of("win_rate_30")), POLICY),),
        look=watched_as(checklist, "win_rate_30"),
    )  # fmt: skip


def _models(checklist: Checklist) -> Iterator[Panel]:
    yield Panel(
        "Does each model serve as it was registered?",
        "Yes: its file loads, is the one pinned, and answers numbers. No: a challenger is "
        "halted, for a champion a rollback is proposed. Not listed: nobody reports it.",
        (Query(queries.each_arm(series_of("model_healthy"), pick="min"), "Healthy",
               look_of("model_healthy")),), "table",
        look_of("model_healthy"), width=8,
    )  # fmt: skip
    for metric, title, what in (
        ("inference_latency_p95_ms", "How long decisions take",
         ("Solid: 19 of 20 take no longer. Dashed: half of them. Slow ones hold the ramp; look at "
         "the machine of the bot.")),
        ("encoder_kl_divergence", "How far each encoder has drifted",
         ("Divergence of the embeddings from those of training, in nats. Dashed: its interval of "
         "95 %. When that is beyond the flag, too, the encoder is refreshed at night.")),
    ):  # fmt: skip
        guard = checklist.watching(metric)
        found = [Query(queries.each_arm(series_of(metric)), POLICY)]
        for beside, which in _BESIDE[metric]:
            shown = queries.each_arm(series_of(beside))
            found.append(Query(shown, f"{POLICY} {which}", is_dashed=True))
        yield Panel(
            f"{title}{_flag(guard)}", what, tuple(found), look=look_of(metric, guard), width=8
        )


def bots_quiet(checklist: Checklist) -> Panel:
    """How long each bot has said nothing."""
    beats = queries.each_arm(queries.family("bot_heartbeat_timestamp_seconds"))
    blind_after = least_stale(checklist.guards, TRADE_METRICS)
    return Panel(
        "How long has each bot said nothing?",
        "Seconds since the last heartbeat of a policy's bot. In red the desk no longer knows "
        "what it does: look at its process.",
        (Query(queries.age(beats), POLICY),), look=older_than(blind_after), width=8,
    )  # fmt: skip


def _watching(checklist: Checklist, metric: str, scope: str) -> Guard | None:
    return next((g for g in checklist.guards if g.metric == metric and g.scope == scope), None)


def _flag(guard: Guard | None) -> str:
    return "" if guard is None else f": {in_words(guard)}"
