"""The statement that people already type, as it is, beside ``tiltyard scale``.

The law of agreement, for every challenger and as the metric columns stand:

- the statement meets an arm's row if and only if the command finds that it earned a step;
- both then ask for the same share, 1.5 times what it has;
- of what was asked the database gives ``min(asked, max(before, min(ceiling, room)))``, and
  nothing more than before while anything is on hold;
- the command gives ``min(asked, cap, before + room)``, the best ``pf_150`` first, and it
  gives nothing when the arm is not on trial, something is on hold, a review of it is open,
  its share was multiplied on this trading day, or a guard that blocks is breached or
  unknown, and then it says which;
- where nothing is in the way and there is room for all, both give the same.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, get_args

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conformance.desks import (
    CHALLENGERS,
    CHAMPION,
    DAY,
    FIRST,
    GUARDED,
    MINUTE,
    NOW,
    SECOND_ARM,
    THIRD,
    UNGUARDED,
    Clock,
    asked,
    audit_length,
    challenger,
    desk_on,
    dump,
    earned,
    employ,
    events,
    forget_everything,
    report,
    run_sql,
    set_share,
    shares,
    stranger,
    trades_of,
)
from conformance.samples import USERS_SQL
from tiltyard.actions.apply import apply
from tiltyard.actions.record import acted
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT, Arm, Review, Roster, State
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import TRADING
from tiltyard.shell.bounds import tell_bounds
from tiltyard.shell.clock import system_now
from tiltyard.shell.desk import Desk
from tiltyard.shell.replaying.measure import facts_in_order, take_in
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.settings import ScheduleSettings, Settings
from tiltyard.shell.store.desk_tables import trading_days
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions
from tiltyard.shell.without_desk import act_in_its_stead

CAP, FLOOR = 0.6, 0.4
FREELY = settings(
    max_examples=15, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def users_sql(policy: str) -> str:
    """The statement, for one policy."""
    return USERS_SQL.replace("eee02a74", policy.rpartition("_")[2])


# Who deserves what, drawn


@dataclass(frozen=True)
class Record:
    """How an arm has traded: so many losses in a row, then so many wins, again and again."""

    trades: int
    losses: int
    wins: int
    loss: float
    win: float

    def pnls(self) -> list[float]:
        cycle = [-self.loss] * self.losses + [self.win] * self.wins
        return [cycle[n % len(cycle)] for n in range(self.trades)]


records = st.builds(
    Record,
    trades=st.sampled_from([0, 40, 149, 150, 160]) | st.just(160),
    losses=st.integers(1, 3), wins=st.integers(1, 4),
    loss=st.sampled_from([0.1, 0.5, 1.0, 1.25]), win=st.sampled_from([0.2, 0.6, 1.0, 2.5]),
)  # fmt: skip
THREE_PERCENT = Record(160, 3, 3, 1.0, 1.5)


@dataclass(frozen=True)
class Standing:
    """An arm as it is drawn."""

    record: Record
    share: float
    state: str
    reviewed: bool
    scaled_ago: int | None


standings = st.builds(
    Standing,
    record=records | st.just(THREE_PERCENT),
    share=st.sampled_from([0.04, 0.1, 0.15, 0.2]) | st.integers(1, 200_000).map(lambda n: n / 1e6),
    state=st.sampled_from(
        ["live", "live", "live", "probation", "throttled", "halted", "candidate"]
    ),
    reviewed=st.sampled_from([False, False, False, True]),
    scaled_ago=st.sampled_from([None, None, 0, 1]),
)
ledgers = st.fixed_dictionaries(
    {
        "champion": records | st.just(THREE_PERCENT),
        "arms": st.lists(standings, min_size=1, max_size=3),
        "boost": st.sampled_from([0.0, 0.0, 0.3, 0.4]),
        "hold": st.sampled_from([False, False, False, True]),
    }
)


def arrange(ledger: Ledger, drawn: Mapping[str, Any]) -> None:
    """The drawn ledger in the database."""
    forget_everything(ledger)
    arms, facts = [], trades_of(CHAMPION, drawn["champion"].pnls())
    reviews: list[Review] = []
    for number, (name, one) in enumerate(zip(CHALLENGERS, drawn["arms"], strict=False)):
        share = one.share if one.state in TRADING else 0.0
        if number == 0 and share:
            share = round(min(share + drawn["boost"], CAP - 0.4 * (len(drawn["arms"]) > 1)), 12)
        arm = challenger(name, share, one.state)
        if one.scaled_ago is not None and one.state in TRADING:
            arm = replace(arm, scaled_at=NOW - one.scaled_ago * DAY)
            if one.scaled_ago == 0:
                arm = replace(arm, ceiling=share)
        if one.state == "candidate":
            arm = replace(arm, capital=None, throttled_by="")
        arms.append(arm)
        facts += trades_of(name, one.record.pnls())
    employ(ledger, *arms)
    asks = [
        Action("review", arm.name, "a_guard", "enforce", NOW)
        for arm, one in zip(arms, drawn["arms"], strict=False)
        if one.reviewed
    ]
    holds = [Action("freeze_ramp", "", "a_guard", "enforce", NOW)] if drawn["hold"] else []
    happens(ledger, *holds)
    for ask in asks:
        reviews.append(Review(len(reviews) + 1, ask.policy, "a_guard", NOW))
    if reviews:
        with ledger.transaction() as inside:
            roster = inside.roster_to_change(at=NOW)
            inside.save_roster(replace(roster, reviews=tuple(reviews)), [], at=NOW)
    report(ledger, facts)


def happens(ledger: Ledger, *actions: Action) -> None:
    """Actions, done and audited."""

    def change(roster: Roster) -> tuple[Roster, list[Mapping[str, Any]]]:
        for action in actions:
            roster = apply(roster, action)
        return roster, [acted(action, "", "test") for action in actions]

    if actions:
        ledger.change_roster(change, at=NOW)


# What each of the two makes of it


@dataclass(frozen=True)
class Edited:
    """What the database made of the statement; None where it met no row."""

    asked: float
    after: float


def tried(ledger: Ledger, policy: str) -> Edited | None:
    """What the statement would do to one arm; it is rolled back."""
    with stranger(ledger).connect() as connection:
        met = connection.execute(sa.text(users_sql(policy))).rowcount
        row = connection.execute(
            sa.text("SELECT asked, after FROM external_edits ORDER BY seq DESC LIMIT 1")
        ).first()
        connection.rollback()
    assert met in (0, 1)
    return Edited(*row) if met and row else None


def obstacle(roster: Roster, arm: Arm) -> str:
    """Why the command gives an arm nothing, whatever it earned; the words it must say."""
    if arm.state not in TRADING or not arm.share:
        return "no traffic"
    if roster.holds():
        return "on hold by"
    if roster.blocking_reviews(arm.name):
        return "a review is open"
    if arm.scaled_at is not None and NOW - arm.scaled_at < DAY / 2:
        return "multiplied on this trading day already"
    return ""


def expected_steps(
    roster: Roster, tries: Mapping[str, Edited | None], pf_150: Callable[[str], float]
) -> dict[str, float]:
    """What the command has to give, from what the statement asks for."""
    room = round(1 - FLOOR - sum(arm.share for arm in roster.challengers()), 12)
    after = {arm.name: arm.share for arm in roster.challengers()}
    willing = [n for n, edit in tries.items() if edit and not obstacle(roster, roster.arms[n])]
    for name in sorted(willing, key=lambda name: (-pf_150(name), name)):
        edit, before = tries[name], roster.arms[name].share
        assert edit is not None
        after[name] = max(before, round(min(edit.asked, CAP, before + max(0.0, room)), 12))
        room = round(room - (after[name] - before), 12)
    return after


@FREELY
@given(drawn=ledgers)
def test_statement_and_command_find_the_same_arms_eligible_and_ask_for_the_same(
    ledger: Ledger, drawn: Mapping[str, Any]
) -> None:
    arrange(ledger, drawn)
    roster, columns = ledger.roster(), ledger.metrics()
    untouched = dump(ledger)
    tries = {arm.name: tried(ledger, arm.name) for arm in roster.challengers() if arm.name != FLAT}
    assert dump(ledger) == untouched
    for name, edit in tries.items():
        the_database_clamps(roster, roster.arms[name], edit)
    steps = expected_steps(roster, tries, lambda name: columns[name].pf_150 or 0.0)
    seen = audit_length(ledger)
    outcome = asked(ledger, "scale")
    told = steps_told(ledger, seen)
    for name, edit in tries.items():
        arm, why = roster.arms[name], obstacle(roster, roster.arms[name])
        assert ledger.roster().arms[name].share == steps[name]
        reason = told[name]["reason"] if name in told else why
        if why:
            assert why in reason
        elif edit is None:
            assert reason.startswith(("pf_150 ", "pf_prod ", "dd_150 ")) or arm.share >= CAP
        elif steps[name] > arm.share:
            assert reason.startswith("earned")
        else:
            assert reason.startswith(("no room above", "at the cap"))
        assert arm.state not in TRADING or reason in outcome.text
    given = sum(edit.asked - roster.arms[n].share for n, edit in tries.items() if edit)
    in_the_way = any(obstacle(roster, roster.arms[name]) for name in tries)
    if not in_the_way and given <= 1 - FLOOR - sum(arm.share for arm in roster.challengers()):
        for name, edit in tries.items():
            assert steps[name] == (edit.after if edit else roster.arms[name].share)


def steps_told(ledger: Ledger, after: int) -> dict[str, Mapping[str, Any]]:
    """What the audit says the ladder did, by arm."""
    return {
        event["policy"]: event
        for event in events(ledger, after=after)
        if event["event"] in ("scale", "skip_scale")
    }


def what_guards_say(ledger: Ledger, under: Settings) -> dict[str, set[str]]:
    """Guards that are breached, and those that are unknown, of anybody, measured anew."""
    desk = Desk(under, ledger.roster(), measure_only=True, live=True)
    for fact in facts_in_order(ledger, up_to=Positions()):
        take_in(desk.panel, fact)
    said: dict[str, set[str]] = {"breached": set(), "unknown": set()}
    for verdict in desk.judge_all(NOW):
        if verdict.answer == "breach":
            said["breached"].add(verdict.guard)
        elif verdict.answer in ("unknown", "error"):
            said["unknown"].add(verdict.guard)
    return said


def the_database_clamps(roster: Roster, arm: Arm, edit: Edited | None) -> None:
    if edit is None:
        return
    assert edit.asked == arm.share * 1.5
    others = sum(a.share for a in roster.challengers() if a.name != arm.name)
    most = arm.share if roster.holds() else max(arm.share, min(arm.ceiling, 1 - FLOOR - others))
    assert edit.after == pytest.approx(min(edit.asked, most), abs=1e-12)


@FREELY
@given(drawn=ledgers)
def test_under_guards_the_command_gives_no_arm_more_than_the_statement_and_says_which_guard(
    ledger: Ledger, drawn: Mapping[str, Any]
) -> None:
    arrange(ledger, drawn)
    roster, columns = ledger.roster(), ledger.metrics()
    tries = {arm.name: tried(ledger, arm.name) for arm in roster.challengers() if arm.name != FLAT}
    steps = expected_steps(roster, tries, lambda name: columns[name].pf_150 or 0.0)
    speaking = what_guards_say(ledger, GUARDED)
    seen = audit_length(ledger)
    asked(ledger, "scale", settings=GUARDED)
    told, after = steps_told(ledger, seen), ledger.roster()
    for name, edit in tries.items():
        arm, now = roster.arms[name], after.arms[name]
        assert now.share <= arm.share or edit is not None
        if now.share >= steps[name] or name not in told:
            continue  # it has as much, or more because another who is guarded left room
        reason = told[name]["reason"]
        if now.state in ("throttled", "halted"):
            assert now.throttled_by in speaking["breached"] | speaking["unknown"]
        elif "is breached" in reason:
            assert reason.split(" is ")[0] in speaking["breached"]
        elif "is unknown" in reason:
            assert reason.split(" is ")[0] in speaking["unknown"]
        else:
            assert after.holds(), reason


# One multiplication in a trading day, whoever multiplies


def statement(ledger: Ledger) -> None:
    run_sql(ledger, USERS_SQL)


def command(ledger: Ledger) -> None:
    asked(ledger, "scale")


def one_arm(ledger: Ledger, share: float = 0.1) -> None:
    employ(ledger, challenger(FIRST, share))
    earned(ledger)


def holds_together(ledger: Ledger, now: datetime = NOW) -> None:
    """The tables are what the audit and the edits to come add up to."""
    given = shares(ledger)
    assert sum(given.values()) == pytest.approx(1.0, abs=1e-9)
    assert all(0 <= share <= 1 for share in given.values())
    verify(ledger, UNGUARDED, now)


@pytest.mark.parametrize("order", ["sss", "ccc", "scs", "csc"])
def test_three_runs_in_a_night_are_one_multiplication(ledger: Ledger, order: str) -> None:
    one_arm(ledger)
    for who in order:
        {"s": statement, "c": command}[who](ledger)
        assert shares(ledger)[FIRST] == 0.15
        holds_together(ledger)


def by_ingest(ledger: Ledger, now: datetime) -> None:
    with ledger.transaction() as inside:
        act_in_its_stead(inside, UNGUARDED, now, "ingest")


def by_command(ledger: Ledger, now: datetime) -> None:
    asked(ledger, "acknowledge", clock=Clock(now), number="99")


def by_desk(ledger: Ledger, now: datetime) -> None:
    with desk_on(ledger, now) as desk:
        desk.step(now)


@pytest.mark.parametrize("morning", [by_ingest, by_command, by_desk])
@pytest.mark.parametrize("who", [statement, command])
def test_the_next_trading_day_has_one_more(
    ledger: Ledger, who: Callable[[Ledger], None], morning: Callable[[Ledger, datetime], None]
) -> None:
    one_arm(ledger)
    who(ledger)
    morning(ledger, NOW)
    statement(ledger)
    assert shares(ledger)[FIRST] == 0.15
    morning(ledger, NOW + DAY)
    statement(ledger)
    statement(ledger)
    assert shares(ledger)[FIRST] == 0.225
    holds_together(ledger, NOW + DAY)


def test_the_statement_alone_multiplies_once_a_day_though_nobody_raises_the_ceiling(
    ledger: Ledger,
) -> None:
    now = system_now()
    yesterday = replace(challenger(FIRST, 0.15), ceiling=0.15, scaled_at=now - DAY)
    employ(ledger, yesterday)
    earned(ledger)
    with ledger.transaction() as inside:
        tell_bounds(inside.connection, UNGUARDED, now)
    for _ in range(3):
        statement(ledger)
        assert shares(ledger)[FIRST] == 0.225
    holds_together(ledger, now)


@pytest.mark.parametrize(
    ("ahead", "share"),
    [(MINUTE, 0.15), (DAY - MINUTE, 0.15), (DAY + MINUTE, 0.225), (365 * DAY, 0.225)],
)
def test_the_statement_does_not_wait_for_a_year_that_a_clock_was_ahead(
    ledger: Ledger, ahead: timedelta, share: float
) -> None:
    now = system_now()
    employ(ledger, replace(challenger(FIRST, 0.15), ceiling=0.15, scaled_at=now + ahead))
    earned(ledger)
    with ledger.transaction() as inside:
        tell_bounds(inside.connection, UNGUARDED, now)
    for _ in range(3):
        statement(ledger)
        assert shares(ledger)[FIRST] == share
    holds_together(ledger, now)


def days_known(ledger: Ledger) -> list[datetime]:
    with ledger.snapshot() as still:
        return sorted(still.connection.scalars(sa.select(trading_days.c.starts_at)))


def test_the_database_learns_of_another_time_zone_though_the_next_day_begins_as_before(
    ledger: Ledger,
) -> None:
    winter = datetime(2026, 1, 15, 12, tzinfo=UTC)
    for zone, july in (("UTC", 2), ("Europe/London", 1), ("UTC", 2)):
        schedule = ScheduleSettings(timezone=zone, nightly=time(2))
        with ledger.transaction() as inside:
            tell_bounds(
                inside.connection, UNGUARDED.model_copy(update={"schedule": schedule}), winter
            )
        assert datetime(2026, 1, 16, 2, tzinfo=UTC) in days_known(ledger)
        (known,) = (day for day in days_known(ledger) if day.date() == date(2026, 7, 1))
        assert known.hour == july


def test_the_days_are_told_anew_only_when_a_month_is_not_known_any_more(ledger: Ledger) -> None:
    noon = datetime(2026, 1, 15, 12, tzinfo=UTC)
    first = datetime(2026, 1, 15, 2, tzinfo=UTC)
    schedule = ScheduleSettings(timezone="UTC", nightly=time(2))
    utc = UNGUARDED.model_copy(update={"schedule": schedule})
    for ahead, begins in ((0, first), (1, first), (370, first), (371, first + 371 * DAY)):
        with ledger.transaction() as inside:
            tell_bounds(inside.connection, utc, noon + ahead * DAY)
        assert (days_known(ledger)[0], len(days_known(ledger))) == (begins, 400)


def test_at_41_percent_the_ladder_ends_at_60_and_the_champion_at_40(ledger: Ledger) -> None:
    one_arm(ledger, 0.41)
    statement(ledger)
    assert (shares(ledger)[FIRST], shares(ledger)[CHAMPION]) == (0.6, 0.4)
    holds_together(ledger)


def test_what_others_have_is_no_room(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.2), challenger(SECOND_ARM, 0.35))
    earned(ledger)
    statement(ledger)
    assert shares(ledger) == {FLAT: 0, FIRST: 0.25, SECOND_ARM: 0.35, CHAMPION: 0.4}
    holds_together(ledger)


SETS = ("0.3", "1", "0.6", "traffic_allocation + 0.1", "1e300", "0", "-5")


@pytest.mark.parametrize("state", sorted(set(get_args(State)) - TRADING - {"champion"}))
def test_who_is_not_on_trial_has_nothing_whatever_is_set(ledger: Ledger, state: State) -> None:
    employ(ledger, challenger(FIRST, 0.0, state), challenger(SECOND_ARM, 0.1))
    earned(ledger)
    before = shares(ledger)
    statement(ledger)
    for share in SETS:
        set_share(ledger, FIRST, share)
        set_share(ledger, FLAT, share)
        assert shares(ledger) == before
    holds_together(ledger)
    by_command(ledger, NOW)
    holds_together(ledger)


def test_nothing_can_be_raised_while_anything_is_on_hold(ledger: Ledger) -> None:
    one_arm(ledger)
    for verb in ("stop_all", "freeze"):
        asked(ledger, verb)
        before = shares(ledger)
        statement(ledger)
        set_share(ledger, FIRST, "0.12")
        assert shares(ledger) == before
        holds_together(ledger)
    for hold in ("stop-all", "freeze"):
        asked(ledger, "resume", hold=hold)
    asked(ledger, "acknowledge", number="9")
    statement(ledger)
    assert shares(ledger)[FIRST] == 0.15
    holds_together(ledger)


def test_lowering_is_done_and_is_in_the_audit(ledger: Ledger) -> None:
    one_arm(ledger)
    asked(ledger, "stop_all")
    set_share(ledger, FIRST, "0.04")
    assert (shares(ledger)[FIRST], shares(ledger)[CHAMPION]) == (0.04, 0.96)
    holds_together(ledger)
    asked(ledger, "resume")
    holds_together(ledger)
    (edit,) = events(ledger, "external_edit")
    assert (edit["before"], edit["value"], edit["after"]) == ("0.1", "0.04", "0.04")


def test_lowered_and_raised_again_is_the_day_s_multiplication(ledger: Ledger) -> None:
    one_arm(ledger)
    set_share(ledger, FIRST, "0.02")
    for share in ("0.05", "0.06", "0.15"):
        set_share(ledger, FIRST, share)
    assert shares(ledger)[FIRST] == 0.05
    holds_together(ledger)


def test_one_statement_may_edit_many_rows_the_champion_s_too(ledger: Ledger) -> None:
    employ(ledger, *(challenger(name, 0.1) for name in CHALLENGERS))
    earned(ledger)
    run_sql(ledger, "UPDATE bandit_arms SET traffic_allocation = traffic_allocation * 1.5")
    assert shares(ledger) == {FLAT: 0, CHAMPION: 0.55} | dict.fromkeys(CHALLENGERS, 0.15)
    holds_together(ledger)
    run_sql(ledger, "UPDATE bandit_arms SET traffic_allocation = 0.05")
    assert shares(ledger) == {FLAT: 0, CHAMPION: 0.85} | dict.fromkeys(CHALLENGERS, 0.05)
    holds_together(ledger)
    by_command(ledger, NOW)
    holds_together(ledger)
    for edit in events(ledger, "external_edit"):
        if edit["policy"] == CHAMPION:
            assert edit["after"] == edit["before"]  # it has what is left, whatever was asked


def test_many_rows_together_do_not_take_the_champion_s_floor(ledger: Ledger) -> None:
    employ(ledger, *(challenger(name, 0.18) for name in CHALLENGERS))
    earned(ledger)
    run_sql(ledger, "UPDATE bandit_arms SET traffic_allocation = 1")
    assert shares(ledger)[CHAMPION] == 0.4
    assert shares(ledger)[FIRST] == pytest.approx(0.24)
    holds_together(ledger)


def test_what_is_no_number_is_refused(ledger: Ledger) -> None:
    one_arm(ledger)
    before = dump(ledger)
    words = ["NULL", "'much'", "''"]
    if ledger.url.get_backend_name() == "postgresql":
        words.append("'NaN'")  # what SQLite has for it is NULL
    for share in words:
        with pytest.raises(sa.exc.DatabaseError):
            set_share(ledger, FIRST, share)
        assert dump(ledger) == before


def test_however_much_is_asked_the_ceiling_is_given(ledger: Ledger) -> None:
    one_arm(ledger)
    endless = {"sqlite": "9e999", "postgresql": "'Infinity'"}[ledger.url.get_backend_name()]
    for share in ("1e300", endless, "7"):
        set_share(ledger, FIRST, share)
        assert shares(ledger)[FIRST] == 0.15
        holds_together(ledger)
    by_command(ledger, NOW)
    holds_together(ledger)


def test_less_than_nothing_is_nothing(ledger: Ledger) -> None:
    one_arm(ledger)
    for share in ("-0.0", "-1e300", "-1"):
        set_share(ledger, FIRST, share)
        assert (shares(ledger)[FIRST], shares(ledger)[CHAMPION]) == (0, 1)
        holds_together(ledger)
    by_command(ledger, NOW)
    holds_together(ledger)


BOUNDS = (
    "ceiling = 1", "ceiling = 0", "scaled_at = NULL", "updated_at = 5", "revision = 0",
    "ceiling = 1, scaled_at = NULL, updated_at = 0",
)  # fmt: skip


def test_the_columns_that_bound_a_share_cannot_be_set(ledger: Ledger) -> None:
    one_arm(ledger)
    statement(ledger)
    before = ledger.roster()
    for to in BOUNDS:
        run_sql(ledger, f"UPDATE bandit_arms SET {to}")  # noqa: S608 ours
        assert ledger.roster() == before
    statement(ledger)
    assert shares(ledger)[FIRST] == 0.15
    holds_together(ledger)


def test_an_edit_of_another_column_moves_no_share(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.3, ceiling=0.25), challenger(SECOND_ARM, 0.4, ceiling=0.4))
    before = ledger.roster()
    run_sql(ledger, "UPDATE bandit_arms SET wins = wins, pf_150 = NULL")
    assert ledger.roster() == before
    holds_together(ledger)


def test_who_asks_for_more_does_not_get_less(ledger: Ledger) -> None:
    """A cap or a floor that was configured since takes nothing back."""
    employ(ledger, challenger(FIRST, 0.3, ceiling=0.25), challenger(SECOND_ARM, 0.4, ceiling=0.4))
    set_share(ledger, FIRST, "0.45")
    set_share(ledger, SECOND_ARM, "0.6")
    assert shares(ledger)[FIRST] == 0.3
    assert shares(ledger)[SECOND_ARM] == 0.4
    holds_together(ledger)


def test_an_edit_that_is_rolled_back_leaves_nothing(ledger: Ledger) -> None:
    one_arm(ledger)
    before = dump(ledger)
    with stranger(ledger).connect() as connection:
        connection.execute(sa.text(USERS_SQL))
        connection.execute(sa.text("UPDATE bandit_arms SET traffic_allocation = 0"))
        connection.rollback()
    assert dump(ledger) == before
    statement(ledger)
    assert shares(ledger)[FIRST] == 0.15
    holds_together(ledger)


# The audit, and who wrote meanwhile


def test_an_edit_is_audited_once_by_whoever_writes_next(ledger: Ledger) -> None:
    one_arm(ledger, 0.41)
    statement(ledger)
    holds_together(ledger)
    assert events(ledger, "external_edit") == []
    for _ in range(2):
        by_command(ledger, NOW)
        holds_together(ledger)
        (edit,) = events(ledger, "external_edit")
        told = (edit["policy"], edit["before"], edit["value"], edit["after"], edit["ceiling"])
        assert told == (FIRST, "0.41", "0.615", "0.6", "0.6")
        assert edit["actor"] == "sql"
    by_desk(ledger, NOW + MINUTE)
    assert len(events(ledger, "external_edit")) == 1
    holds_together(ledger, NOW + MINUTE)


def test_an_edit_that_is_audited_is_not_written_again_with_the_next(ledger: Ledger) -> None:
    one_arm(ledger)
    written: list[int] = []

    def after(*given: Any) -> None:  # noqa: ANN401 as SQLAlchemy calls it
        if given[2].startswith("UPDATE external_edits"):
            written.append(given[1].rowcount)

    sa.event.listen(ledger._engine, "after_cursor_execute", after)
    for share in ("0.05", "0.04", "0.03"):
        set_share(ledger, FIRST, share)
        by_command(ledger, NOW)
    assert written == [1, 1, 1]
    assert len(events(ledger, "external_edit")) == 3
    holds_together(ledger)


def test_a_roster_read_before_an_edit_is_not_saved(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1), challenger(SECOND_ARM, 0.1))
    earned(ledger)
    stale = ledger.roster()
    statement(ledger)
    before = dump(ledger)
    for name in (FIRST, SECOND_ARM, CHAMPION):
        wanted = replace(stale, arms={**stale.arms, name: replace(stale.arms[name], digest="new")})
        with pytest.raises(TiltyardError, match="ROSTER_CHANGED"):
            ledger.save_roster(wanted, [{"event": "nothing", "at": NOW}], at=NOW)
        assert dump(ledger) == before
    holds_together(ledger)


# Two at once


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(TiltyardError) as caught:
        act()
    return caught.value.code


def test_an_edit_waits_for_whoever_changes_the_roster(ledger: Ledger) -> None:
    one_arm(ledger)
    with ledger.transaction() as inside:
        roster = inside.roster_to_change(at=NOW)
        with pytest.raises(sa.exc.OperationalError):
            statement(ledger)
        halted = Action("halt", FIRST, "person", "enforce", NOW, before=0.1, after=0.0)
        inside.save_roster(apply(roster, halted), [acted(halted, "", "ada")], at=NOW)
    statement(ledger)
    assert shares(ledger)[FIRST] == 0
    holds_together(ledger)


def test_whoever_changes_the_roster_waits_for_an_edit(ledger: Ledger) -> None:
    one_arm(ledger)
    url = ledger.url.render_as_string(hide_password=False)
    with Ledger.open(url, busy_timeout_ms=50) as impatient:
        with stranger(ledger).begin() as connection:
            connection.execute(sa.text(USERS_SQL))
            code = code_of(lambda: by_command(impatient, NOW))
        # on SQLite nobody can write meanwhile; on Postgres the command is recorded, and waits
        assert code == ("COMMAND_WAITING" if url.startswith("postgresql") else "DATABASE_LOCKED")
        by_command(impatient, NOW)
    assert shares(ledger)[FIRST] == 0.15
    assert len(events(ledger, "external_edit")) == 1
    holds_together(ledger)


def only_on_a_server(ledger: Ledger) -> None:
    if ledger.url.get_backend_name() == "sqlite":
        pytest.skip("a file has one writer at a time")


def until_it_waits(ledger: Ledger, thread: threading.Thread) -> None:
    """Looks until a session of this database waits for a lock, or there is nobody who could."""
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with stranger(ledger).connect() as connection:
        while thread.is_alive() and not connection.execute(query).scalar():
            connection.rollback()


@contextmanager
def meanwhile(ledger: Ledger, act: Callable[[], object]) -> Iterator[None]:
    """Somebody begins ``act`` and has to wait; it goes on when this block ends."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 it is raised below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until_it_waits(ledger, thread)
    yield
    thread.join()
    assert failed == []


