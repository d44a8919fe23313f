"""What a report says about one arm, as a value.

Comes in: a desk that has measured every trade, and the time. Goes out: the metrics with
their bands and verdicts, what is open, what an enforcing desk would do, the next step
for a person and the next gate for the arm. Rendering is left to ``text`` and ``wire``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tiltyard.checklist.guard import Guard
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm, Review
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.undefined import Reading, Undefined
from tiltyard.metrics.catalogue import DRIFT, DRIFT_ENDS, HEALTH, spec_of
from tiltyard.policies.catalogue import POLICIES
from tiltyard.shell.desk import Desk
from tiltyard.shell.floor.seating import kind_of
from tiltyard.shell.report.evidence import NOTHING, Evidence
from tiltyard.shell.report.gap import GapLine, gap_lines
from tiltyard.shell.report.known_bars import NOBODY_TRAINED, KnownBars, KnownBook
from tiltyard.shell.report.what_next import next_gate, next_step

if TYPE_CHECKING:
    from tiltyard.checklist.explain import Prospect

REPORTED = (
    "pf_challenger_30",
    "dd_challenger_pct",
    DRIFT,
    HEALTH,
    "gpu_util_pct",
    "profit_factor",
    "pf_150",
    "pf_prod",
    "dd_150",
    "win_rate",
    "win_rate_30",
    "consecutive_losses",
    "expectancy_r",
    "net_pnl",
)
"""The metrics of a report, in order; of an arm that can have no model, without those of one."""
OF_MODEL = frozenset({DRIFT, HEALTH})


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric of an arm.

    Attributes:
        name: Of the metric.
        unit: What the number counts.
        reading: Its value, or why there is none.
        guard: What watches it; None when nothing does.
        verdict: The guard's answer.
        interval: The ends between which it lies 95 times in 100; None where nobody says them.
    """

    name: str
    unit: str
    reading: Reading
    guard: Guard | None
    verdict: Verdict | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ArmReport:
    """Everything a report says about one arm.

    Attributes:
        arm: As it stands.
        total_trades: Live trades ever.
        generated_at: The report's now.
        metrics: Those of :data:`REPORTED` that it can have, in that order.
        guards: Each guard on this arm and on the account, with its verdict.
        actions: What an enforcing desk would do now, or what a replay did.
        reviews: Open ones.
        next_step: For a person.
        next_gate: For the arm.
        gap: What its live trades made more than their twins on paper; empty without pairs.
        prospects: What its guards would do to it by its own trades; empty below 30 of them.
        evidence: What speaks for it beside its trial, where somebody has looked.
        known_bars: That its policy has learnt from bars that it traded; None where it has not.
    """

    arm: Arm
    total_trades: int
    generated_at: datetime
    metrics: Sequence[MetricLine]
    guards: Sequence[tuple[Guard, Verdict]]
    actions: Sequence[Action]
    reviews: Sequence[Review]
    next_step: str
    next_gate: str
    gap: Sequence[GapLine] = ()
    prospects: "Sequence[Prospect]" = ()
    evidence: Evidence = NOTHING
    known_bars: KnownBars | None = None


def describe(
    desk: Desk,
    policy: str,
    now: datetime,
    done: Sequence[Action] | None = None,
    *,
    known: KnownBook = NOBODY_TRAINED,
) -> ArmReport:
    """The report of one arm.

    Args:
        desk: It has been fed every trade up to ``now``.
        policy: Full name.
        now: UTC.
        done: Actions already taken, by a replay; None shows what would be done.
        known: Which arms are traded by what was trained, and on which bars that they know.
    """
    arm = desk.roster.arms[policy]
    verdicts = [
        verdict
        for verdict in desk.judge_all(now)
        if verdict.subject == policy or verdict.scope == "account"
    ]
    guards = [(desk.checklist.guard(verdict.guard), verdict) for verdict in verdicts]
    planned = desk.next_steps(now) if done is None else done
    actions = [
        action
        for action in planned
        if action.policy in (policy, "") and action.kind != "skip_scale"
    ]
    return ArmReport(
        arm=arm,
        total_trades=desk.panel.arm(policy).lifetime_trades,
        generated_at=now,
        metrics=[
            _line(desk, policy, name, guards, now)
            for name in REPORTED
            if name not in OF_MODEL or _can_have(desk, arm, name, known)
        ],
        gap=gap_lines(desk.panel.arm(policy).gap),
        guards=guards,
        actions=actions,
        reviews=desk.roster.open_reviews(policy),
        next_step=next_step(desk, arm, actions, guards),
        next_gate=next_gate(desk, arm, now),
        known_bars=known.of(policy),
    )


def _can_have(desk: Desk, arm: Arm, name: str, known: KnownBook) -> bool:
    """Whether there is, or may be, a model of an arm of which a metric could be observed.

    What somebody reports is there. Else what is hand-written has none, what was trained has one,
    and of a bot elsewhere nobody knows: it may have an encoder, and has to report how that drifts,
    but only who wants to tells of its health.
    """
    if desk.panel.knows(name, arm.name) or known.is_trained(arm.name):
        return True
    return name == DRIFT and kind_of(arm) not in POLICIES


def _line(
    desk: Desk,
    policy: str,
    name: str,
    guards: Sequence[tuple[Guard, Verdict]],
    now: datetime,
) -> MetricLine:
    guard, verdict = next(
        ((guard, verdict) for guard, verdict in guards if guard.metric == name), (None, None)
    )
    reading = desk.panel.read(name, policy, now).reading
    interval = _interval(desk, policy, now) if name == DRIFT else None
    return MetricLine(name, spec_of(name).unit, reading, guard, verdict, interval)


def _interval(desk: Desk, policy: str, now: datetime) -> tuple[float, float] | None:
    low, high = (desk.panel.read(end, policy, now).reading for end in DRIFT_ENDS)
    if isinstance(low, Undefined) or isinstance(high, Undefined):
        return None
    return low.number, high.number
