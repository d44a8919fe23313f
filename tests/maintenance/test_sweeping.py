"""The weekly sweep: what is tried, what is kept, and that nobody is registered by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.samples import NewDatabase
from docs.pages import rows
from maintenance.houses import (
    NIGHT,
    SETTINGS,
    SUNDAY,
    Trainer,
    budgeted,
    house_in,
    limit_of,
    option,
    settings_in,
    with_jobs,
)
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.sweeping import sweep
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.training.order import GENERATION
from trained_policies import tiny, tiny_sizing

TRIALS = [
    {"number": 0, "state": "complete", "value": 0.0002},
    {"number": 1, "state": "pruned", "value": None},
    {"number": 2, "state": "complete", "value": -0.0001},
]


@pytest.fixture
def house(tmp_path: Path, new_database: NewDatabase) -> Iterator[House]:
    with house_in(tmp_path, new_database) as found:
        yield found


@dataclass
class Sweeper(Trainer):
    """Answers as ``tiltyard train sweep --json`` does, with the best two.

    Attributes:
        trials: That it has tried.
    """

    trials: Sequence[Mapping[str, Any]] = tuple(TRIALS)

    def __call__(self, words: Sequence[str], _: Ledger, seconds: float) -> Mapping[str, Any]:
        self.granted.append(seconds)
        self.asked.append(list(words))
        each = [
            {"trial": trial, **self.told(made)} for trial, made in ((0, tiny()), (2, tiny_sizing()))
        ]
        each = [one for one in each if one["trial"] < len(self.trials)]
        names = ("trial", "name", "sha256", "path", "report", "metrics")
        best = [{name: one[name] for name in names} for one in each]
        return {"seed": 1, "objective": "", "partial": self.is_partial, "trials": self.trials,
                "best": best, "report": "models/sweep.html"}  # fmt: skip


@pytest.fixture
def sweeper(tmp_path: Path) -> Sweeper:
    return Sweeper(tmp_path / "models", lambda _: tiny())


def test_the_best_two_are_told_with_how_a_person_registers_them_and_nobody_is(
    house: House, sweeper: Sweeper
) -> None:
    before = house.ledger.roster()
    done = sweep(house, SUNDAY, NIGHT, sweeper)
    assert house.ledger.roster() == before
    first, second = (one["policy"] for one in done.told["best"])
    assert done.lines[:2] == (
        "3 trials: 2 complete, 1 given up early",
        "  report: models/sweep.html",
    )
    assert "1. trial 0, 0.020 % a day at the lower end of its interval" in done.lines
    assert f"   {first}" in done.lines
    assert (
        f"   if what was held out convinces you: tiltyard policy register {second} --capital X"
        in done.lines
    )
    assert done.failed == ()


def test_each_day_tries_other_settings_with_the_budgets_of_the_settings(
    house: House, sweeper: Sweeper
) -> None:
    for later in range(2):
        sweep(house, SUNDAY + timedelta(days=7 * later), NIGHT, sweeper)
    one, other = sweeper.asked
    assert one[:2] == ["train", "sweep"]
    assert (option(one, "--trials"), option(one, "--budget")) == ("10", "240")
    assert option(one, "--until") == "2026-11-22T02:00:00Z"
    assert option(one, "--seed") != option(other, "--seed")
    assert option(one, "--workers") == "1"
    assert "--as-of" not in one, "it asks no ledger"


@pytest.mark.parametrize("minutes", [1, 240, 3_000])
def test_its_step_is_not_ended_before_its_training_is(
    house: House, sweeper: Sweeper, minutes: float
) -> None:
    house = budgeted(house, minutes)
    sweep(house, SUNDAY, NIGHT, sweeper)
    assert sweeper.granted == [(2 * minutes + 30) * 60]
    assert sweeper.granted[0] < limit_of(house, "weekly", "optuna")


@pytest.mark.parametrize(
    ("said", "option_of_it"),
    [("workers = 2", ("--workers", "2")), ('ray = "auto"', ("--ray", "auto"))],
)
def test_its_trials_run_where_the_settings_say(
    tmp_path: Path,
    new_database: NewDatabase,
    sweeper: Sweeper,
    said: str,
    option_of_it: tuple[str, str],
) -> None:
    with house_in(tmp_path, new_database, f"{SETTINGS}[jobs]\n{said}\n") as house:
        sweep(house, SUNDAY, NIGHT, sweeper)
    (words,) = sweeper.asked
    name, value = option_of_it
    assert option(words, name) == value
    assert len({"--workers", "--ray"} & set(words)) == 1


@pytest.mark.parametrize("address", ["10.0.0.5", "ray://10.0.0.5:10001", "10.0.0.5:65536"])
def test_what_can_be_no_cluster_is_refused_with_the_settings(tmp_path: Path, address: str) -> None:
    with pytest.raises(TiltyardError) as refused:
        settings_in(tmp_path, f'[jobs]\nray = "{address}"\n')
    assert refused.value.code == "CONFIG_INVALID"
    fault = "expected host:port of its head, such as 10.0.0.5:6379, or auto @ $.jobs.ray"
    assert fault in str(refused.value)


@pytest.mark.parametrize("told", [{"workers": 2}, {"ray": "10.0.0.5:6379"}])
def test_whoever_runs_its_trials_it_is_the_same_task(
    house: House, sweeper: Sweeper, told: dict[str, object]
) -> None:
    first = sweep(house, SUNDAY, NIGHT, sweeper)
    second = sweep(with_jobs(house, **told), SUNDAY, NIGHT, sweeper)
    assert second.told["best"] == first.told["best"]
    assert len(sweeper.asked) == 1


def test_no_process_is_asked_for_that_would_have_no_work(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match="CONFIG_INVALID"):
        settings_in(tmp_path, f"[jobs]\nworkers = {GENERATION + 1}\n")


def test_processes_of_this_machine_and_a_cluster_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match="give one of them"):
        settings_in(tmp_path, '[jobs]\nworkers = 2\nray = "auto"\n')


def test_for_the_same_day_it_is_done_once_and_one_whose_time_was_up_goes_on(
    house: House, sweeper: Sweeper
) -> None:
    sweeper.is_partial = True
    done = sweep(house, SUNDAY, NIGHT, sweeper)
    assert "  partial: the time was up before everything was learnt" in done.lines
    sweeper.is_partial = False
    for _ in range(2):
        done = sweep(house, SUNDAY, NIGHT, sweeper)
    first, second = sweeper.asked
    assert first == second
    assert done.told["partial"] is False


def test_one_trial_is_called_one(house: House, sweeper: Sweeper) -> None:
    sweeper.trials = TRIALS[:1]
    assert sweep(house, SUNDAY, NIGHT, sweeper).lines[0] == "1 trial: 1 complete"


def test_every_field_of_the_best_has_a_row(house: House, sweeper: Sweeper) -> None:
    done = sweep(house, SUNDAY, NIGHT, sweeper)
    fields = set(rows("json.md", "## A policy that was made")) - {"registered"} | {"trial"}
    assert set(done.told["best"][0]) == fields
