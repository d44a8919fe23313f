"""What a message is written from, and how its numbers and names are put."""

from collections.abc import Mapping
from dataclasses import dataclass

from tiltyard.actions.record import Event
from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.facts.action import PERSON
from tiltyard.facts.arm import Roster
from tiltyard.facts.mark import LastMark
from tiltyard.metrics.catalogue import BEHIND_A_NUMBER, SHADOW, spec_of
from tiltyard.policies.name import parse

METRICS: Mapping[str, str] = {
    "dd_challenger_pct": "drawdown", "dd_150": "drawdown in 150 trades",
    "pf_challenger_30": "profit factor of 30 trades", "profit_factor": "profit factor",
    "pf_150": "profit factor of 150 trades", "pf_prod": "the champion's profit factor",
    "pf_30_with_shadow": "profit factor with paper",
    "account_drawdown_pct": "the account's drawdown",
    "account_daily_loss_pct": "loss today", "account_balance": "balance",
    "api_error_rate": "failed calls", "encoder_kl_divergence": "encoder drift",
    "encoder_kl_divergence_lower": "least encoder drift",
    "encoder_kl_divergence_upper": "most encoder drift",
    "gpu_util_pct": "GPU in use", "consecutive_losses": "losses in a row",
    "inference_latency_p50_ms": "decision time (p50)",
    "inference_latency_p95_ms": "decision time (p95)", "win_rate": "win rate",
    "expectancy_r": "mean R",
}  # fmt: skip
"""What people call them."""
FLAGS: Mapping[str, tuple[str, str]] = {
    "up": ("no answer", "nothing is heard"),
    "model_healthy": ("its model is broken", "whether its model is well is not known"),
    "learner_running": ("the learner does not run", "whether it runs is not known"),
}
"""What it means that one is down, and that nobody knows."""
_LONGEST_REASON = 160


@dataclass(frozen=True, slots=True)
class Scene:
    """What a message is written from, beside what was done.

    Attributes:
        roster: As it is afterwards.
        marks: The last of each arm.
        checklist: The one in force.
    """

    roster: Roster
    marks: Mapping[str, LastMark]
    checklist: Checklist

    def guard(self, event: Event) -> Guard | None:
        """The guard that an event follows from; None where none did."""
        cause = event.get("cause", PERSON)
        return next((one for one in self.checklist.guards if one.name == cause), None)

    def short(self, policy: str) -> str:
        """The end of a policy's name that no other ends with."""
        suffix = parse(policy).sha8 or policy
        others = [name for name in self.roster.arms if name != policy]
        return policy if any(name.endswith(suffix) for name in others) else suffix


def measured(event: Event, scene: Scene) -> str:
    """What a guard has measured against its limit; empty where no guard did."""
    guard = scene.guard(event)
    if guard is None:
        return ""
    back = guard.clear if event["event"] == "resume" else None
    metric = back.metric or guard.metric if back else guard.metric
    compared = back.when if back else guard.when
    name, unit = METRICS.get(metric, words(metric.removesuffix(SHADOW))), spec_of(metric).unit
    if metric in FLAGS:
        return FLAGS[metric][event["value"] is None]
    value, limit = event["value"], event["limit"]
    if value is None:
        return f"{name} is not known"
    if limit is None:
        return f"{name} {_number(float(value), unit)}"
    return f"{name} {_beside(float(value), float(limit), compared.sign, unit)}"


def traffic(event: Event) -> str:
    """What an arm had and has."""
    before, after = (percent(event.get(name)) for name in ("before", "after"))
    return f"traffic {before} -> {after}"


def percent(share: object) -> str:
    """A share as people read it, from a number or its text."""
    if share is None:
        return "?"
    number = float(str(share))
    return f"{100 * number:.1f} %" if number else "0 %"


def _number(value: float, unit: str) -> str:
    return f"{value:,.4g}{BEHIND_A_NUMBER.get(unit, '')}"


def _beside(value: float, limit: float, sign: str, unit: str) -> str:
    """A number against its limit; with as many digits as it takes to tell them apart."""
    told, against = _number(value, unit), _number(limit, unit)
    if value != limit and f"{value:.4g}" == f"{limit:.4g}":
        told = f"{value:.8g}{BEHIND_A_NUMBER.get(unit, '')}"
    return f"{told} {sign} {against}"


def reason_of(event: Event) -> str:
    """Why, in one line that a phone shows."""
    return cut(str(event.get("reason", "")), _LONGEST_REASON)


def cut(text: str, longest: int) -> str:
    """In one line, and no longer than that."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def words(name: str) -> str:
    """A name in the snake case of code, as people write."""
    return name.replace("_", " ").capitalize() if name.islower() else name.replace("_", " ")