def patient_sql(ledger: Ledger, text: str) -> None:
    with sa.create_engine(ledger.url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text(text))


def test_an_edit_that_was_waited_for_is_audited_before_what_follows_on_it(ledger: Ledger) -> None:
    only_on_a_server(ledger)
    one_arm(ledger)

    def lower() -> None:
        def change(roster: Roster) -> tuple[Roster, list[Mapping[str, Any]]]:
            action = Action("scale", FIRST, "person", "enforce", NOW, before=0.15, after=0.05)
            return apply(roster, action), [acted(action, "", "ada")]

        ledger.change_roster(change, at=NOW)

    editor = stranger(ledger).connect()
    editor.execute(sa.text(USERS_SQL))
    with meanwhile(ledger, lower):
        editor.commit()
    editor.close()
    assert [event["event"] for event in events(ledger)][-2:] == ["external_edit", "scale"]
    assert shares(ledger)[FIRST] == 0.05
    holds_together(ledger)


def test_two_who_edit_at_once_share_the_room_that_there_is(ledger: Ledger) -> None:
    only_on_a_server(ledger)
    employ(ledger, challenger(FIRST, 0.2), challenger(SECOND_ARM, 0.2), challenger(THIRD, 0.1))
    earned(ledger)
    first = stranger(ledger).connect()
    first.execute(sa.text(users_sql(FIRST)))
    with meanwhile(ledger, lambda: patient_sql(ledger, users_sql(SECOND_ARM))):
        first.commit()
    first.close()
    assert shares(ledger) == {FLAT: 0, CHAMPION: 0.4, FIRST: 0.3, SECOND_ARM: 0.2, THIRD: 0.1}
    holds_together(ledger)


