"""The three files as they are made from the settings, each with a head that people understand.

The head has the digest of what follows: by that a file that somebody has edited is known.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tiltyard.shell.alerts.routes import routes
from tiltyard.shell.alerts.rule import Rule
from tiltyard.shell.alerts.rule_file import rule_file
from tiltyard.shell.alerts.rules import alerts, downtime
from tiltyard.shell.alerts.scrape import scrape
from tiltyard.shell.alerts.yaml_text import comment
from tiltyard.shell.as_made import sealed
from tiltyard.shell.sections.alerts import AlertSettings
from tiltyard.shell.settings import Settings

RULES, ROUTES, SCRAPE = "prometheus_alerts.yml", "alertmanager.yml", "prometheus_scrape.yml"
_ABOUT = {
    RULES: "Rules for Prometheus: an alert for every guard of the checklist, and for what it "
    "cannot see.",
    ROUTES: "Routes for Alertmanager: who is told of which alert, and how soon.",
    SCRAPE: "A small configuration of Prometheus: use it, or copy from it.",
}
_ANEW = """\
Made by: tiltyard alerts generate, from {source}
(checklist {digest}). Do not edit this: change the settings, and make it anew.
Check it with: tiltyard alerts validate"""


class Made(NamedTuple):
    """What is made.

    Attributes:
        rules: Every alert.
        texts: Of the files, by their usual name.
    """

    rules: tuple[Rule, ...]
    texts: Mapping[str, str]


def make(settings: Settings, source: str, rules: str = RULES) -> Made:
    """Everything, from the settings.

    Args:
        settings: Checklist and ``[alerts]`` above all.
        source: Where they are from, for people.
        rules: How the rule file is called.
    """
    every = rules_of(settings)
    told: AlertSettings = settings.alerts
    bodies = {
        RULES: rule_file(every, told.runbooks),
        ROUTES: routes(told, downtime(settings.checklist)),
        SCRAPE: scrape(told, settings.api.host, settings.api.port or 8420, rules),
    }
    anew = _ANEW.format(source=source, digest=settings.checklist.digest[:12])
    texts = {
        name: "\n".join([*comment(f"{_ABOUT[name]}\n{anew}"), sealed(body)])
        for name, body in bodies.items()
    }
    return Made(every, texts)


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """Every alert that the settings give."""
    return tuple(alerts(settings.checklist, settings.run.deadman, settings.alerts.desk))
