"""A test alert: sent to Alertmanager, and looked for there and at the desk until it has arrived.

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
        fingerprint: Of its labels, by which whoever is told knows it.
    """

    seconds: float
    receivers: tuple[str, ...]
    fingerprint: str


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
    while (found := _arrived(alertmanager, number)) is None:
        if seconds() - began > within:
            raise TiltyardError(
                "ALERT_LOST", f"Alertmanager at {alertmanager.url}",
                f"it took the test alert, and has not shown it within {within:g} s",
                "look into its log",
            )  # fmt: skip
        pause(BETWEEN)
    receivers, fingerprint = found
    return Arrival(seconds() - began, receivers, fingerprint)


def wait_at_the_desk(
    has_it: Callable[[], bool],
    *,
    seconds: Callable[[], float],
    pause: Callable[[float], object],
    within: float,
) -> float:
    """Wait until the desk has written down that it was told; how many seconds that took.

    Args:
        has_it: Whether it has.
        seconds: A clock that is never set.
        pause: How the time between two looks is spent.
        within: So many seconds it may take.

    Raises:
        TiltyardError: ``ALERT_LOST``.
    """
    began = seconds()
    while not has_it():
        if seconds() - began > within:
            raise TiltyardError(
                "ALERT_LOST", "the desk", f"Alertmanager has the test alert, and has not told the "
                f"desk of it within {within:g} s",
                "look into Alertmanager's log: does alerts.webhook reach the desk, and has the "
                "token in alerts.token_file the scope operate?",
            )  # fmt: skip
        pause(BETWEEN)
    return seconds() - began


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


def _arrived(alertmanager: Server, number: str) -> tuple[tuple[str, ...], str] | None:
    """The receivers of its routes and its fingerprint, once it is processed; None before."""
    try:
        for one in alertmanager.get("/api/v2/alerts", {"filter": f'run="{number}"'}):
            if one["status"]["state"] != "unprocessed":
                names = tuple(str(receiver["name"]) for receiver in one["receivers"])
                return names, str(one["fingerprint"])
    except (KeyError, TypeError):
        where = f"Alertmanager at {alertmanager.url}"
        raise TiltyardError("ALERTING_ANSWER", where, "its alerts cannot be read") from None
    return None