def test_two_who_edit_the_same_arm_at_once_multiply_once(ledger: Ledger) -> None:
    only_on_a_server(ledger)
    one_arm(ledger)
    first = stranger(ledger).connect()
    first.execute(sa.text(USERS_SQL))
    with meanwhile(ledger, lambda: patient_sql(ledger, USERS_SQL)):
        first.commit()
    first.close()
    assert shares(ledger)[FIRST] == 0.15
    holds_together(ledger)


def test_an_edit_that_waited_for_a_halt_gives_nothing(ledger: Ledger) -> None:
    only_on_a_server(ledger)
    one_arm(ledger)
    with ledger.transaction() as inside:
        roster = inside.roster_to_change(at=NOW)
        halted = Action("halt", FIRST, "person", "enforce", NOW, before=0.1, after=0.0)
        inside.save_roster(apply(roster, halted), [acted(halted, "", "ada")], at=NOW)
        waiting = meanwhile(ledger, lambda: patient_sql(ledger, USERS_SQL))
        waiting.__enter__()
    waiting.__exit__(None, None, None)
    assert shares(ledger)[FIRST] == 0
    holds_together(ledger)


def test_an_edit_that_cannot_see_what_is_on_hold_by_now_is_refused(ledger: Ledger) -> None:
    only_on_a_server(ledger)
    one_arm(ledger)
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        with stranger(ledger).execution_options(isolation_level=level).connect() as editor:
            editor.execute(sa.text("SELECT count(*) FROM holds"))
            happens(ledger, Action("freeze_ramp", "", f"guard of {level}", "enforce", NOW))
            with pytest.raises(sa.exc.DBAPIError, match="READ COMMITTED"):
                editor.execute(sa.text(USERS_SQL))
        assert shares(ledger)[FIRST] == 0.1
    holds_together(ledger)


