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
from tiltyard.kernel.undefined import Reading, Value
from tiltyard.metrics.catalogue import spec_of
from tiltyard.scaling.ladder import LADDER
from tiltyard.shell.desk import Desk
from tiltyard.shell.report.evidence import NOTHING, Evidence
from tiltyard.shell.report.gap import GapLine, gap_lines

if TYPE_CHECKING:
    from tiltyard.checklist.explain import Prospect

REPORTED = (
    "pf_challenger_30",
    "dd_challenger_pct",
    "encoder_kl_divergence",
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
"""The metrics of a report, in order."""


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric of an arm.

    Attributes:
        name: Of the metric.
        unit: What the number counts.
        reading: Its value, or why there is none.
        guard: What watches it; None when nothing does.
        verdict: The guard's answer.
    """

    name: str
    unit: str
    reading: Reading
    guard: Guard | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class ArmReport:
    """Everything a report says about one arm.

    Attributes:
        arm: As it stands.
        total_trades: Live trades ever.
        generated_at: The report's now.
        metrics: In the order of :data:`REPORTED`.
        guards: Each guard on this arm and on the account, with its verdict.
        actions: What an enforcing desk would do now, or what a replay did.
        reviews: Open ones.
        next_step: For a person.
        next_gate: For the arm.
        gap: What its live trades made more than their twins on paper; empty without pairs.
        prospects: What its guards would do to it by its own trades; empty below 30 of them.
        evidence: What speaks for it beside its trial, where somebody has looked.
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


def describe(
    desk: Desk, policy: str, now: datetime, done: Sequence[Action] | None = None
) -> ArmReport:
    """The report of one arm.

    Args:
        desk: It has been fed every trade up to ``now``.
        policy: Full name.
        now: UTC.
        done: Actions already taken, by a replay; None shows what would be done.
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
        metrics=[_line(desk, policy, name, guards, now) for name in REPORTED],
        gap=gap_lines(desk.panel.arm(policy).gap),
        guards=guards,
        actions=actions,
        reviews=desk.roster.open_reviews(policy),
        next_step=_next_step(desk, arm, actions, guards),
        next_gate=_next_gate(desk, arm, now),
    )


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
    return MetricLine(name, spec_of(name).unit, reading, guard, verdict)


def _next_step(
    desk: Desk, arm: Arm, actions: Sequence[Action], guards: Sequence[tuple[Guard, Verdict]]
) -> str:
    if arm.state == "candidate":
        return _first_step(desk, arm)
    if arm.state in ("halted", "throttled"):
        return f"read the trades behind it: tiltyard report {arm.name} --trades"
    stopping = [action for action in actions if action.kind in ("halt", "throttle")]
    if stopping:
        return f"needs attention: look at the trades (tiltyard report {arm.name} --trades)"
    unknown = [guard.metric for guard, verdict in guards if verdict.answer != "pass" and guard.hard
               and verdict.answer != "breach"]  # fmt: skip
    if unknown:
        return f"wait, or supply what is missing: {', '.join(unknown)}"
    return "none"


def _first_step(desk: Desk, arm: Arm) -> str:
    """What a candidate waits for: its capital, the end of a hold, room, or a trade."""
    if not desk.knows_capital(arm):
        return f"say what equity it may use: tiltyard policy register {arm.name} --capital X"
    if desk.roster.holds():
        return f"wait: {', '.join(sorted(desk.roster.holds()))} holds all challengers"
    wanted, room = 100 * arm.start_share, 100 * desk.rules.room(desk.roster)
    if wanted > room:
        return f"wait for room: it starts with {wanted:.1f} %, and {room:.1f} % is free"
    return "take in its next trades: tiltyard ingest puts it on trial"


def _next_gate(desk: Desk, arm: Arm, now: datetime) -> str:
    if arm.state in _GATES:
        return _GATES[arm.state]
    trial = desk.panel.arm(arm.name).live.trades
    wanted = desk.rules.trial_trades
    if desk.ruling.name != LADDER:
        return f"tonight's {desk.ruling.name}: {desk.tonight(arm.name, now)}"
    if trial < wanted:
        return f"{wanted} live trades end its probation and open the ladder: {trial} so far"
    pf_150 = desk.panel.read("pf_150", arm.name, now).reading
    pf_prod = desk.panel.read("pf_prod", arm.name, now).reading
    if isinstance(pf_150, Value) and isinstance(pf_prod, Value):
        return f"tonight's ladder: pf_150 {pf_150.number:.3g} against pf_prod {pf_prod.number:.3g}"
    return f"tonight's ladder: pf_prod is {pf_prod}"


_GATES = {
    "champion": "none: it is the champion",
    "candidate": "probation, once its capital is known and there is room",
    "halted": "a person re-arms it",
    "throttled": "its way back, or a person",
    "deposed": "none: it is kept as known-good",
    "retired": "none: it is retired",
}
"""What stands before an arm that is not on trial."""
