"""Since when an arm's share is low, by the audit."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.low_since import low_since
from tiltyard.actions.record import Event, acted, fold, registered
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import FLAT, Arm

DAY = timedelta(days=1)
BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
NOW = BEGAN + 100 * DAY
PROD, BOT = "prod", "bot"

Past = list[Event]


def joined(share: float = 0.1, day: float = 0) -> Past:
    """A champion, ``flat``, and the bot, live with this share and started with a tenth."""
    at = BEGAN + day * DAY
    flat = Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, BEGAN, deposed_at=BEGAN)
    prod = Arm(PROD, "champion", "champion", 1, 1, 1, None, BEGAN)
    bot = Arm(BOT, "challenger", "live", share, 0.1, 0.6, None, BEGAN - 300 * DAY)
    return [registered(arm, at, "ada") for arm in (flat, prod, bot)]


def did(kind: Kind, day: float, after: float | None = None, **more: object) -> Event:
    action = Action(kind, BOT, "test", "enforce", BEGAN + day * DAY, before=0.1, after=after)
    return acted(replace(action, **more), "", "ada")  # type: ignore[arg-type] # of an action


def days(past: Sequence[Event], name: str = BOT) -> float | None:
    since = low_since(past, fold(past), NOW)[name]
    return None if since is None else (NOW - since) / DAY


def test_who_was_never_above_is_low_since_it_joined_and_not_since_its_files_were_made() -> None:
    assert days(joined()) == 100
    assert days(joined(day=30)) == 70
    assert days([*joined(), did("scale", 40, 0.05)]) == 100


def test_who_was_above_is_low_since_it_came_down() -> None:
    up, down = did("scale", 10, 0.15), did("scale", 40, 0.1)
    assert days([*joined(), up]) == 0
    assert days([*joined(), up, down]) == 60
    assert days([*joined(), up, down, did("scale", 50, 0.05)]) == 60
    assert days([*joined(0.3), did("throttle", 25)]) == 75
    assert days([*joined(), did("external_edit", 10, 0.2), did("external_edit", 20, 0.1)]) == 80


def test_who_was_above_until_an_edit_that_the_audit_does_not_tell_of_yet_is_low_since_now() -> None:
    past = [*joined(), did("scale", 10, 0.3)]
    roster = fold(past)
    edited = roster.with_arm(replace(roster.arms[BOT], share=0.05))
    assert low_since(past, edited, NOW)[BOT] == NOW


def test_what_was_only_observed_changes_nothing() -> None:
    assert days([*joined(), did("scale", 10, 0.15, mode="observe")]) == 100
    assert days([*joined(), did("rearm", 10, 0.1, mode="observe")]) == 100


def test_a_former_champion_is_low_since_it_was_deposed() -> None:
    deposed = registered(
        Arm("new", "champion", "champion", 1, 1, 1, None, BEGAN), BEGAN + 30 * DAY, "ada"
    )
    assert days([*joined(), deposed], PROD) == 70
    assert days(joined(), PROD) == 0


def test_a_freeze_of_all_challengers_is_not_about_one_of_them() -> None:
    frozen = did("freeze_challengers", 10, policy="", before=None)
    assert days([*joined(0.2), frozen]) == 0, "it gets its 20 % back"
    assert days([*joined(0.1), frozen]) == 100


def test_whom_a_person_puts_on_trial_again_begins_again() -> None:
    throttled = [*joined(), did("throttle", 20)]
    assert days([*throttled, did("rearm", 70, 0.1)]) == 30
    assert days([*throttled, did("resume", 70, 0.1)]) == 100, "it came back by itself"


def test_an_arm_of_which_the_audit_does_not_tell_is_not_known_to_be_low() -> None:
    assert low_since([], fold(joined()), NOW)[BOT] is None


def test_an_edit_that_the_audit_does_not_tell_of_yet_counts() -> None:
    roster = fold(joined())
    edited = roster.with_arm(replace(roster.arms[BOT], share=0.2))
    assert low_since(joined(), edited, NOW)[BOT] == NOW


@given(st.lists(st.tuples(st.integers(1, 90), st.sampled_from([0.05, 0.1, 0.15, 0.3]))))
def test_it_is_never_more_than_since_the_last_step_down(steps: list[tuple[int, float]]) -> None:
    past = [*joined(), *(did("scale", day, share) for day, share in sorted(steps))]
    shares = [(0, 0.1), *sorted(steps)]
    low = 100.0
    for (_, before), (day, after) in itertools.pairwise(shares):
        if before > 0.1:
            low = 100 - day
        if after > 0.1:
            low = 0
    assert days(past) == (0 if shares[-1][1] > 0.1 else low)
