"""The weekly retraining: what is learnt from, who goes on trial, and that it is done once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from conformance.samples import NewDatabase
from docs.pages import rows
from held_folders import is_held
from maintenance.houses import (
    NIGHT,
    PASSED,
    SUNDAY,
    Trainer,
    budgeted,
    house_in,
    join,
    limit_of,
    option,
    with_jobs,
)
from tiltyard.facts.command import CommandRefused
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.snapshot import Snapshot
from tiltyard.shell.cli.maintain import done_json
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.retraining import retrain
from tiltyard.shell.store.command_table import every_command
from trained_policies import tiny_sizing

NOT_PASSED = {**PASSED, "state": "not passed", "reasons": ["champion 0.1 % is above"]}
UNKNOWN = {**PASSED, "state": "undefined", "reasons": ["1 seed, fewer than 5"]}


@pytest.fixture
def house(tmp_path: Path, new_database: NewDatabase) -> Iterator[House]:
    with house_in(tmp_path, new_database) as found:
        yield found


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    return Trainer(tmp_path / "models", lambda _: tiny_sizing(), PASSED)


def registrations(house: House) -> list[str]:
    """Whom maintenance has asked for."""
    with house.ledger.snapshot() as still:
        every = every_command(still.connection)
    return [command.policy for command, _ in every if command.key.startswith("maintain/")]


def made_in(house: House) -> str:
    (path,) = (one for one in house.settings.models.path.iterdir() if one.name.startswith("dqn_"))
    return path.name


def test_what_is_learnt_ends_where_the_day_began_with_the_budgets_of_the_settings(
    house: House, trainer: Trainer
) -> None:
    retrain(house, SUNDAY, NIGHT, trainer)
    (words,) = trainer.asked
    assert words[:2] == ["train", "rl"]
    told = {name: option(words, f"--{name}") for name in (
        "data", "symbols", "until", "as-of", "steps", "seeds", "timeout", "output",
    )}  # fmt: skip
    assert told == {
        "data": "bars", "symbols": "SOL,BTC", "until": "2026-11-22T02:00:00Z",
        "as-of": "2026-11-22T03:00:00Z", "steps": "250000", "seeds": "5", "timeout": "240",
        "output": str(house.settings.models.path),
    }  # fmt: skip
    assert "--json" in words


@pytest.mark.parametrize("minutes", [1, 240, 3_000])
def test_its_step_is_not_ended_before_its_training_is(
    house: House, trainer: Trainer, minutes: float
) -> None:
    house = budgeted(house, minutes)
    retrain(house, SUNDAY, NIGHT, trainer)
    assert trainer.granted == [(minutes + 30) * 60]
    assert trainer.granted[0] < limit_of(house, "weekly", "retrain")


def test_only_so_many_days_are_learnt_from_as_are_configured(
    house: House, trainer: Trainer
) -> None:
    jobs = house.settings.jobs.model_copy(update={"days": 100, "encoder": "0a11ce55"})
    told = replace(house, settings=house.settings.model_copy(update={"jobs": jobs}))
    retrain(told, SUNDAY, NIGHT, trainer)
    (words,) = trainer.asked
    assert option(words, "--from") == "2026-08-14T02:00:00Z"
    assert option(words, "--until") == "2026-11-22T02:00:00Z"
    assert option(words, "--encoder") == "0a11ce55"


def test_one_that_passes_goes_on_trial_and_replaces_nobody(house: House, trainer: Trainer) -> None:
    before = house.ledger.roster().champion().name
    done = retrain(house, SUNDAY, NIGHT, trainer)
    name = made_in(house)
    arm = house.ledger.roster().arms[name]
    assert (arm.role, arm.state, arm.share) == ("challenger", "probation", 0.1)
    assert (arm.kind, arm.digest) == ("dqn", done.told["sha256"])
    assert house.ledger.roster().champion().name == before
    assert done.failed == ()
    assert done.lines[-1] == f"registered: {name}: challenger, probation, traffic 10.0 %"
    assert done.told["registered"] == f"{name}: challenger, probation, traffic 10.0 %"


def test_nobody_removes_it_until_it_is_on_trial(house: House, trainer: Trainer) -> None:
    held: list[bool] = []
    asking = replace(house, on_stage=lambda _: held.append(is_held(house.settings.models.path)))
    retrain(asking, SUNDAY, NIGHT, trainer)
    assert held == [True], "the command was carried out"
    assert not is_held(house.settings.models.path)


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        (NOT_PASSED, "not registered, as it did not pass; all the same"),
        (UNKNOWN, "not registered, as the gate can say nothing for it; all the same"),
    ],
)
def test_one_that_does_not_pass_is_kept_and_not_registered(
    house: House, trainer: Trainer, gate: dict[str, object], why: str
) -> None:
    trainer.gate = gate
    done = retrain(house, SUNDAY, NIGHT, trainer)
    name = made_in(house)
    assert name not in house.ledger.roster().arms
    assert done.lines[-1] == f"{why}: tiltyard policy register {name} --capital X"
    assert (done.told["registered"], done.failed) == (None, ())
    assert any(gate["reasons"][0] in line for line in done.lines)  # type: ignore[index]


def test_for_the_same_day_it_is_done_once_whenever_it_is_run_again(
    house: House, trainer: Trainer
) -> None:
    first = retrain(house, SUNDAY, NIGHT, trainer)
    for later in (timedelta(minutes=1), timedelta(days=3)):
        again = retrain(house, SUNDAY, NIGHT + later, trainer)
        assert again.told["policy"] == first.told["policy"]
        assert again.failed == ()
    assert len(trainer.asked) == 1
    assert registrations(house) == [first.told["policy"]]


def test_one_that_was_ended_goes_on_with_the_very_same_words(
    house: House, trainer: Trainer
) -> None:
    stopped = TiltyardError("TRAINING_STOPPED", "train rl", "it was ended by SIGKILL")
    trainer.made = lambda _: stopped
    with pytest.raises(TiltyardError, match="TRAINING_STOPPED"):
        retrain(house, SUNDAY, NIGHT, trainer)
    trainer.made = lambda _: tiny_sizing()
    done = retrain(house, SUNDAY, NIGHT + timedelta(days=2), trainer)
    first, second = trainer.asked
    assert first == second, "the ledger is seen as it stood when it was begun"
    assert registrations(house) == [done.told["policy"]]


def test_one_whose_time_was_up_is_called_so_and_goes_on(house: House, trainer: Trainer) -> None:
    trainer.gate, trainer.is_partial = UNKNOWN, True
    done = retrain(house, SUNDAY, NIGHT, trainer)
    assert done.told["partial"] is True
    assert "  partial: the time was up before everything was learnt" in done.lines
    trainer.gate, trainer.is_partial = PASSED, False
    done = retrain(house, SUNDAY, NIGHT, trainer)
    assert len(trainer.asked) == 2
    assert registrations(house) == [done.told["policy"]]


def test_what_is_not_there_any_more_is_made_again(house: House, trainer: Trainer) -> None:
    trainer.gate = NOT_PASSED
    done = retrain(house, SUNDAY, NIGHT, trainer)
    rmtree(house.settings.models.path / done.told["policy"])
    again = retrain(house, SUNDAY, NIGHT, trainer)
    assert len(trainer.asked) == 2
    assert again.told["sha256"] == done.told["sha256"]


def test_wherever_it_is_trained_it_is_the_same_task(house: House, trainer: Trainer) -> None:
    first = retrain(with_jobs(house, ray="10.0.0.5:6379"), SUNDAY, NIGHT, trainer)
    second = retrain(house, SUNDAY, NIGHT, trainer)
    assert second.told["policy"] == first.told["policy"]
    (words,) = trainer.asked
    assert option(words, "--ray") == "10.0.0.5:6379"


def test_with_other_budgets_it_is_another_task(house: House, trainer: Trainer) -> None:
    retrain(house, SUNDAY, NIGHT, trainer)
    jobs = house.settings.jobs.model_copy(update={"seeds": 7})
    other = replace(house, settings=house.settings.model_copy(update={"jobs": jobs}))
    retrain(other, SUNDAY, NIGHT + timedelta(hours=1), trainer)
    assert [option(words, "--seeds") for words in trainer.asked] == ["5", "7"]
    assert len({option(words, "--as-of") for words in trainer.asked}) == 1


def test_who_is_refused_is_kept_and_the_refusal_is_told(house: House, trainer: Trainer) -> None:
    path = trainer.told(tiny_sizing())["name"]
    join(house, f"mine_20260101_000000_{path[-8:]}")
    done = retrain(house, SUNDAY, NIGHT, trainer)
    (error,) = done.failed
    assert isinstance(error, CommandRefused)
    assert error.code == "POLICY_SHA_TAKEN"
    assert done.lines[-1] == (
        f"not registered; to do it yourself: tiltyard policy register {path} --capital X"
    )
    assert done.told["registered"] is None


class Harming(Trainer):
    """One after whom somebody touches what was made."""

    def told(self, snapshot: Snapshot) -> dict[str, Any]:
        told = super().told(snapshot)
        weights = self.models / told["name"] / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
        return told


def test_a_snapshot_that_was_touched_is_not_registered(house: House) -> None:
    trainer = Harming(house.settings.models.path, lambda _: tiny_sizing(), PASSED)
    done = retrain(house, SUNDAY, NIGHT, trainer)
    assert [error.code for error in done.failed] == ["SNAPSHOT_TAMPERED"]
    assert registrations(house) == []


def test_without_a_folder_of_bars_it_says_so(
    tmp_path: Path, new_database: NewDatabase, trainer: Trainer
) -> None:
    with (
        house_in(tmp_path, new_database, "") as house,
        pytest.raises(TiltyardError, match="JOBS_NO_DATA") as raised,
    ):
        retrain(house, SUNDAY, NIGHT, trainer)
    assert raised.value.remedy == "name one: [jobs] data, or [market] feed"
    assert trainer.asked == []


def test_bars_that_ended_long_ago_are_told(house: House, trainer: Trainer) -> None:
    until = round((NIGHT - timedelta(days=9)).timestamp())
    told = {"data": {"until": until}, "encoder": {"data": {"until": until}}}
    trainer.made = lambda _: replace(tiny_sizing(), lineage=told)
    done = retrain(house, SUNDAY, NIGHT, trainer)
    assert done.told["knows_until"] == "2026-11-13T03:00:00Z"
    assert "  the last bar closed at 2026-11-13T03:00:00Z, 8 d before the day began: " in (
        "\n".join(done.lines)
    )


def test_every_field_of_it_has_a_row(house: House, trainer: Trainer) -> None:
    done = retrain(house, SUNDAY, NIGHT, trainer)
    assert set(rows("json.md", "## A policy that was made")) == set(done.told)
    own = set(done_json(done, SUNDAY)) - set(done.told)
    assert set(rows("json.md", "## A task of the maintenance")) == own
