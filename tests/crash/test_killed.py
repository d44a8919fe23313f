"""Killed anywhere between append, judge, commit, effect and verification: the same end."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa

from crash.conftest import NewFloor, Stage
from crash.floor import BAD, CHALLENGERS, DAY, HAND, rules
from crash.play import APPENDED
from tiltyard.shell import commanding, live
from tiltyard.shell.effects import delivery
from tiltyard.shell.effects.announce import shares_body
from tiltyard.shell.left_open import LEFT_OPEN
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.command_table import every_command
from tiltyard.shell.store.desk_tables import desk_progress, guard_memories, nights
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import Effect, every_effect

POINTS = (APPENDED, *commanding.STAGES, *live.STAGES, *delivery.STAGES)
STEPS = sum(not moment.deskless for moment in DAY)
PASSED = {
    APPENDED: sum(bool(one.trades) + bool(one.commands or one.edit) for one in DAY[1:]),
    "obeyed": 1,
    "begun": 1,
    "read": 1,
    "judged": STEPS,
    "written": STEPS,
    "committed": STEPS,
    **dict.fromkeys(delivery.STAGES, 18),
}


@dataclass
class End:
    """How the day ended, without what may differ.

    The number of steps, tokens, keys and revisions of shares may differ when there was one
    more desk, and so may the shares that every desk sends, and what the audit says, when a
    desk starts. A trigger takes
    the time of an edit by SQL from the machine's own clock.
    """

    roster: object
    metrics: object
    tables: dict[str, Any]
    audit: list[dict[str, Any]]
    outcomes: object
    shares: dict[str, object]
    notices: list[str]
    diary: list[str]


def end_of(url: str, folder: Path) -> End:
    with Ledger.open(url) as ledger, ledger.snapshot() as still:
        found = still.connection
        roster = still.roster()
        bodies = [
            body for row in still.audit() if (body := json.loads(row.body))["event"] != "desk"
        ]
        tables: dict[str, Any] = {
            table.name: sorted(tuple(row) for row in found.execute(sa.select(table)))
            for table in (nights, guard_memories)
        }
        progress = found.execute(sa.select(desk_progress)).mappings().one()
        tables["progress"] = {k: v for k, v in progress.items() if k != "step"}
        commands = [(one.key, said) for one, said in every_command(found)]
        effects = every_effect(found)
        verify(still, rules(), DAY[-1].at)
        metrics = still.metrics()
    _check_effects(effects, folder, shares_body(roster))
    shares = json.loads((folder / "shares.json").read_text())
    for event in bodies:
        if event["event"] == "external_edit":
            event["at"] = ""
    diary = (folder / "diary").read_text().splitlines()
    assert len({line.partition(" ")[0] for line in diary}) == len(diary)
    return End(
        replace(roster, arms={n: replace(arm, revision=0) for n, arm in roster.arms.items()}),
        metrics, tables, bodies, commands, shares["shares"],
        [_edit(effect.body) for effect in effects if effect.kind == "notice"],
        [_edit(line.partition(" ")[2]) for line in diary],
    )  # fmt: skip


def _edit(body: str) -> str:
    event = json.loads(body)
    return json.dumps({**event, "at": ""} if event["event"] == "external_edit" else event)


def _check_effects(every: object, folder: Path, expected: dict[str, object]) -> None:
    assert isinstance(every, list)
    effects: list[Effect] = every
    assert {one.state for one in effects if one.kind == "notice"} == {"verified"}
    shares = [one for one in effects if one.kind == "shares"]
    assert {one.state for one in shares} <= {"verified", "superseded"}
    assert shares[-1].state == "verified"
    there = json.loads((folder / "shares.json").read_text())
    assert there == {**json.loads(shares[-1].body), "key": shares[-1].key}
    assert there["champion"] == expected["champion"]
    assert {n: float(share) for n, share in there["shares"].items()} == expected["shares"]
    assert there["reduce_only"] == expected["reduce_only"]


@pytest.fixture(scope="session")
def undisturbed(new_floor: NewFloor, stage: Stage) -> tuple[End, dict[str, int]]:
    with new_floor() as url, TemporaryDirectory() as folder:
        assert stage.play(url, Path(folder)) == 0
        passed = json.loads(Path(folder, "passed.json").read_text())
        return end_of(url, Path(folder)), passed


def test_an_undisturbed_day_does_everything_once(undisturbed: tuple[End, dict[str, int]]) -> None:
    end, _ = undisturbed
    halted = [event["policy"] for event in end.audit if event["event"] == "halt"]
    assert sorted(halted) == sorted(CHALLENGERS)
    kinds = {event["event"] for event in end.audit}
    assert {"halt", "propose_rollback", "external_edit", "review"} <= kinds
    paged = [event["policy"] for event in end.audit if event.get("cause") == LEFT_OPEN]
    assert sorted(paged) == [BAD, HAND]  # no mark says what their halt left; good's is minutes old
    assert end.notices == end.diary
    assert end.shares == {"prod": "1"}


def test_every_stage_is_a_point_at_which_somebody_is_killed(
    undisturbed: tuple[End, dict[str, int]],
) -> None:
    _, passed = undisturbed
    assert set(passed) == set(POINTS)
    assert {name: passed[name] for name in PASSED} == PASSED


@pytest.mark.parametrize("point", POINTS)
def test_a_day_on_which_the_process_was_killed_ends_the_same(
    new_floor: NewFloor, stage: Stage, undisturbed: tuple[End, dict[str, int]], point: str
) -> None:
    end, passed = undisturbed
    for number in range(1, passed[point] + 1):
        with new_floor() as url, TemporaryDirectory() as own:
            folder = Path(own)
            assert stage.play(url, folder, point, number) == -SIGKILL
            assert stage.play(url, folder) == 0
            assert end_of(url, folder) == end, f"killed at {point}, passing {number}"
