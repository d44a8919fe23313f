"""Alerts beside the guards: the desk, its bots and its schedules give no sign of life.

What the desk cannot say of itself, Prometheus sees from outside: that it hangs, that a night was
missed, that a halted arm still has traffic. Nothing follows from these by itself.
"""

from collections.abc import Iterable, Iterator

from tiltyard.checklist.guard import Guard, Severity
from tiltyard.facts.verdict import Scope
from tiltyard.metrics.catalogue import DRAWDOWNS, SHADOW, TRADE_METRICS
from tiltyard.shell.alerts.in_words import DESK, POLICY
from tiltyard.shell.alerts.of_guard import decimal
from tiltyard.shell.alerts.rule import PAGE, REPORT, Rule
from tiltyard.shell.alerts.sight import Sight

NIGHTLY_HOURS, WEEKLY_DAYS = 26, 8
_HOUR, _DAY = 3600, 86400
_AGE = "{{ $value | humanizeDuration }}"
IMPROBABLE = "0.001"
"""Shares that come about by chance less often than this are not the intended ones."""


def beside_guards(guards: Iterable[Guard], deadman: float, sight: Sight) -> Iterator[Rule]:
    """Every one of them that a desk with this checklist can have.

    Args:
        guards: Of the checklist.
        deadman: Seconds without a judgement after which challengers have nothing.
        sight: Of the desk.
    """
    every = tuple(guards)
    yield _desk_heartbeat(deadman, sight)
    if beats := least_stale(every, TRADE_METRICS):
        yield _bot_heartbeat(beats, sight)
    if marks := least_stale(every, DRAWDOWNS):
        yield _marks_stale(marks, sight)
    yield _traffic_on_halted(
        [one.name for one in every if one.effect == "halt" and _acts(one)], sight
    )
    yield _overdue("NightlyRunMissed", "nightly", NIGHTLY_HOURS * _HOUR, sight)
    yield _overdue("WeeklyRunMissed", "weekly", WEEKLY_DAYS * _DAY, sight)
    yield _snapshot_failed(sight)
    yield _share_mismatch(sight)
    yield _gpu_unavailable(sight)


def _acts(guard: Guard) -> bool:
    return guard.mode == "enforce"


def least_stale(guards: Iterable[Guard], metrics: Iterable[str]) -> int:
    """After how many seconds the first guard of arms on some metrics is blind; 0 for never.

    Hard guards go first: something follows when they are.
    """
    known = set(metrics)
    waits = [
        (not guard.hard, guard.stale_after)
        for guard in guards
        if guard.metric.removesuffix(SHADOW) in known and guard.stale_after
    ]
    return min(waits, default=(True, 0))[1]


def _own(
    name: str,
    guard: str,
    expression: str,
    severity: Severity,
    *,
    summary: str,
    description: str,
    origin: str,
    scope: Scope = "account",
    seconds: int = 0,
) -> Rule:
    effect = PAGE if severity == "critical" else REPORT
    whom = DESK if scope == "account" else POLICY
    return Rule(
        name, guard, expression, severity, effect, scope, f"{whom}: {summary}", description,
        origin, seconds, group="beside",
    )  # fmt: skip


def _desk_heartbeat(deadman: float, sight: Sight) -> Rule:
    last = sight.most("tiltyard_heartbeat_timestamp_seconds", "desk")
    return _own(
        "DeskHeartbeatLost", "desk_heartbeat_lost", f"time() - {last} > {decimal(deadman)}",
        "critical",
        summary=f"the desk has judged nothing for {_AGE}",
        description=(
            f"It answers, and judges nothing (limit: {deadman:g} s). Challengers get nothing "
            "meanwhile, the champion trades on. Look: tiltyard doctor"
        ),
        origin="setting run.deadman",
    )  # fmt: skip


def _bot_heartbeat(seconds: int, sight: Sight) -> Rule:
    by = "desk, policy"
    last = sight.most("tiltyard_bot_heartbeat_timestamp_seconds", by)
    is_left_open = f"{sight.most('tiltyard_open_positions', by)} > 0"
    return _own(
        "BotHeartbeatLost", "bot_heartbeat_lost",
        f"time() - {last} > {seconds}\nunless ({sight.idle()}\n  unless {is_left_open})",
        "critical",
        summary=f"its bot has said nothing for {_AGE}",
        description=(
            f"What its trades say is unknown after {seconds / 60:g} min without a heartbeat. A "
            "challenger's share does not grow, and is taken after 15 minutes where a guard says "
            "so; a champion trades on unseen, and what a halted arm has open is watched by nobody. "
            f"Look: tiltyard report {POLICY}"
        ),
        origin="stale_after of the guards on an arm's trades", scope="arm",
    )  # fmt: skip


