"""A bot tells of its speed and of its venue: once a minute, of that minute, and each thing once."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.bots import QUICK, Bot
from client.desks import NOON, Clock, Desk
from tiltyard.client.tallies import MOST_COUNTED
from tiltyard.kernel.clock import time_text

NewBot = Callable[..., Bot]
TELLS_AT_ONCE = QUICK._replace(tell=0.01)


def told(desk: Desk) -> list[tuple[Any, ...]]:
    """Name, policy, number and samples of what was observed."""
    with desk.changed:
        return [
            (one["name"], one.get("policy"), one["number"], one.get("samples"))
            for one in desk.taken.get("observations", [])
        ]


def test_the_desk_is_told_what_half_and_what_nineteen_of_twenty_decisions_took(
    bot: Bot, desk: Desk
) -> None:
    for rank in range(40, 0, -1):
        bot.decided("prod", rank / 1000)
    bot.decided("bot", 1)
    assert bot.close()
    assert told(desk) == [
        ("inference_latency_p50_ms", "prod", 20, 40),
        ("inference_latency_p95_ms", "prod", 38, 40),
        ("inference_latency_p50_ms", "bot", 1000, 1),
        ("inference_latency_p95_ms", "bot", 1000, 1),
    ]
    assert set(desk.items("observations", "observed_at")) == {time_text(NOON)}


def test_a_decision_is_timed_by_the_clock_that_nobody_sets(
    bot: Bot, desk: Desk, clock: Clock
) -> None:
    with bot.deciding("prod"):
        clock.passed += 0.3
        clock.time = NOON.replace(hour=3)
    assert bot.close()
    assert told(desk)[1] == ("inference_latency_p95_ms", "prod", 300, 1)


def test_an_exception_of_the_bot_is_its_own_and_that_decision_is_timed_too(
    bot: Bot, desk: Desk, clock: Clock
) -> None:
    def fails_after_a_while() -> None:
        with bot.deciding("prod"):
            clock.advance(2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_after_a_while()
    assert bot.close()
    assert told(desk)[0] == ("inference_latency_p50_ms", "prod", 2000, 1)


def test_it_is_told_by_itself_and_nothing_of_a_minute_in_which_nothing_was(
    new_bot: NewBot, desk: Desk
) -> None:
    bot = new_bot(pace=TELLS_AT_ONCE)
    bot.decided("prod", 0.01)
    bot.called_venue()
    desk.wait_until(lambda: len(desk.taken.get("observations", [])) == 4)
    desk.wait_for_renewal(5)
    assert len(told(desk)) == 4
    assert bot.close()
    assert len(told(desk)) == 4


def test_calls_and_errors_are_told_as_counts_since_the_last_time(bot: Bot, desk: Desk) -> None:
    for number in range(20):
        bot.called_venue(failed=number < 3)
    bot.called_venue(policy="prod")
    assert bot.close()
    assert told(desk) == [
        ("api_calls", None, 20, None), ("api_errors", None, 3, None),
        ("api_calls", "prod", 1, None), ("api_errors", "prod", 0, None),
    ]  # fmt: skip


def test_equal_counts_of_two_bots_at_one_moment_are_two(new_bot: NewBot, desk: Desk) -> None:
    for bot in [new_bot() for _ in range(5)]:
        for _ in range(7):
            bot.called_venue()
        assert bot.close()
    assert told(desk) == 5 * [("api_calls", None, 7, None), ("api_errors", None, 0, None)]
    with desk.changed:
        assert {one["observed_at"][:19] for one in desk.taken["observations"]} == {
            time_text(NOON)[:19]
        }


def test_of_many_threads_no_call_is_lost_or_told_twice(new_bot: NewBot, desk: Desk) -> None:
    bot = new_bot(pace=TELLS_AT_ONCE)

    is_enough = threading.Event()
    counted: list[int] = []

    def calls() -> None:
        number = 0
        while not is_enough.is_set():
            bot.called_venue(failed=number % 2 == 0)
            bot.called_venue()
            bot.decided("prod", 0.01)
            number += 2
        counted.append(number)

    threads = [threading.Thread(target=calls) for _ in range(4)]
    for thread in threads:
        thread.start()
    desk.wait_until(lambda: len(desk.taken.get("observations", [])) > 20)
    is_enough.set()
    for thread in threads:
        thread.join()
    assert bot.close()
    every = told(desk)
    assert sum(number for name, _, number, _ in every if name == "api_calls") == sum(counted)
    assert sum(number for name, _, number, _ in every if name == "api_errors") == sum(counted) / 2


def test_counts_outlive_an_outage_and_the_bot_and_come_once_in_order_under_their_own_times(
    new_bot: NewBot, desk: Desk, clock: Clock, tmp_path: Path
) -> None:
    desk.stop()
    for number in range(1, 4):
        bot = new_bot(spool=tmp_path / "spool")
        for _ in range(number):
            bot.called_venue(failed=True)
        assert not bot.close(0)
        clock.advance(60)
    desk.start()
    assert new_bot(spool=tmp_path / "spool").close()
    counts: dict[str, list[float]] = {}
    for name, _, number, _ in told(desk):
        counts.setdefault(name, []).append(number)
    assert counts == {"api_calls": [1, 2, 3], "api_errors": [1, 2, 3]}
    times = desk.items("observations", "observed_at")
    assert times == sorted(times)
    assert len(set(times)) == 3, "calls and errors of one report are of one time"


def test_what_is_no_duration_and_no_call_is_refused_with_the_reason(bot: Bot, desk: Desk) -> None:
    bot.decided("", 0.1)
    bot.decided("prod", -1)
    bot.decided("prod", float("nan"))
    bot.called_venue("no")
    bot.called_venue(policy="a\nb")
    assert bot.close()
    assert told(desk) == []
    assert [str(one.faults[0]) for one in bot.refused] == [
        "required, but missing or empty @ policy",
        "expected a number of seconds, 0 or more, found -1 @ seconds",
        "expected a finite number, found nan @ seconds",
        "expected True or False, found 'no' @ failed",
        "expected text without control characters, found 'a\\nb' @ policy",
    ]


def test_there_is_room_for_so_many_policies(bot: Bot, desk: Desk) -> None:
    for number in range(MOST_COUNTED + 1):
        for _ in range(2):
            bot.decided(f"p{number}", 0.01)
            bot.called_venue(policy=f"p{number}")
    assert len(bot.refused) == 4
    assert bot.close()
    assert len({policy for _, policy, *_ in told(desk)}) == MOST_COUNTED


def test_a_clock_of_the_bot_that_fails_is_not_raised_into_it(new_bot: NewBot, desk: Desk) -> None:
    bot = new_bot(steady=lambda: 1 // 0)
    with bot.deciding("prod"):
        pass
    assert bot.refused[0].kind == "observations"
    bot.close(0)
    assert told(desk) == []
