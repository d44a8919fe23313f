"""The record: what was done, written and read again, adds up to the roster."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.apply import apply
from tiltyard.actions.changes.champion import depose
from tiltyard.actions.record import Event, acted, action_from, fold, registered
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.audit import canonical
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.metrics import METRICS_VERSION

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "register")
FLAT_ARM = Arm(FLAT, "champion", "champion", 1.0, 1.0, 1.0, None, NOON)
PROD = Arm("prod", "champion", "champion", 1.0, 1.0, 1.0, Money(10**12), NOON)
FULL = Arm(
    "a", "challenger", "live", 0.1, 0.1, 0.6, Money(9 * 10**18), NOON,
    trial_started_at=NOON + timedelta(microseconds=1), throttled_by="some_guard",
    resumed_at=(NOON, NOON + timedelta(days=2)), kind="reinforcement", digest="ab" * 32,
    held_share=0.15, scaled_at=NOON + timedelta(days=3), deposed_at=NOON + timedelta(days=4),
)  # fmt: skip


def through_the_audit(event: Event) -> Any:  # noqa: ANN401 what JSON holds
    return json.loads(canonical(event))


def challenger(name: str) -> Arm:
    return Arm(name, "challenger", "candidate", 0.0, 0.1, 0.0, Money(10**11), NOON)


def start() -> tuple[Roster, list[Event]]:
    roster, events = Roster(), []
    for arm in (FLAT_ARM, PROD, challenger("a"), challenger("b")):
        if arm.role == "champion":
            roster = depose(roster, NOON)
        roster = roster.with_arm(arm)
        events.append(registered(arm, NOON, "ada"))
    return roster, events


shares = st.integers(0, 300).map(lambda thousandths: thousandths / 1000)
numbers = st.none() | st.floats(-1e6, 1e6).map(lambda number: float(f"{number:.12g}"))
times = st.integers(0, 10**12).map(lambda count: NOON + timedelta(microseconds=count))
modes: st.SearchStrategy[Mode] = st.sampled_from(("enforce", "enforce", "enforce", "observe"))
actions = st.builds(
    Action, st.sampled_from(KINDS), st.sampled_from(("a", "b", "prod", FLAT)),
    st.sampled_from(("one_guard", "other_guard")), modes, times,
    before=numbers, after=shares, ceiling=shares, value=numbers, limit=numbers,
    samples=st.integers(0, 10**6), reason=st.text(max_size=20), priority=st.integers(0, 100),
    up_to_seq=st.integers(0, 2**63 - 1), number=st.integers(0, 5),
)  # fmt: skip


@given(st.lists(actions, max_size=40))
def test_the_roster_is_the_fold_of_the_audit(sequence: list[Action]) -> None:
    roster, events = start()
    for action in sequence:
        try:
            roster = apply(roster, action)
        except TiltyardError:
            continue
        events.append(acted(action, "digest", "desk"))
    assert fold(through_the_audit(event) for event in events) == roster


@given(actions)
def test_an_action_is_read_back_as_it_was_written(action: Action) -> None:
    assert action_from(through_the_audit(acted(action, "digest", "desk"))) == action


BARE = replace(FULL, trial_started_at=None, capital=None, scaled_at=None, deposed_at=None)


@pytest.mark.parametrize("arm", [FULL, BARE])
def test_an_arm_is_read_back_as_it_joined(arm: Arm) -> None:
    assert fold([through_the_audit(registered(arm, NOON, "ada"))]).arms == {"a": arm}


def test_a_revision_of_the_database_is_not_part_of_the_record() -> None:
    event = registered(replace(FULL, revision=7), NOON, "ada")
    assert event == registered(FULL, NOON, "ada")
    assert fold([through_the_audit(event)]).arms["a"].revision == 0


def test_an_arm_of_an_older_record_has_nothing_of_what_was_not_said() -> None:
    event = through_the_audit(registered(FULL, NOON, "ada"))
    for name in ("digest", "held_share", "scaled_at", "deposed_at"):
        del event["arm"][name]
    older = replace(FULL, digest="", held_share=0.0, scaled_at=None, deposed_at=None)
    assert fold([event]).arms == {"a": older}


@pytest.mark.parametrize(
    ("capital", "said"),
    [(Money(123_456_789_012), "1234.56789012"), (Money(9 * 10**18), "90000000000"), (None, None)],
)
def test_capital_is_recorded_as_people_write_it_and_read_from_older_records_too(
    capital: Money | None, said: str | None
) -> None:
    arm = replace(FULL, capital=capital)
    event = through_the_audit(registered(arm, NOON, "ada"))
    assert event["arm"]["capital"] == said
    assert fold([event]).arms == {"a": arm}
    event["arm"]["capital"] = capital
    assert fold([event]).arms == {"a": arm}


def test_a_new_champion_deposes_the_former_and_keeps_it() -> None:
    roster, events = start()
    assert fold(map(through_the_audit, events)) == roster
    former = roster.arms[FLAT]
    assert (former.role, former.state, former.share, former.ceiling, former.deposed_at) == (
        "challenger", "deposed", 0.0, 0.0, NOON
    )  # fmt: skip
    assert roster.champion().name == "prod"


def doubted(policy: str) -> Event:
    return acted(Action("propose_rollback", policy, "guard", "enforce", NOON), "digest", "desk")


def test_a_new_champion_ends_what_was_proposed_about_the_former() -> None:
    flat, prod = registered(FLAT_ARM, NOON, "ada"), registered(PROD, NOON, "ada")
    (proposal,) = fold([flat, doubted(FLAT), prod]).proposals
    assert (proposal.outcome, proposal.closed_at) == ("withdrawn", NOON)


def test_a_champion_whose_capital_is_said_later_stays_the_champion() -> None:
    sized = replace(PROD, capital=Money(7 * 10**12))
    roster = fold([registered(PROD, NOON, "ada"), doubted("prod"), registered(sized, NOON, "ada")])
    assert roster.champion() == sized
    assert [proposal.outcome for proposal in roster.proposals] == [""]


def test_a_challenger_deposes_nobody() -> None:
    roster = fold([registered(FLAT_ARM, NOON, "ada"), registered(challenger("a"), NOON, "ada")])
    assert roster.champion().name == FLAT


def test_deposing_leaves_challengers_as_they_are() -> None:
    assert depose(Roster().with_arm(FULL), NOON).arms["a"] == FULL


def test_an_event_says_who_did_what_and_by_which_rules() -> None:
    event = acted(Action("throttle", "a", "some_guard", "enforce", NOON), "digest", "ada")
    assert event["event"] == "throttle"
    assert "kind" not in event
    assert (event["actor"], event["checklist"]) == ("ada", "digest")
    assert event["metrics_version"] == METRICS_VERSION
    assert registered(PROD, NOON, "ada")["event"] == "register"


@pytest.mark.parametrize("number", [0, 3])
def test_an_event_names_a_review_or_a_proposal_only_if_it_is_about_one(number: int) -> None:
    event = acted(Action("crown", "a", "promotion", "enforce", NOON, number=number), "", "ada")
    assert event.get("number", 0) == number
    assert ("number" in event) is (number > 0)


def test_no_events_are_an_empty_roster() -> None:
    assert fold([]) == Roster()


@pytest.mark.parametrize("kind", ["ingest", "replay", "replayed", "page", "skip_scale"])
def test_events_that_only_tell_leave_the_roster_alone(kind: str) -> None:
    roster, events = start()
    assert fold([*events, {"event": kind, "at": NOON}]) == roster
