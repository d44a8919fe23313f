"""Encoders that have drifted: what was asked for, what is made of it, and that it is done once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Literal

import pytest

from conformance.samples import NewDatabase
from docs.pages import rows
from maintenance.houses import (
    CHAMPION,
    NIGHT,
    PASSED,
    Trainer,
    budgeted,
    house_in,
    join,
    limit_of,
    option,
)
from tiltyard.actions.record import acted
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Role
from tiltyard.facts.command import LASTS, Outcome
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import save
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.refreshing import Wanted, refresh_all, wanted_refreshes
from tiltyard.shell.store.command_table import pending_commands, write_outcome
from trained_policies import encoder_alone, tiny, tiny_sizing

GUARD = "encoder_kl_divergence_high"
NEXT = NIGHT + timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path, new_database: NewDatabase) -> Iterator[House]:
    with house_in(tmp_path, new_database) as found:
        yield found


@pytest.fixture
def trainer(house: House) -> Trainer:
    """Makes another of the same kind."""
    return Trainer(house.settings.models.path, lambda _: other(tiny()))


def other(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, lineage={**snapshot.lineage, "refreshed": True})


def trained(house: House, snapshot: Snapshot | None = None, role: Role = "challenger") -> str:
    """A policy that was trained, and has joined."""
    snapshot = snapshot or tiny()
    name = save(snapshot, house.settings.models.path, NIGHT - timedelta(days=30)).name
    join(house, name, role, snapshot.digest)
    return name


def drifts(
    house: House, policy: str, at: datetime = NIGHT, mode: Literal["enforce", "observe"] = "enforce"
) -> None:
    """A guard asks for a refresh, as the desk does when it trips."""
    action = Action(
        "refresh_encoder", policy, GUARD, mode, at, value=0.5, limit=0.3, samples=80,
        reason="encoder_kl_divergence > 0.30",
    )  # fmt: skip
    event = acted(action, "", "desk")
    house.ledger.change_roster(lambda roster: (roster, [event]), at=at)


def policies(wanted: list[Wanted]) -> list[str]:
    return [one.policy for one in wanted]


def test_each_policy_is_wanted_once_for_its_last_drift_the_oldest_first(house: House) -> None:
    assert list(wanted_refreshes(house)) == []
    drifts(house, "b", NIGHT)
    drifts(house, "a", NIGHT + timedelta(hours=1))
    drifts(house, "c", NIGHT + timedelta(hours=2), mode="observe")
    drifts(house, "b", NIGHT + timedelta(hours=3))
    wanted = list(wanted_refreshes(house))
    assert policies(wanted) == ["a", "b"]
    assert [one.at for one in wanted] == [NIGHT + timedelta(hours=1), NIGHT + timedelta(hours=3)]


def test_a_new_challenger_is_made_and_the_one_that_drifted_stays_as_it_is(
    house: House, trainer: Trainer
) -> None:
    old = trained(house)
    drifts(house, old)
    before = house.ledger.roster().arms[old]
    done = refresh_all(house, NIGHT, trainer)
    (words,) = trainer.asked
    assert words[:2] == ["train", "tabnet"]
    assert {name: option(words, f"--{name}") for name in ("epochs", "symbols", "interval")} == {
        "epochs": "10", "symbols": "SOL/USDT", "interval": "1h",
    }  # fmt: skip
    assert Path(option(words, "--refresh")).name == old
    (told,) = done.told["refreshed"]
    new = house.ledger.roster().arms[told["policy"]]
    assert (new.role, new.state, new.digest) == ("challenger", "probation", told["sha256"])
    assert new.digest != before.digest
    assert house.ledger.roster().arms[old] == before
    assert done.failed == ()
    assert done.lines[0] == f"{old}: its encoder had drifted at 2026-11-22T03:00:00Z"
    assert done.lines[-1] == f"  registered: {new.name}: challenger, probation, traffic 10.0 %"


def test_it_is_done_once_for_each_drift(house: House, trainer: Trainer) -> None:
    old = trained(house)
    drifts(house, old)
    refresh_all(house, NIGHT, trainer)
    assert refresh_all(house, NEXT, trainer).lines == ("no refresh is asked for",)
    assert len(trainer.asked) == 1
    drifts(house, old, NEXT)
    trainer.made = lambda _: replace(tiny(), lineage={**tiny().lineage, "refreshed": "again"})
    refresh_all(house, NEXT, trainer)
    assert len(trainer.asked) == 2


def drifted_beside_a_busy_desk(house: House) -> int:
    """A refresh is asked for while a desk reads its trades, and answers nobody; its token."""
    drifts(house, trained(house))
    token = take(house.ledger, "a desk that reads its trades", NIGHT)
    assert token is not None
    return token


def test_one_whose_registration_nobody_carried_out_in_time_is_registered_later(
    house: House, trainer: Trainer
) -> None:
    """A desk that is busy answers nobody; what was made is not lost, and nobody calls it done."""
    token = drifted_beside_a_busy_desk(house)
    for _ in range(2):
        done = refresh_all(house, NIGHT, trainer)
        assert [error.code for error in done.failed] == ["COMMAND_WAITING"]
    give_back(house.ledger, token)
    house.times.wait(LASTS.total_seconds() + 1)
    done = refresh_all(house, NEXT, trainer)
    assert done.failed == ()
    (made,) = (one["policy"] for one in done.told["refreshed"])
    assert house.ledger.roster().arms[made].state == "probation"
    assert len(trainer.asked) == 1, "it is trained once"
    assert list(wanted_refreshes(house)) == []


def test_one_that_a_person_has_registered_meanwhile_is_settled(
    house: House, trainer: Trainer
) -> None:
    token = drifted_beside_a_busy_desk(house)
    refresh_all(house, NIGHT, trainer)
    with house.ledger.transaction() as inside:
        (waits,) = pending_commands(inside.connection)
        write_outcome(inside.connection, waits.seq, Outcome("COMMAND_OVERTAKEN", "no", NIGHT))
    give_back(house.ledger, token)
    done = refresh_all(house, NIGHT, trainer)
    assert [error.code for error in done.failed] == ["COMMAND_OVERTAKEN"]
    join(house, waits.policy)
    done = refresh_all(house, NEXT, trainer)
    assert done.failed == ()
    assert any("has joined already" in line for line in done.lines)
    assert list(wanted_refreshes(house)) == []


def test_a_champion_that_drifts_stays_champion_beside_a_refreshed_challenger(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    with house_in(tmp_path, new_database, champion="") as house:
        name = trained(house, role="champion")
        drifts(house, name)
        trainer = Trainer(house.settings.models.path, lambda _: other(tiny()))
        (told,) = refresh_all(house, NIGHT, trainer).told["refreshed"]
        roster = house.ledger.roster()
    assert roster.champion().name == name
    assert roster.arms[told["policy"]].role == "challenger"


def test_one_that_was_ended_goes_on_in_the_next_night_with_the_very_same_words(
    house: House, trainer: Trainer
) -> None:
    drifts(house, trained(house))
    stopped = TiltyardError("TRAINING_STOPPED", "train tabnet", "it was ended by SIGKILL")
    trainer.made = lambda _: stopped
    done = refresh_all(house, NIGHT, trainer)
    assert done.failed == (stopped,)
    trainer.made = lambda _: other(tiny())
    assert refresh_all(house, NEXT, trainer).failed == ()
    first, second = trainer.asked
    assert first == second
    assert option(first, "--until") == "2026-11-22T02:00:00Z"


def test_one_whose_time_was_up_is_not_registered_before_it_has_gone_on(
    house: House, trainer: Trainer
) -> None:
    drifts(house, trained(house))
    trainer.is_partial = True
    (told,) = refresh_all(house, NIGHT, trainer).told["refreshed"]
    assert (told["partial"], told["registered"]) == (True, None)
    trainer.is_partial = False
    (told,) = refresh_all(house, NEXT, trainer).told["refreshed"]
    assert told["registered"]


def test_where_the_encoder_is_no_better_nothing_is_registered_and_that_is_settled(
    house: House, trainer: Trainer
) -> None:
    old = trained(house)
    drifts(house, old)
    trainer.is_parents = True
    before = house.ledger.roster()
    done = refresh_all(house, NIGHT, trainer)
    assert done.lines[1] == "  not refreshed: what its encoder went on to learn was no better"
    assert house.ledger.roster() == before
    assert list(wanted_refreshes(house)) == []


@pytest.mark.parametrize("passes", [True, False])
def test_one_that_says_how_much_learns_anew_on_its_refreshed_encoder_and_has_to_pass(
    house: House, trainer: Trainer, *, passes: bool
) -> None:
    drifts(house, trained(house, tiny_sizing()))
    trainer.gate = PASSED if passes else {**PASSED, "state": "not passed", "reasons": ["flat"]}
    trainer.made = lambda words: encoder_alone() if words[1] == "encoder" else other(tiny_sizing())
    done = refresh_all(house, NIGHT, trainer)
    encoder, sizing = trainer.asked
    assert (encoder[1], sizing[1]) == ("encoder", "rl")
    assert Path(option(sizing, "--encoder")).name.startswith("timesnet_")
    assert option(sizing, "--as-of") == "2026-11-22T03:00:00Z"
    (told,) = done.told["refreshed"]
    assert (told["policy"] in house.ledger.roster().arms) is passes
    assert list(wanted_refreshes(house)) == []


@pytest.mark.parametrize("minutes", [1, 240, 3_000])
def test_its_step_is_not_ended_before_both_trainings_of_a_policy_are(
    house: House, trainer: Trainer, minutes: float
) -> None:
    house = budgeted(house, minutes)
    drifts(house, trained(house, tiny_sizing()))
    trainer.gate = PASSED
    trainer.made = lambda words: encoder_alone() if words[1] == "encoder" else other(tiny_sizing())
    refresh_all(house, NIGHT, trainer)
    assert trainer.granted == [(minutes + 30) * 60] * 2
    assert sum(trainer.granted) < limit_of(house, "refresh", "refresh")


def test_of_whom_nothing_can_be_refreshed_it_is_told_once(house: House, trainer: Trainer) -> None:
    gone = trained(house)
    house.ask("retire", gone, {}, key="", reason="nothing is open")
    for name in ("nobody", CHAMPION, gone):
        drifts(house, name)
    done = refresh_all(house, NIGHT, trainer)
    assert [one["why_not"] for one in done.told["refreshed"]] == [
        "it has never joined",
        "it is no policy that was trained here, so nobody knows its encoder",
        "it is retired since",
    ]
    assert done.failed == ()
    assert trainer.asked == []
    assert list(wanted_refreshes(house)) == []


def test_a_model_that_is_not_here_is_told_until_it_is_and_keeps_nobody_from_theirs(
    house: House, trainer: Trainer
) -> None:
    missing = trained(house, other(tiny_sizing()))
    rmtree(house.settings.models.path / missing)
    drifts(house, missing)
    drifts(house, trained(house))
    done = refresh_all(house, NIGHT, trainer)
    assert [error.code for error in done.failed] == ["SNAPSHOT_MISSING"]
    assert done.told["refreshed"][1]["registered"]
    assert policies(list(wanted_refreshes(house))) == [missing]


def test_every_field_of_it_has_a_row(house: House, trainer: Trainer) -> None:
    drifts(house, trained(house))
    drifts(house, "nobody")
    made, not_made = refresh_all(house, NIGHT, trainer).told["refreshed"]
    own = set(rows("json.md", "## A refresh"))
    assert set(not_made) == own
    assert set(made) == own - {"why_not"} | set(rows("json.md", "## A policy that was made"))
