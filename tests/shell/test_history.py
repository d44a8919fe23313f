"""A page shows who held how much traffic when, as the audit has it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.actions.record import Event, acted, registered
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import FLAT, Arm
from tiltyard.facts.audit import canonical
from tiltyard.shell.history import OTHERS, only, past
from tiltyard.shell.replaying.recording import Path, Recording

START = datetime(2025, 7, 7, tzinfo=UTC)
LATER = START + timedelta(days=99)


def day(count: int) -> datetime:
    return START + timedelta(days=count)


def crown(name: str, at: int) -> Event:
    arm = Arm(name, "champion", "champion", 1.0, 1.0, 1.0, None, day(at))
    return registered(arm, day(at), "ada")


def join(name: str, at: int) -> Event:
    arm = Arm(name, "challenger", "candidate", 0.0, 0.1, 0.0, None, day(at))
    return registered(arm, day(at), "ada")


def act(kind: Kind, name: str, at: int, before: float, after: float) -> Event:
    action = Action(kind, name, "rule", "enforce", day(at), before=before, after=after, ceiling=0.6)
    return acted(action, "", "desk")


def as_kept(events: list[Event]) -> list[Event]:
    return [json.loads(canonical(event)) for event in events]


LIFE = as_kept([
    crown(FLAT, 0),
    join("a", 1),
    act("admit", "a", 2, 0.0, 0.1),
    act("scale", "a", 3, 0.1, 0.15),
    act("throttle", "a", 4, 0.15, 0.0),
    act("resume", "a", 5, 0.0, 0.1),
    act("halt", "a", 6, 0.1, 0.0),
])  # fmt: skip


def test_traffic_is_what_each_recorded_action_left() -> None:
    traffic, actions = past(LIFE, LATER)
    shares = [(at, held.get("a"), held[FLAT]) for at, held in traffic]
    assert shares == [
        (day(0), None, 1.0),
        (day(1), 0.0, 1.0),
        (day(2), 0.1, 0.9),
        (day(3), 0.15, 0.85),
        (day(4), 0.0, 1.0),
        (day(5), 0.1, 0.9),
        (day(6), 0.0, 1.0),
    ]
    kinds = [action.kind for action in actions]
    assert kinds == ["register", "register", "admit", "scale", "throttle", "resume", "halt"]


def test_what_was_done_later_is_not_shown() -> None:
    traffic, actions = past(LIFE, day(3))
    assert traffic[-1] == (day(3), {FLAT: 0.85, "a": 0.15})
    assert actions[-1].kind == "scale"


def test_the_past_of_a_kept_replay_is_the_replay_and_not_how_its_file_was_made() -> None:
    made_today = [crown(FLAT, 90), join("a", 90), act("admit", "a", 90, 0.0, 0.1)]
    replayed = {"event": "replay", "at": day(0), "actor": "replay", "champion_since": None}
    halt = act("halt", "a", 6, 0.1, 0.0)
    traffic, actions = past(as_kept([*made_today, replayed, halt]), LATER)
    assert traffic == [(day(0), {FLAT: 0.9, "a": 0.1}), (day(6), {FLAT: 1.0, "a": 0.0})]
    assert [action.kind for action in actions] == ["halt"]


def test_an_observed_action_is_told_and_moves_no_traffic() -> None:
    observed = {**act("throttle", "a", 3, 0.1, 0.0), "mode": "observe"}
    traffic, actions = past(as_kept([*LIFE[:3], observed]), LATER)
    assert traffic[-1] == (day(2), {FLAT: 0.9, "a": 0.1})
    assert actions[-1].kind == "throttle"


def test_one_arm_is_shown_beside_the_champion_and_the_others_are_one_share() -> None:
    whole = Recording()
    whole.paths = {name: Path() for name in "abc"}
    whole.traffic = [(day(0), {FLAT: 0.7, "a": 0.1, "b": 0.1, "c": 0.1})]
    whole.actions = past(LIFE, LATER)[1]
    seen = only(whole, [FLAT, "b"])
    assert set(seen.paths) == {"b"}
    assert seen.traffic == [(day(0), {FLAT: 0.7, "b": 0.1, OTHERS: pytest.approx(0.2)})]
    assert [action.policy for action in seen.actions] == [FLAT]
