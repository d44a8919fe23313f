"""A Prometheus that has just read its configuration is given time, and another is not."""

import json
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from receivers import Handler, listening, says
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.servers import Server
from tiltyard.shell.alerts.settling import once_settled

STARTED, RELOADED = "2026-01-01T00:00:00.123456789Z", "2026-01-01T01:00:10+01:00"
AT_START = 1767225600.0


def told(age: float) -> list[Callable[[Handler], None]]:
    """What it answers so long after it has read its configuration: both questions."""
    info = {"startTime": STARTED, "lastConfigTime": RELOADED}
    now = AT_START + 10 + age
    return [
        says(200, json.dumps({"data": info}).encode()),
        says(200, json.dumps({"data": {"result": [now, str(now)]}}).encode()),
    ]


def settled(ages: list[float], found: Iterator[list[str]], within: float = 30) -> list[str]:
    """What is found in the end, at a Prometheus that is so old whenever it is asked."""
    with listening() as receiver:
        receiver.script += [answer for age in ages for answer in told(age)]
        server = Server("Prometheus", receiver.url)
        clock = count()
        return list(
            once_settled(
                lambda: next(found), server, seconds=lambda: float(next(clock)),
                pause=lambda _: None, within=within,
            )
        )  # fmt: skip


def test_a_young_one_is_asked_until_nothing_is_wrong() -> None:
    assert settled([1, 5], iter([["not up"], ["not up"], []])) == []


def test_one_that_has_had_its_time_is_asked_once() -> None:
    assert settled([30], iter([["not up"]])) == ["not up"]


def test_one_that_stays_wrong_is_told_when_its_time_is_over() -> None:
    assert settled([28, 31], iter([["not up"], ["down"]])) == ["down"]


def test_whoever_will_not_wait_does_not() -> None:
    assert settled([], iter([["not up"]]), within=0) == ["not up"]


def test_a_clock_that_stands_still_does_not_make_it_wait_for_ever() -> None:
    assert settled([1] * 9, iter([["not up"]] * 9), within=4) == ["not up"]


def test_what_is_no_prometheus_is_told() -> None:
    with listening() as receiver:
        receiver.script += [says(200, b'{"data": {}}')]
        server = Server("Prometheus", receiver.url)
        with pytest.raises(TiltyardError, match=r"ALERTING_ANSWER .*its start cannot be read"):
            once_settled(lambda: ["x"], server, seconds=lambda: 0.0, pause=lambda _: None, within=9)
