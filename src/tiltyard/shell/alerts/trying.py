"""A test alert: sent to Alertmanager, and looked for until it has arrived.

It says of itself that it is a test (``test="true"``), names no guard of the checklist, and ends by
itself: nobody acts on it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from tiltyard.checklist.guard import Severity
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.rule import REPORT
from tiltyard.shell.alerts.servers import Server

NAME = "TiltyardTest"
LASTS = timedelta(minutes=2)
BETWEEN = 0.2
"""Seconds between two looks."""


class Arrival(NamedTuple):
    """How it came through.

    Attributes:
        seconds: From being sent until Alertmanager had it.
        receivers: Who is told by its routes.
    """

    seconds: float
    receivers: tuple[str, ...]


def try_out(
    alertmanager: Server,
    desk: str,
    severity: Severity,
    number: str,
    *,
    now: datetime,
    seconds: Callable[[], float],
    pause: Callable[[float], object],
    within: float,
) -> Arrival:
    """Send one, and wait until it is there.

    Args:
        alertmanager: Where to.
        desk: Its label.
        severity: Which route it takes.
        number: Tells it from others.
        now: UTC; when it begins.
        seconds: A clock that is never set.
        pause: How the time between two looks is spent.
        within: So many seconds it may take.

    Raises:
        TiltyardError: ``ALERT_LOST`` when it does not arrive, or as :class:`Server` does.
    """
    began = seconds()
    alertmanager.post("/api/v2/alerts", [body(desk, severity, number, now)])
    while (receivers := _arrived(alertmanager, number)) is None:
        if seconds() - began > within:
            raise TiltyardError(
                "ALERT_LOST", f"Alertmanager at {alertmanager.url}",
                f"it took the test alert, and has not shown it within {within:g} s",
                "look into its log",
            )  # fmt: skip
        pause(BETWEEN)
    return Arrival(seconds() - began, receivers)


def body(desk: str, severity: Severity, number: str, now: datetime) -> dict[str, object]:
    """The alert as Alertmanager takes it."""
    return {
        "labels": {
            "alertname": NAME, "test": "true", "run": number, "desk": desk, "severity": severity,
            "guard": "alerts_test", "effect": REPORT, "scope": "account",
        },
        "annotations": {
            "summary": f"{desk}: this is a test",
            "description": "Somebody tries out whether alerts arrive. Nothing follows from it, "
            f"and it ends by itself after {LASTS.total_seconds() / 60:g} minutes.",
        },
        "startsAt": time_text(now),
        "endsAt": time_text(now + LASTS),
    }  # fmt: skip


def _arrived(alertmanager: Server, number: str) -> tuple[str, ...] | None:
    """The receivers of its routes, once Alertmanager has processed it; None before."""
    try:
        for one in alertmanager.get("/api/v2/alerts", {"filter": f'run="{number}"'}):
            if one["status"]["state"] != "unprocessed":
                return tuple(receiver["name"] for receiver in one["receivers"])
    except (KeyError, TypeError):
        where = f"Alertmanager at {alertmanager.url}"
        raise TiltyardError("ALERTING_ANSWER", where, "its alerts cannot be read") from None
    return None
