"""Every family of ``/metrics``: its type, its labels, and what it says, in one line.

Those of the catalogue's metrics are made of :mod:`~tiltyard.shell.exporter.series`; the others
tell of guards, traffic, tasks and the desk itself, and are listed here. The order is that in which
they are shown.
"""

from dataclasses import dataclass
from typing import Literal

from tiltyard.shell.exporter.series import PREFIX, SERIES

FamilyType = Literal["gauge", "counter", "histogram"]
ARM_LABELS = ("policy", "role")


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name.

    Attributes:
        name: As its samples are called; of a histogram, before their suffixes.
        type: What Prometheus may do with it.
        meaning: The line of HELP.
        labels: Their names, in order.
    """

    name: str
    type: FamilyType
    meaning: str
    labels: tuple[str, ...] = ()


FAMILIES: dict[str, Family] = {}
"""By name."""


def _family(name: str, kind: FamilyType, meaning: str, *labels: str) -> None:
    FAMILIES[PREFIX + name] = Family(PREFIX + name, kind, meaning, labels)


for _metric in SERIES:
    _shown = SERIES.get(_metric)
    if _shown.family not in FAMILIES:
        _labels = (*(ARM_LABELS if _shown.of_arms else ()), *_shown.labels)
        _family(_shown.family.removeprefix(PREFIX), "gauge", _shown.meaning, *_labels)

_family(
    "build_info",
    "gauge",
    "1, with what the desk is and what it judges by.",
    "version",
    "metrics_version",
    "checklist",
)
_family("heartbeat_timestamp_seconds", "gauge", "When the desk last judged.")
_family(
    "guard_state",
    "gauge",
    "1 for the state that a guard is in; policy is empty for the account.",
    "guard",
    "policy",
    "state",
)
_family("observing", "gauge", "1 while the desk judges and does nothing.")
_family("arm_state", "gauge", "1 for the state that an arm is in.", *ARM_LABELS, "state")
_family("actions_total", "counter", "What was done, by guard or other cause.", "guard", "effect")
_family(
    "decision_latency_seconds",
    "histogram",
    "From a fact being known to what follows from it being committed.",
)
_family("hold", "gauge", "1 while something is on hold for everybody.", "hold")
_family(
    "traffic_allocation_ratio", "gauge", "Share of the traffic that an arm is given.", *ARM_LABELS
)
_family(
    "traffic_realised_ratio",
    "gauge",
    "Share of the decisions of the last 24 hours that an arm was given.",
    *ARM_LABELS,
)
_family(
    "share_mismatch_p_value",
    "gauge",
    "How probable it is that honest choices lie as far from the shares.",
)
_family("trades_total", "counter", "Closed trades.", "policy", "book")
_family("open_positions", "gauge", "Positions that are open, by the last mark.", "policy")
_family("open_exposure", "gauge", "What they are exposed to, in the account's currency.", "policy")
_family("last_mark_timestamp_seconds", "gauge", "When open positions were last valued.", "policy")
_family(
    "bot_heartbeat_timestamp_seconds",
    "gauge",
    "When a policy's bot last said that it lives.",
    "policy",
)
_family("reviews_open", "gauge", "Reviews that wait for a person.", "policy")
_family("task_last_success_timestamp_seconds", "gauge", "When a task last succeeded.", "task")
_family("task_last_run_failed", "gauge", "1 when the last run of a task failed.", "task")
_family("api_requests_total", "counter", "Calls to the venue, as bots count them.")
_family("api_errors_total", "counter", "Calls to the venue that failed.")
_family("learner_restarts_total", "counter", "Restarts of the learner that the desk supervises.")
_family("gpu_available", "gauge", "1 while any GPU can be read.")
_family("gpu_utilization_ratio", "gauge", "Part of the time in which a GPU computed.", "gpu")
