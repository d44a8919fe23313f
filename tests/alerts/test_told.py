"""Whoever sets alerts up learns whether a person hears of them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.shell.cli import app
from tiltyard.shell.cli.alerts_told import told_by, warning_of
from tiltyard.shell.sections.alerts import AlertSettings
from tiltyard.shell.sections.notify import NotifySettings, Recipient
from tiltyard.shell.settings import Settings

HOOK = "http://127.0.0.1:8420/v1/alerts"
MAIL = {"mail_to": "me@example.org", "mail_from": "desk@example.org", "smarthost": "mail:25"}
ANN = NotifySettings(recipient=(Recipient(name="ann", address_file="ann.address"),))


def warned(alerts: AlertSettings, notify: NotifySettings | None = None) -> str:
    settings = Settings(
        checklist=DEFAULT_CHECKLIST, alerts=alerts, notify=notify or NotifySettings()
    )
    return warning_of(settings) or ""


def test_where_somebody_gets_mail_there_is_no_warning() -> None:
    assert warned(AlertSettings(**MAIL)) == ""


def test_a_desk_that_is_told_is_no_person_who_is_told() -> None:
    said = warned(AlertSettings(webhook=HOOK))
    assert "no person, so that nobody hears of a desk that is down" in said
    assert "set alerts.mail_to, alerts.mail_from and alerts.smarthost" in said
    assert "no [[notify.recipient]] is told by it either" in said
    assert "notify.recipient" not in warned(AlertSettings(webhook=HOOK), ANN)


def test_where_there_is_neither_mail_nor_a_webhook_nobody_is_told() -> None:
    assert warned(AlertSettings()).startswith("Alertmanager tells nobody: set alerts.mail_to")


@pytest.mark.parametrize("command", ["generate", "validate"])
def test_the_warning_is_on_stderr_of_whoever_writes_or_checks_the_files(
    command: str, tmp_path: Path
) -> None:
    written = ("--webhook-url", HOOK, "--output", str(tmp_path))
    CliRunner().invoke(app, ["alerts", "generate", *written])
    done = CliRunner().invoke(app, ["alerts", command, *written])
    assert done.stderr.startswith("warning: Alertmanager tells the desk alone and no person")
    assert "warning: " not in done.stdout


@pytest.mark.parametrize(
    ("receivers", "alerts", "whom"),
    [
        (["tiltyard-critical"], AlertSettings(**MAIL), "mail to me@example.org"),
        (["tiltyard-critical"], AlertSettings(webhook=HOOK), "the desk"),
        (["tiltyard-critical"], AlertSettings(webhook=HOOK, **MAIL),
         "mail to me@example.org and the desk"),
        (["tiltyard-critical"], AlertSettings(), "nobody"),
        (["tiltyard-nobody"], AlertSettings(webhook=HOOK, **MAIL), "nobody"),
        ([], AlertSettings(webhook=HOOK), "nobody"),
        (["pager", "tiltyard-warning"], AlertSettings(webhook=HOOK),
         "the receiver pager (not of these settings) and the desk"),
    ],
)  # fmt: skip
def test_whom_a_test_alert_is_for_is_said_by_its_receivers(
    receivers: list[str], alerts: AlertSettings, whom: str
) -> None:
    assert told_by(receivers, alerts) == whom