def _marks_stale(seconds: int, sight: Sight) -> Rule:
    by = "desk, policy"
    last = sight.most("tiltyard_last_mark_timestamp_seconds", by)
    opened = sight.most("tiltyard_open_positions", by)
    return _own(
        "MarksStale", "marks_stale", f"{opened} > 0\nunless time() - {last} <= {seconds}",
        "warning",
        summary=f'{{{{ $value | printf "%.0f" }}}} open, and no mark for {seconds / 60:g} min',
        description=(
            "What is open is not valued, so its drawdown may be worse than what is shown. "
            f"Look: tiltyard report {POLICY}"
        ),
        origin="stale_after of the guards on drawdown", scope="arm", seconds=60,
    )  # fmt: skip


def _traffic_on_halted(halting: list[str], sight: Sight) -> Rule:
    by = "desk, policy"
    share = sight.most("tiltyard_traffic_allocation_ratio", by)
    halted = sight.most("tiltyard_arm_state", by, state="halted")
    if halting:
        states = f'desk="{sight.desk}",guard=~"{"|".join(halting)}",state="tripped"'
        halted = f"({halted}\n  or max by ({by}) (tiltyard_guard_state{{{states}}}))"
    observing = f"{sight.most('tiltyard_observing', 'desk')} == 1"
    return _own(
        "TrafficOnHaltedArm", "traffic_on_halted_arm",
        f"{share} > 0\nand {halted}\nunless on (desk) {observing}", "critical",
        summary="halted, and still has {{ $value | humanizePercentage }} of the traffic",
        description=(
            "It is halted, or a guard that halts has tripped, and the share is not 0: what was "
            "decided has not come about. Halt it by hand: "
            f"tiltyard policy halt {POLICY} --reason alert"
        ),
        origin=f"halted arms, and guards that halt: {', '.join(halting) or 'none'}", scope="arm",
        seconds=60,
    )  # fmt: skip


def _overdue(name: str, task: str, seconds: int, sight: Sight) -> Rule:
    last = sight.most("tiltyard_task_last_success_timestamp_seconds", "desk", task=task)
    return _own(
        name, f"{task}_run_missed", f"time() - {last} > {seconds}", "warning",
        summary=f"the {task} run last succeeded {_AGE} ago",
        description=(
            f"It is due once {'a day' if task == 'nightly' else 'a week'}. Missed runs are not "
            "made up; stops go on as ever. Look: tiltyard doctor"
        ),
        origin=f"the {task} run",
    )  # fmt: skip


def _snapshot_failed(sight: Sight) -> Rule:
    failed = sight.most("tiltyard_task_last_run_failed", "desk", task="snapshot")
    return _own(
        "SnapshotFailed", "snapshot_failed", f"{failed} == 1", "warning",
        summary="the last snapshot failed",
        description=(
            "There is nothing newer to restore from than the snapshot before it. Look into the "
            "log of the job that takes snapshots"
        ),
        origin="the gauge snapshot_run",
    )  # fmt: skip


def _share_mismatch(sight: Sight) -> Rule:
    chance = f"min by (desk) ({sight.selector('tiltyard_share_mismatch_p_value')})"
    return _own(
        "ShareMismatch", "share_mismatch", f"{chance} < {IMPROBABLE}", "warning",
        summary='traffic is not shared as intended (p = {{ $value | printf "%.2g" }})',
        description=(
            f"So uneven it is by chance in fewer than one case in {1 / float(IMPROBABLE):,.0f}. "
            "Some bot does not go by the shares it is told. Look: tiltyard policy list"
        ),
        origin="decisions of the last 24 hours",
    )  # fmt: skip


def _gpu_unavailable(sight: Sight) -> Rule:
    available = sight.selector("tiltyard_gpu_available")
    return _own(
        "GpuUnavailable", "gpu_unavailable", f"max by (desk) ({available}) == 0\n"
        f"and max by (desk) (max_over_time({available}[1w])) == 1", "warning",
        summary="no GPU can be read any more",
        description=(
            "There was one within the last week. The learner may run on the CPU, or not at all. "
            "Look: nvidia-smi"
        ),
        origin="the desk's GPU readings", seconds=300,
    )  # fmt: skip
