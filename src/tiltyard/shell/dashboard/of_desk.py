"""Rows about what the policies stand on: account, venue, machine, learner, the desk itself."""

from collections.abc import Iterator

from tiltyard.checklist.guard import Checklist
from tiltyard.shell.alerts.beside_guards import NIGHTLY_HOURS, WEEKLY_DAYS
from tiltyard.shell.dashboard import queries
from tiltyard.shell.dashboard.looks import in_words, look_of, older_than, watched_as
from tiltyard.shell.dashboard.of_arms import bots_quiet
from tiltyard.shell.dashboard.panel import Colour, Look, Panel, Query, Row, Step
from tiltyard.shell.exporter.series import series_of

HOUR, DAY = 3600, 86_400
MISSED_AFTER = {"nightly": NIGHTLY_HOURS * HOUR, "weekly": WEEKLY_DAYS * DAY}
"""Seconds since the last success; when a snapshot is due, nobody has said."""
BUSY = Look("percentunit", least=0, most=1)
_IN_TIME: dict[str, tuple[str, Colour]] = {"0": ("yes", "green"), "1": ("missed", "red")}
_WENT: dict[str, tuple[str, Colour]] = {"0": ("succeeded", "green"), "1": ("failed", "red")}


def desk_rows(checklist: Checklist, deadman: float) -> Iterator[Row]:
    """In the order in which a person asks."""
    yield Row("Account", list(_account(checklist)))
    yield Row("Calls to the venue", list(_venue(checklist)))
    yield Row("GPU and learner", [*_gpu(checklist), *_learner()])
    yield Row("The desk itself", [*_desk(deadman), bots_quiet(checklist)])
    yield Row("Alerts, actions and jobs", [*_alerts(), *_jobs()])


def _account(checklist: Checklist) -> Iterator[Panel]:
    for metric, title, what in (
        ("account_balance", "Balance of the account",
         ("As the bots report it, in the account's currency. Too little is a margin call: no "
         "challenger gets traffic until a person resumes.")),
        ("account_daily_loss_pct", "What the account has lost today",
         ("As a share of the account, since the trading day began. Beyond the flag every "
         "challenger stands still until a person resumes.")),
        ("account_drawdown_pct", "Largest fall of the account",
         "As a share of its peak. Beyond the flag nobody enters until a person resumes."),
    ):  # fmt: skip
        yield _of_account(checklist, metric, title, what)


def _venue(checklist: Checklist) -> Iterator[Panel]:
    yield Panel(
        "Calls a second, and those that failed",
        "Of all bots together, as they report it. Failures without calls before them: a bot that "
        "has started anew.",
        (Query(queries.rate(queries.family("api_requests_total")), "calls"),
         Query(queries.rate(queries.family("api_errors_total")), "failed")),
        look=Look("cps", least=0),
    )  # fmt: skip
    yield _of_account(
        checklist, "api_error_rate", "Share of calls that failed",
        "Over five minutes. Beyond the flag no share grows. Look at the venue's status first, "
        "then at the limits of the keys.", 12,
    )  # fmt: skip


def _gpu(checklist: Checklist) -> Iterator[Panel]:
    yield _of_account(
        checklist, "gpu_util_pct", "How busy the busiest GPU is",
        "Mean of a minute. Busy while the learner makes no progress is a loop: it is restarted.",
    )  # fmt: skip
    yield Panel(
        "How busy each GPU is",
        "One line for each card. None: no driver answers, or there is no card.",
        (Query(queries.each(queries.family("gpu_utilization_ratio"), "gpu"), "GPU {{gpu}}"),),
        look=BUSY, width=8,
    )  # fmt: skip
    yield Panel(
        "Can the GPUs be read?",
        "No: the driver does not answer, and nobody knows how busy they are. Look: nvidia-smi.",
        (Query(queries.account(queries.family("gpu_available")), "read"),), "number",
        look_of("up"), width=8,
    )  # fmt: skip


