"""A beginning in a far future hides no trade from a guard."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from conformance.desks import (
    CHAMPION,
    DAY,
    FIRST,
    GUARDED,
    MINUTE,
    NOW,
    SECOND,
    Clock,
    asked,
    challenger,
    desk_on,
    earned,
    employ,
    events,
    report,
    run_sql,
    trades_of,
)
from tiltyard.kernel.clock import microseconds, time_text
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.without_desk import act_in_its_stead

YEAR = timedelta(days=365)
SIZED = GUARDED.model_copy(
    update={"account": GUARDED.account.model_copy(update={"capital": 100_000.0})}
)
LOSING = [0.5, -3, -3, -3]
"""In percent of the capital, a trade a minute: further down than a challenger may be."""


def trial_begins(ledger: Ledger, at: datetime) -> None:
    run_sql(
        ledger,
        f"UPDATE policies SET trial_started_at = {microseconds(at)} "  # noqa: S608 ours
        f"WHERE name = '{FIRST}'",
    )


def account_begins(ledger: Ledger, at: datetime) -> None:
    run_sql(
        ledger, "DELETE FROM accounts",
        f"INSERT INTO accounts VALUES ('default', {microseconds(at)})",  # noqa: S608 ours
    )  # fmt: skip


def by_a_desk(ledger: Ledger, now: datetime) -> None:
    with desk_on(ledger, now, settings=SIZED) as desk:
        desk.step(now)


def by_a_person(ledger: Ledger, now: datetime) -> None:
    asked(ledger, "resume", clock=Clock(now), settings=GUARDED)


def by_an_ingest(ledger: Ledger, now: datetime) -> None:
    with ledger.transaction() as inside:
        act_in_its_stead(inside, GUARDED, now, "ann")


ANYBODY = (by_a_desk, by_a_person, by_an_ingest)
Acts = Callable[[Ledger, datetime], None]


@pytest.fixture(autouse=True)
def floor(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))


def state_of(ledger: Ledger, name: str) -> str:
    return ledger.roster().arms[name].state


@pytest.mark.parametrize("acts", ANYBODY)
def test_a_trial_of_next_year_has_begun_when_somebody_acts(ledger: Ledger, acts: Acts) -> None:
    trial_begins(ledger, NOW + YEAR)
    acts(ledger, NOW)
    assert ledger.roster().arms[FIRST].trial_started_at == NOW
    (told,) = events(ledger, "begin_now")
    assert (told["policy"], told["at"]) == (FIRST, time_text(NOW))
    assert time_text(NOW + YEAR) in told["reason"]
    acts(ledger, NOW + SECOND)
    assert len(events(ledger, "begin_now")) == 1


@pytest.mark.parametrize("acts", ANYBODY)
def test_it_begins_without_a_measure_of_what_was_before(ledger: Ledger, acts: Acts) -> None:
    earned(ledger)
    assert ledger.metrics()[FIRST].pf_150 is not None
    trial_begins(ledger, NOW + YEAR)
    acts(ledger, NOW)
    left = ledger.metrics()[FIRST]
    assert (left.pf_30, left.pf_150, left.dd_150) == (None, None, None)


def test_a_desk_that_runs_measures_nothing_of_what_was_before(ledger: Ledger) -> None:
    earned(ledger)
    with desk_on(ledger, settings=GUARDED) as desk:
        desk.step(NOW)
        trial_begins(ledger, NOW + YEAR)
        desk.step(NOW + SECOND)
        assert ledger.metrics()[FIRST].pf_150 is None
        desk.step(NOW + MINUTE)
        verify(ledger, GUARDED, NOW + MINUTE)


@pytest.mark.parametrize("acts", ANYBODY)
def test_an_account_of_next_year_has_begun_when_somebody_acts(ledger: Ledger, acts: Acts) -> None:
    account_begins(ledger, NOW + YEAR)
    acts(ledger, NOW)
    assert ledger.roster().account_since == NOW
    (told,) = events(ledger, "begin_now")
    assert (told["policy"], told["at"]) == ("", time_text(NOW))


def test_a_desk_that_runs_halts_on_what_comes_in_after_it(ledger: Ledger) -> None:
    with desk_on(ledger, settings=GUARDED) as desk:
        desk.step(NOW)
        trial_begins(ledger, NOW + YEAR)
        account_begins(ledger, NOW + YEAR)
        desk.step(NOW + SECOND)
        later = NOW + 10 * MINUTE
        report(ledger, trades_of(FIRST, LOSING, later), later)
        desk.step(later)
        assert state_of(ledger, FIRST) == "halted"
        verify(ledger, GUARDED, later)


def test_a_desk_that_begins_halts_on_what_comes_in_after_it(ledger: Ledger) -> None:
    by_a_desk(ledger, NOW)
    trial_begins(ledger, NOW + YEAR)
    by_a_desk(ledger, NOW + SECOND)
    later = NOW + 10 * MINUTE
    report(ledger, trades_of(FIRST, LOSING, later), later)
    by_a_desk(ledger, later)
    assert state_of(ledger, FIRST) == "halted"
    verify(ledger, GUARDED, later)


def test_what_the_account_loses_after_it_stops_everybody(ledger: Ledger) -> None:
    by_a_desk(ledger, NOW)
    account_begins(ledger, NOW + YEAR)
    by_a_desk(ledger, NOW + SECOND)
    later = NOW + 20 * MINUTE
    report(ledger, trades_of(CHAMPION, [0.1, *LOSING], later), later)
    by_a_desk(ledger, later)
    assert "account_drawdown_high" in ledger.roster().holds()
    verify(ledger, GUARDED, later)


def test_a_clock_that_is_set_back_changes_no_beginning(ledger: Ledger) -> None:
    for begins in (trial_begins, account_begins):
        begins(ledger, NOW + DAY)
        by_a_desk(ledger, NOW)
    assert ledger.roster().arms[FIRST].trial_started_at == NOW + DAY
    assert ledger.roster().account_since == NOW + DAY
    assert events(ledger, "begin_now") == []
