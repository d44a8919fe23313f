"""What bots count of their calls: it adds up in any order, and the last five minutes are a rate."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as some

from tiltyard.facts.observation import Observation
from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.api_calls import ApiCalls
from tiltyard.metrics.panel import Panel

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


def told(name: str, number: float, seconds: float, policy: str = "", seq: int = 0) -> Observation:
    return Observation(name, number, NOON + timedelta(seconds=seconds), policy, seq=seq)


def test_reports_of_all_bots_add_up() -> None:
    panel = Panel()
    for number, policy in enumerate(("", "a", "b"), 1):
        panel.observe(told("api_calls", 100, number, policy, number))
        panel.observe(told("api_errors", number, number, policy, 10 * number))
    measured = panel.read("api_error_rate", "", NOON)
    assert measured.reading == Value(2.0, 300)
    assert (measured.as_of, measured.evidence) == (NOON + timedelta(seconds=3), 30)
    assert (panel.api_calls.calls, panel.api_calls.errors) == (300, 6)


def both(calls: ApiCalls, number: float, errors: float, seconds: float) -> Reading:
    calls.see(told("api_calls", number, seconds))
    calls.see(told("api_errors", errors, seconds))
    return calls.rate()


def test_only_the_five_minutes_before_the_newest_report_are_in_the_rate() -> None:
    calls = ApiCalls()
    assert both(calls, 100, 100, 0) == Value(100.0, 100)
    assert both(calls, 50, 0, 299) == Value(twelve_digits(100 * 100 / 150), 150)
    assert both(calls, 50, 0, 300) == Value(0.0, 100)
    calls.see(told("api_errors", 7, 0))
    assert calls.rate() == Value(0.0, 100), "what comes too late for the rate"
    assert calls.errors == 107, "still counts"


def test_calls_whose_errors_are_not_told_yet_are_no_good_ones_nor_the_other_way_round() -> None:
    for first, second in (("api_calls", "api_errors"), ("api_errors", "api_calls")):
        calls, number = ApiCalls(), {"api_calls": 100, "api_errors": 30}
        assert both(calls, 100, 20, 0) == Value(20.0, 100)
        calls.see(told(first, number[first], 360))
        assert calls.rate() == Value(20.0, 100), f"{first} alone says nothing"
        calls.see(told(second, number[second], 360))
        assert calls.rate() == Value(30.0, 100)


def test_who_tells_of_errors_no_more_is_waited_for_as_long_as_the_span() -> None:
    calls = ApiCalls()
    assert both(calls, 200, 40, 0) == Value(20.0, 200)
    for minute in range(1, 6):
        calls.see(told("api_calls", 200, 60 * minute))
        assert calls.rate() == Value(20.0, 200)
    calls.see(told("api_calls", 200, 360))
    assert calls.rate() == Value(0.0, 1000), "five minutes of calls, and nobody told of errors"
    assert calls.newest == NOON + timedelta(minutes=6)


def test_what_changes_nothing_is_no_new_evidence() -> None:
    calls = ApiCalls()
    calls.see(told("api_calls", 100, 0, seq=1))
    calls.see(told("api_errors", 30, 0, seq=2))
    calls.see(told("api_calls", 100, 60, seq=3))
    assert (calls.rate(), calls.last_seq) == (Value(30.0, 100), 2), "its errors are not told yet"
    calls.see(told("api_errors", 30, 60, seq=4))
    assert (calls.rate(), calls.last_seq) == (Value(30.0, 200), 4)


def test_who_never_tells_of_errors_has_none() -> None:
    calls = ApiCalls()
    calls.see(told("api_calls", 100, 0))
    assert calls.rate() == Value(0.0, 100)


def test_the_gauge_is_read_where_nobody_counts() -> None:
    panel = Panel()
    panel.observe(told("api_error_rate", 4, 0))
    assert panel.read("api_error_rate", "", NOON).reading == Value(4, 1)
    panel.observe(told("api_errors", 0, 2))
    assert isinstance(panel.read("api_error_rate", "", NOON).reading, Undefined), "no call yet"
    panel.observe(told("api_calls", 10, 2))
    assert panel.read("api_error_rate", "", NOON).reading == Value(0, 10)


def test_more_errors_than_calls_are_no_more_than_all_of_them() -> None:
    calls = ApiCalls()
    calls.see(told("api_calls", 2, 0))
    calls.see(told("api_errors", 5, 0))
    calls.see(told("api_errors", -50, 0))
    assert calls.rate() == Value(100.0, 2)
    assert calls.errors == 5


REPORTS = some.lists(
    some.tuples(
        some.sampled_from(["api_calls", "api_errors"]), some.integers(0, 50), some.integers(0, 900)
    ),
    max_size=40,
)


@given(REPORTS, some.randoms(use_true_random=False))
def test_the_order_in_which_reports_come_is_nothing(
    reports: list[tuple[str, int, int]], chance: Random
) -> None:
    in_order, shuffled = ApiCalls(), ApiCalls()
    mixed = list(reports)
    chance.shuffle(mixed)
    for report in reports:
        in_order.see(told(*report))
    for report in mixed:
        shuffled.see(told(*report))
    assert in_order.rate() == shuffled.rate()
    assert (in_order.calls, in_order.errors) == (shuffled.calls, shuffled.errors)
    newest = {name: max(r[2] for r in reports if r[0] == name) for name, _, _ in reports}
    until, last = min(newest.values(), default=0), max(newest.values(), default=0)
    waiting = [r[2] for r in reports if r[2] > max(until, last - 600)]
    until = last if waiting and last - min(waiting) >= 300 else until
    within = [r for r in reports if until - 300 < r[2] <= until]
    calls = sum(number for name, number, _ in within if name == "api_calls")
    errors = sum(number for name, number, _ in within if name == "api_errors")
    is_kept = last - until < 300
    if calls and is_kept:
        assert shuffled.rate() == Value(twelve_digits(100 * min(1, errors / calls)), calls)


def test_memory_does_not_grow_with_the_reports() -> None:
    calls = ApiCalls()
    for second in range(3000):
        calls.see(told("api_calls", 1, second / 3))
    assert len(calls._seconds) <= 601
    assert calls.calls == 3000