def _learner() -> Iterator[Panel]:
    for metric, title, what in (
        ("learner_running", "Is the learner kept running?",
         ("No: it was started again too often, and given up. Read its last words in its log, then: "
         "tiltyard learner restart.")),
        ("learner_progress", "Does its job move on?",
         "No: nothing was learnt lately, though it runs."),
    ):  # fmt: skip
        yield Panel(
            title, what, (Query(queries.account(series_of(metric), "min"), "learner"),), "number",
            look_of(metric), width=8, height=5,
        )  # fmt: skip
    restarts = queries.family("learner_restarts_total").selector(desk=queries.DESK)
    yield Panel(
        "Restarts of the learner in the last 24 hours",
        "Once may be chance; more is a fault that a restart does not mend.",
        (Query(f"sum (increase({restarts}[24h]))", "restarts"),), "number",
        Look(steps=(Step(None, "green"), Step(1, "yellow"), Step(3, "red")), decimals=0),
        width=8, height=5,
    )  # fmt: skip


def _desk(deadman: float) -> Iterator[Panel]:
    beat = queries.account(queries.family("heartbeat_timestamp_seconds"))
    yield Panel(
        "How long has the desk judged nothing?",
        f"Seconds since its last judgement. After {deadman:g} s the champion trades alone. "
        "Look: tiltyard doctor, then the log of the desk.",
        (Query(queries.age(beat), "desk"),), look=older_than(deadman), width=8,
    )  # fmt: skip
    yield Panel(
        "Does the desk act?",
        "No: it was started with --observe, so it writes down what it would do, and does nothing.",
        (Query(queries.account(queries.family("observing")), "desk"),), "number",
        Look(words={"0": ("yes", "green"), "1": ("observes only", "orange")}), width=8,
    )  # fmt: skip
    names = {0.5: "half", 0.95: "19 of 20", 0.99: "99 of 100"}
    yield Panel(
        "From a fact to what follows from it",
        "How long it takes until what followed is written down. Mostly it is the database that "
        "makes it slow.",
        tuple(Query(queries.quantile(share, "decision_latency_seconds"), legend)
              for share, legend in names.items()), look=Look("s", least=0), width=8,
    )  # fmt: skip


def _alerts() -> Iterator[Panel]:
    acted = queries.growth(queries.family("actions_total"), "guard, effect", "24h")
    yield Panel(
        "Alerts",
        "What fires and what is about to, with the runbook of each. Silence one in Alertmanager, "
        "with a reason.",
        kind="alerts",
    )  # fmt: skip
    yield Panel(
        "Alerts of the desk's rules",
        "The same as Prometheus has them, also where Grafana does not see the rules. One that is "
        "pending has not lasted long enough yet.",
        (Query(queries.alerts(), "State", column="alertstate"),), "table",
        Look(words={"firing": ("firing", "red"), "pending": ("pending", "orange")}),
    )  # fmt: skip
    yield Panel(
        "What the desk did in the last 24 hours",
        "By guard and effect. Why, in full: tiltyard report, and the audit.",
        (Query(f"round ({acted}) > 0", "Times", Look(decimals=0)),), "table",
    )  # fmt: skip


def _jobs() -> Iterator[Panel]:
    series = queries.family("task_last_success_timestamp_seconds")
    yield Panel(
        "Jobs: when did each succeed last?",
        "Nightly moves shares, weekly maintains, snapshot saves. One that was missed, or failed: "
        "read its log, and run it by hand.",
        (Query(queries.age(queries.each(series, "task")), "Ago", Look("s")),
         Query(queries.overdue(series, "task", MISSED_AFTER), "In time", Look(words=_IN_TIME)),
         Query(queries.each(queries.family("task_last_run_failed"), "task"), "Last run",
               Look(words=_WENT))), "table",
    )  # fmt: skip


def _of_account(checklist: Checklist, metric: str, title: str, what: str, width: int = 8) -> Panel:
    guard = checklist.watching(metric)
    flag = "" if guard is None else f": {in_words(guard)}"
    return Panel(
        f"{title}{flag}", what, (Query(queries.account(series_of(metric)), "account"),),
        look=watched_as(checklist, metric), width=width,
    )  # fmt: skip
