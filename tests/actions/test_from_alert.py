"""An alert may take what a guard takes, once, and never gives anything back."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.from_alert import VERB_OF, Answer, Known, answer
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.guard import Checklist
from tiltyard.checklist.judge import Memory
from tiltyard.facts.alert import Alert
from tiltyard.facts.arm import Arm, Roster, State
from tiltyard.facts.command import GIVING
from tiltyard.kernel.money import money

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CAPITAL = money(1000)


def arm(name: str, state: State = "live", since: datetime = NOON - HOUR) -> Arm:
    return Arm(name, "challenger", state, 0.1, 0.1, 0.6, CAPITAL, NOON - HOUR, since)


def roster(arms: Iterable[Arm] = (arm("bot"),)) -> Roster:
    every = Roster().with_arm(
        Arm("prod", "champion", "champion", 1, 1, 1, CAPITAL, NOON - HOUR, NOON - HOUR)
    )
    for one in arms:
        every = every.with_arm(one)
    return every


def fires(guard: str, policy: str = "bot", at: datetime = NOON) -> Alert:
    name = next((one.alert for one in DEFAULT_CHECKLIST.guards if one.name == guard), "Name")
    return Alert("f1", at, "firing", name, guard, policy, "drawdown 12.4 % > 4 %")


NOTHING = Known({}, {})


def follows(alert: Alert, roster: Roster, known: Known = NOTHING) -> Answer:
    return answer(alert, DEFAULT_CHECKLIST, roster, known)


@pytest.mark.parametrize(
    ("guard", "policy", "verb"),
    [
        ("challenger_drawdown_high", "bot", "halt"),
        ("challenger_profit_factor_low", "bot", "throttle"),
        ("account_daily_loss_high", "", "freeze"),
        ("account_balance_low", "", "freeze"),
        ("account_drawdown_high", "", "stop_all"),
        ("model_unhealthy", "bot", "halt"),
    ],
)
def test_what_a_guard_takes_is_asked_for(guard: str, policy: str, verb: str) -> None:
    what = follows(fires(guard, policy), roster())
    assert (what.verb, what.policy) == (verb, policy)
    assert what.said == "drawdown 12.4 % > 4 %"


@pytest.mark.parametrize(
    ("alert", "why"),
    [
        (replace(fires("challenger_drawdown_high"), status="resolved"), "it is over"),
        (replace(fires("challenger_drawdown_high"), is_test=True), "a test"),
        (fires("of_another_desk"), "no guard of the checklist"),
        (replace(fires("challenger_drawdown_high"), name="GuardUnknown"), "no guard of the"),
        (fires("consecutive_losses_high"), "review is for the desk and for people"),
        (fires("champion_profit_factor_low", "prod"), "propose_rollback is for the desk"),
        (fires("challenger_drawdown_high", "nobody"), "knows no policy"),
        (fires("challenger_drawdown_high", "prod"), "it is the champion now"),
        (fires("challenger_drawdown_high", at=NOON - HOUR), "trial began anew"),
        (fires("challenger_drawdown_high", "out"), "it is halted already"),
        (fires("challenger_profit_factor_low", "out"), "it is halted already"),
        (fires("challenger_profit_factor_low", "slow"), "it is throttled already"),
        (fires("challenger_profit_factor_low", "new"), "it is candidate, and has no traffic"),
        (fires("model_unhealthy", "new"), "it is candidate, and has no traffic"),
        (fires("challenger_profit_factor_low", "old"), "it is deposed, and has no traffic"),
        (fires("challenger_drawdown_high", "old"), "it is deposed, and has no traffic"),
        (fires("challenger_drawdown_high", "gone"), "it is retired already"),
    ],
)
def test_from_anything_else_nothing_follows_and_the_record_says_why(alert: Alert, why: str) -> None:
    arms = [arm("bot"), arm("out", "halted"), arm("slow", "throttled"), arm("new", "candidate"),
            arm("old", "deposed"), arm("gone", "retired")]  # fmt: skip
    what = follows(alert, roster(arms))
    assert what.verb is None
    assert why in what.said


def test_one_that_is_throttled_may_still_be_halted() -> None:
    arms = [arm("slow", "throttled")]
    alert = fires("challenger_drawdown_high", "slow")
    assert follows(alert, roster(arms)).verb == "halt"


BEFORE, LATER = NOON - HOUR, NOON + HOUR
RESUMED = NOON


def tripped(at: datetime | None, *, blindly: bool = False) -> Memory:
    return Memory(tripped_at=at, tripped_blindly=blindly)


@pytest.mark.parametrize("began", [BEFORE, LATER])
@pytest.mark.parametrize(
    ("ended", "memory", "before", "later"),
    [  # what follows from an alert that began before, and from one that began after
        ("", tripped(None), "freeze", "freeze"),
        ("", tripped(BEFORE), "freeze", "freeze"),  # it has tripped, and nothing came of it
        ("account_daily_loss_high", tripped(BEFORE), None, None),  # the person's word stands
        ("account_daily_loss_high", tripped(RESUMED), None, None),
        ("account_daily_loss_high", tripped(None), None, "freeze"),  # the desk does not see it
        ("account_daily_loss_high", tripped(LATER), "freeze", "freeze"),  # another breach
        ("account_daily_loss_high", tripped(BEFORE, blindly=True), None, "freeze"),
        ("freeze", tripped(BEFORE), "freeze", "freeze"),  # a person's own says nothing of it
        ("freeze", tripped(None), "freeze", "freeze"),
        ("stop-all", tripped(BEFORE), "freeze", "freeze"),  # is about something else
        ("account_balance_low", tripped(BEFORE), "freeze", "freeze"),
        ("deadman", tripped(BEFORE), "freeze", "freeze"),
    ],
)
def test_what_a_person_has_ended_is_not_put_on_hold_again_for_the_same_breach(
    ended: str, memory: Memory, before: str | None, later: str | None, began: datetime
) -> None:
    known = Known({("account_daily_loss_high", ""): memory}, {ended: RESUMED} if ended else {})
    what = follows(fires("account_daily_loss_high", "", began), roster(), known)
    assert what.verb == (before if began == BEFORE else later)
    assert what.verb or "a person has ended that hold" in what.said


def test_it_is_the_last_end_of_a_hold_that_counts() -> None:
    known = Known({}, {"freeze": BEFORE, "account_daily_loss_high": LATER})
    assert follows(fires("account_daily_loss_high", ""), roster(), known).verb is None


@pytest.mark.parametrize("began", [BEFORE, LATER])
@pytest.mark.parametrize(
    ("memory", "later"),
    [
        (tripped(BEFORE), None),
        (tripped(RESUMED), None),
        (tripped(None), "halt"),
        (tripped(LATER), "halt"),
        (tripped(BEFORE, blindly=True), "halt"),
    ],
)
def test_who_was_rearmed_in_sight_of_the_breach_is_not_halted_for_it(
    memory: Memory, later: str | None, began: datetime
) -> None:
    arms = [arm("bot", "probation", since=RESUMED)]
    known = Known(
        {("model_unhealthy", "bot"): memory, ("model_unhealthy", ""): tripped(BEFORE)}, {}
    )
    what = follows(fires("model_unhealthy", "bot", began), roster(arms), known)
    is_of_before = began == BEFORE and memory != tripped(LATER)
    assert what.verb == (None if is_of_before else later)
    assert what.verb or "its trial began anew" in what.said


def test_a_hold_of_the_desk_is_not_doubled_but_that_of_silence_is_no_answer() -> None:
    frozen = replace(roster(), challengers_frozen_by=frozenset({"account_daily_loss_high"}))
    what = follows(fires("account_balance_low", ""), frozen)
    assert (what.verb, what.said) == (None, "that is so already, by account_daily_loss_high")
    silent = replace(roster(), challengers_frozen_by=frozenset({"deadman"}))
    assert follows(fires("account_balance_low", ""), silent).verb == "freeze"
    assert follows(fires("account_drawdown_high", ""), frozen).verb == "stop_all"


def test_a_guard_of_one_arm_may_put_everybody_on_hold() -> None:
    guards = [replace(guard, scope="arm") if guard.name == "account_balance_low" else guard
              for guard in DEFAULT_CHECKLIST.guards]  # fmt: skip
    checklist = Checklist(tuple(guards), "x")
    memories = {("account_balance_low", "bot"): tripped(BEFORE)}
    known = Known(memories, {"account_balance_low": RESUMED})
    arms = roster([arm("bot"), arm("other"), arm("waits", "candidate"), arm("out", "halted")])
    asked = {"bot": None, "other": "freeze", "waits": None, "out": None, "prod": None}
    for policy, verb in {**asked, "nobody": None}.items():
        what = answer(fires("account_balance_low", policy, LATER), checklist, arms, known)
        assert (what.verb, what.policy) == (verb, "")


def test_what_is_observed_takes_nothing() -> None:
    observed = Checklist(
        tuple(replace(guard, mode="observe") for guard in DEFAULT_CHECKLIST.guards), "x"
    )
    for guard in DEFAULT_CHECKLIST.guards:
        alert = fires(guard.name)
        assert answer(alert, observed, roster(), NOTHING).verb is None
        assert answer(alert, DEFAULT_CHECKLIST, roster(), NOTHING, observes=True).verb is None


GUARDS = [guard.name for guard in DEFAULT_CHECKLIST.guards]


@given(
    guard=st.sampled_from([*GUARDS, "", "x"]),
    policy=st.sampled_from(["", "bot", "prod", "nobody"]),
    status=st.sampled_from(["firing", "resolved"]),
    minutes=st.integers(-120, 120),
    is_test=st.booleans(),
)
def test_no_alert_whatever_it_says_gives_anybody_anything(
    guard: str, policy: str, status: str, minutes: int, *, is_test: bool
) -> None:
    at = NOON + timedelta(minutes=minutes)
    alert = replace(fires(guard, policy, at), status=status, is_test=is_test)  # type: ignore[arg-type]
    what = follows(alert, roster())
    assert what.verb is None or (what.verb in VERB_OF.values() and what.verb not in GIVING)
    assert what.verb is None or (status == "firing" and not is_test)
    assert what.said


def test_the_same_episode_told_again_is_the_same_command_and_the_next_is_another() -> None:
    once = fires("challenger_drawdown_high")
    assert once.key("halt") == replace(once, summary="told again").key("halt")
    assert once.key("halt") != replace(once, starts_at=NOON + HOUR).key("halt")
    assert once.key("halt") != once.key("throttle")
