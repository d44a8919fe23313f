"""An alert may take what a guard takes, once, and never gives anything back."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.from_alert import VERB_OF, answer
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.guard import Checklist
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
    what = answer(fires(guard, policy), DEFAULT_CHECKLIST, roster(), resumed_at=None)
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
    ],
)
def test_from_anything_else_nothing_follows_and_the_record_says_why(alert: Alert, why: str) -> None:
    arms = [arm("bot"), arm("out", "halted"), arm("slow", "throttled")]
    what = answer(alert, DEFAULT_CHECKLIST, roster(arms), resumed_at=None)
    assert what.verb is None
    assert why in what.said


def test_one_that_is_throttled_may_still_be_halted() -> None:
    arms = [arm("slow", "throttled")]
    alert = fires("challenger_drawdown_high", "slow")
    assert answer(alert, DEFAULT_CHECKLIST, roster(arms), resumed_at=None).verb == "halt"


def test_what_a_person_has_ended_since_is_not_put_on_hold_again() -> None:
    alert = fires("account_daily_loss_high", "")
    for resumed_at, verb in ((NOON - HOUR, "freeze"), (NOON, None), (NOON + HOUR, None)):
        assert answer(alert, DEFAULT_CHECKLIST, roster(), resumed_at=resumed_at).verb == verb


def test_a_hold_of_the_desk_is_not_doubled() -> None:
    frozen = replace(roster(), challengers_frozen_by=frozenset({"account_daily_loss_high"}))
    alert = fires("account_balance_low", "")
    what = answer(alert, DEFAULT_CHECKLIST, frozen, resumed_at=None)
    assert (what.verb, what.said) == (None, "that is so already, by account_daily_loss_high")


def test_what_is_observed_takes_nothing() -> None:
    observed = Checklist(
        tuple(replace(guard, mode="observe") for guard in DEFAULT_CHECKLIST.guards), "x"
    )
    for guard in DEFAULT_CHECKLIST.guards:
        alert = fires(guard.name)
        assert answer(alert, observed, roster(), resumed_at=None).verb is None
        assert (
            answer(alert, DEFAULT_CHECKLIST, roster(), resumed_at=None, observes=True).verb is None
        )


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
    what = answer(alert, DEFAULT_CHECKLIST, roster(), resumed_at=None)
    assert what.verb is None or (what.verb in VERB_OF.values() and what.verb not in GIVING)
    assert what.verb is None or (status == "firing" and not is_test)
    assert what.said


def test_the_same_episode_told_again_is_the_same_command_and_the_next_is_another() -> None:
    once = fires("challenger_drawdown_high")
    assert once.key("halt") == replace(once, summary="told again").key("halt")
    assert once.key("halt") != replace(once, starts_at=NOON + HOUR).key("halt")
    assert once.key("halt") != once.key("throttle")
