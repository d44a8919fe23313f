"""Whether a Prometheus has had time to look: right after a start it knows less than a moment later.

It scrapes a desk and learns of an Alertmanager only some seconds after it has read its
configuration. So who checks it then asks again, until nothing is wrong or it has had its time.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.servers import Server

BETWEEN = 1.0
"""Seconds between two looks."""


def once_settled(
    look: Callable[[], Sequence[str]],
    prometheus: Server,
    *,
    seconds: Callable[[], float],
    pause: Callable[[float], object],
    within: float,
) -> Sequence[str]:
    """What is wrong with what runs, once it has had its time.

    A Prometheus that has had it is asked once, so whatever is wrong there is told at once.

    Args:
        look: Finds what is wrong.
        prometheus: By whose clock its time is told.
        seconds: A clock that is never set.
        pause: How the time between two looks is spent.
        within: So many seconds it has, from reading its configuration on.

    Raises:
        TiltyardError: ``ALERTING_UNREACHABLE``, ``ALERTING_ANSWER``.
    """
    began = seconds()
    faults = look()
    while faults and seconds() - began < within and _age(prometheus) < within:
        pause(BETWEEN)
        faults = look()
    return faults


def _age(prometheus: Server) -> float:
    """Seconds since it has read its configuration, by its own clock."""
    try:
        info = prometheus.get("/api/v1/status/runtimeinfo")["data"]
        read = max(datetime.fromisoformat(info[name]) for name in ("startTime", "lastConfigTime"))
        now = prometheus.get("/api/v1/query", {"query": "time()"})["data"]["result"][1]
        return float(now) - read.timestamp()
    except (KeyError, IndexError, TypeError, ValueError):
        where = f"Prometheus at {prometheus.url}"
        raise TiltyardError("ALERTING_ANSWER", where, "its start cannot be read") from None
