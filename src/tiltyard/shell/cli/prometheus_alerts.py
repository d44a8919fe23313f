"""``prometheus_alerts.py``: the flags people already use, over the same commands."""

from pathlib import Path
from typing import Literal

import typer

from tiltyard.shell.cli import run
from tiltyard.shell.cli.alerts import (
    AlertmanagerUrl,
    Force,
    Output,
    PrometheusUrl,
    TestSeverity,
    WebhookUrl,
    generate,
    status,
    try_alert,
    validate,
)
from tiltyard.shell.cli.options import Config, Database


def main() -> None:
    """Run the script's command line."""
    run(_app)


_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@_app.command()
def alerts(
    action: Literal["generate", "validate", "status", "test"] = "generate",
    prometheus_url: PrometheusUrl = None,
    alertmanager_url: AlertmanagerUrl = None,
    output: Output = Path(),
    webhook_url: WebhookUrl = None,
    force: Force = False,
    severity: TestSeverity = "critical",
    database: Database = None,
    config: Config = None,
) -> None:
    """Write Prometheus' rules, check them, say which alerts fire, or send a test alert."""
    if action == "generate":
        generate(output, webhook_url, force, config)
    elif action == "validate":
        validate(output, prometheus_url, alertmanager_url, webhook_url, config=config)
    elif action == "status":
        status(prometheus_url, alertmanager_url, config=config)
    else:
        try_alert(alertmanager_url, severity, database=database, config=config)
