"""``prometheus_alerts.yml``: the rules, as Prometheus reads them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from urllib.parse import quote

from tiltyard.shell.alerts.rule import Group, Rule
from tiltyard.shell.alerts.yaml_text import Noted, Plain, yaml_text

_ABOUT: Mapping[Group, str] = {
    "guards": "What the guards of the checklist watch. The desk acts by itself; these tell of it.",
    "unknown": "Guards that cannot say whether all is well: unknown is never a pass.",
    "beside": "The desk, its bots and its schedules: what they cannot say of themselves.",
}


def rule_file(alerts: Sequence[Rule], runbooks: str) -> str:
    """The text of the file, without its head.

    Args:
        alerts: In order.
        runbooks: What the name of an alert's page is put behind.
    """
    groups: list[Plain] = []
    for name, members in groupby(alerts, key=lambda alert: alert.group):
        rules = [Noted(alert.origin, dict(_fields(alert, runbooks))) for alert in members]
        groups.append(Noted(_ABOUT[name], {"name": f"tiltyard-{name}", "rules": rules}))
    return yaml_text({"groups": groups})


def _fields(alert: Rule, runbooks: str) -> Iterator[tuple[str, Plain]]:
    yield "alert", alert.name
    yield "expr", alert.expression
    if alert.seconds:
        yield "for", f"{alert.seconds}s"
    if alert.seconds_kept:
        yield "keep_firing_for", f"{alert.seconds_kept}s"
    yield "labels", labels_of(alert)
    yield (
        "annotations",
        {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": runbook_of(alert, runbooks),
        },
    )


def labels_of(alert: Rule) -> dict[str, Plain]:
    """The labels that a rule adds to those of its expression."""
    labels: dict[str, Plain] = {
        "severity": alert.told_as, "guard": alert.guard, "effect": alert.effect,
        "scope": alert.scope,
    }  # fmt: skip
    if alert.unknown_guard:
        labels["unknown_guard"] = alert.unknown_guard
    return {**labels, "mode": "observe"} if alert.mode == "observe" else labels


def runbook_of(alert: Rule, runbooks: str) -> str:
    """The address of its runbook.

    >>> from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
    >>> from tiltyard.shell.alerts.rules import alerts
    >>> runbook_of(alerts(DEFAULT_CHECKLIST, 60, "tiltyard")[0], "https://wiki.example/")
    'https://wiki.example/AccountDrawdownHigh.md'
    """
    return f"{runbooks}{quote(alert.name, safe='')}.md"
