"""Which alerts fire or are about to, and who has been silenced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.servers import Server

_ORDER = ("critical", "warning", "info")
_TELL_APART = ("alertname", "guard", "unknown_guard", "policy", "desk")
_TOLD = {"active": "told", "unprocessed": "on its way"}


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert as it stands.

    Attributes:
        alert: Its name.
        severity: As Prometheus has it.
        state: ``firing`` or ``pending``.
        guard: Of the checklist, or the rule's own name; of GuardUnknown the one that is unknown.
        policy: Whom it is about; empty for the account.
        since: When it began to be so.
        value: What the expression gives, as Prometheus writes numbers.
        told: ``told``, ``silenced``, ``inhibited``, ``on its way``; ``unknown`` where Alertmanager
            was not reached, and empty for what is pending.
        summary: One line.
    """

    alert: str
    severity: str
    state: str
    guard: str
    policy: str
    since: datetime
    value: str
    told: str
    summary: str


def standings(prometheus: Server, alertmanager: Server | None, desk: str) -> Sequence[Standing]:
    """Every alert of a desk, most urgent first.

    Args:
        prometheus: Who fires them.
        alertmanager: Who tells of them; None when it is not to be asked.
        desk: Its label.

    Raises:
        TiltyardError: ``ALERTING_UNREACHABLE``, ``ALERTING_ANSWER``.
    """
    try:
        active = prometheus.get("/api/v1/alerts")["data"]["alerts"]
        own = [one for one in active if one["labels"].get("desk") == desk]
        told = None if alertmanager is None else _told(alertmanager.get("/api/v2/alerts"))
        found = [_standing(one, told) for one in own]
    except (KeyError, TypeError, AttributeError):
        where = f"Prometheus at {prometheus.url}"
        raise TiltyardError("ALERTING_ANSWER", where, "its alerts cannot be read") from None
    return sorted(found, key=_urgency)


def _urgency(one: Standing) -> tuple[bool, int, str, str, str]:
    rank = _ORDER.index(one.severity) if one.severity in _ORDER else len(_ORDER)
    return one.state != "firing", rank, one.alert, one.policy, one.guard


def _told(alerts: Any) -> Mapping[tuple[str, ...], str]:  # noqa: ANN401 JSON
    return {_key(one["labels"]): _word(one["status"]) for one in alerts}


def _word(status: Mapping[str, Any]) -> str:
    if status["silencedBy"]:
        return "silenced"
    return "inhibited" if status["inhibitedBy"] else _TOLD.get(status["state"], status["state"])


def _key(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in _TELL_APART)


def _standing(one: Any, told: Mapping[tuple[str, ...], str] | None) -> Standing:  # noqa: ANN401 JSON
    labels = one["labels"]
    word = "unknown" if told is None else told.get(_key(labels), "not told yet")
    return Standing(
        labels["alertname"], labels.get("severity", ""), one["state"],
        labels.get("unknown_guard") or labels.get("guard", ""),
        labels.get("policy", ""), moment(one["activeAt"]), one["value"],
        word if one["state"] == "firing" else "", one["annotations"].get("summary", ""),
    )  # fmt: skip