ELSEWHERE = {
    "another path": ("SET search_path = pg_catalog",),
    "tables of the same names": (
        "CREATE TEMPORARY TABLE holds (kind text, guard text)",
        "CREATE TEMPORARY TABLE policies (id bigint, role text)",
        "CREATE TEMPORARY TABLE trading_days (starts_at bigint)",
    ),
}


@pytest.mark.parametrize("elsewhere", ELSEWHERE.values(), ids=ELSEWHERE)
def test_an_edit_is_clamped_from_wherever_it_comes(
    ledger: Ledger, elsewhere: tuple[str, ...]
) -> None:
    only_on_a_server(ledger)
    employ(ledger, challenger(FIRST, 0.1), challenger(SECOND_ARM, 0.1))
    named = (
        "UPDATE public.bandit_arms SET traffic_allocation = {} "
        "WHERE policy_id = (SELECT id FROM public.policies WHERE name LIKE '%eee02a74%')"
    )
    run_sql(ledger, *elsewhere, named.format(1))
    assert shares(ledger) == {FLAT: 0, CHAMPION: 0.75, FIRST: 0.15, SECOND_ARM: 0.1}
    happens(ledger, Action("freeze_ramp", "", "a_guard", "enforce", NOW))
    run_sql(ledger, *elsewhere, named.format(0.05), named.format(0.1))
    assert shares(ledger)[FIRST] == 0.05
    holds_together(ledger)
