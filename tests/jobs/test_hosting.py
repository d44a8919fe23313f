"""What a host makes of steps that fail, hang or are cancelled, and of those who ask at once."""

import sqlite3
import threading
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from little_jobs import COMMAND, DAY, NOON, RUN, job, step
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.jobs.alone import alone
from tiltyard.shell.jobs.as_text import AsText
from tiltyard.shell.jobs.catalogue import JOBS, Step, again, job_named
from tiltyard.shell.jobs.host import World, asked
from tiltyard.shell.jobs.outcome import JobOutcome
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.jobs.records import Run, records_of
from tiltyard.shell.jobs.running import carried_through
from tiltyard.shell.settings import load
from tiltyard.shell.store.engine import database_url
from waiting import until


class Hosted:
    """A ledger's jobs, hosted in this process for as long as a run takes."""

    def __init__(self, folder: Path) -> None:
        self.place = JobsPlace(folder / "said", database_url(str(folder / "desk.db")))
        self.effects = folder / "effects.db"
        self.said: list[str] = []
        self.paged: list[str] = []
        self.finished: list[JobOutcome] = []

    def world(self, *steps: Step) -> World:
        return World(
            self.place, load(), None, system_now, steady_seconds, self.said.append,
            lambda _, outcome: self.paged.append(outcome.step),
            lambda _run, _job, outcome: self.finished.append(outcome), {"weekly": job(*steps)},
            COMMAND,
        )  # fmt: skip

    def run(self, *steps: Step, name: str = RUN, before: JobOutcome | None = None) -> Run:
        return carried_through(
            self.world(*steps), "weekly", name, asked(DAY, NOON, before=before), wait=time.sleep
        )

    def begun(self) -> list[str]:
        with closing(sqlite3.connect(self.effects)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM begun")]


@pytest.fixture
def hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosted:
    monkeypatch.setenv("LITTLE_EFFECTS", str(tmp_path / "effects.db"))
    return Hosted(tmp_path)


def states(run: Run) -> dict[str, str]:
    return {one.step: one.state for one in run.steps}


def test_a_step_is_tried_again_and_what_was_typed_wrongly_is_not(hosted: Hosted) -> None:
    run = hosted.run(step("late", "twice", tries=3), step("typed", "wrong", tries=3))
    assert states(run) == {"late": "done", "typed": "failed"}
    assert [(one.tries, one.code) for one in run.steps] == [(2, ""), (1, "OPTION_IDLE")]
    assert run.steps[1].said == "OPTION_IDLE it: was typed so"
    assert hosted.begun() == ["late", "late", "typed"]
    assert hosted.paged == ["typed"], "what came right in the end is nobody's business"


def test_a_step_without_which_another_makes_no_sense_takes_it_along(hosted: Hosted) -> None:
    run = hosted.run(
        step("a", "fail"), step("b", needs=["a"]), step("c", needs=["b"]), step("d")
    )  # fmt: skip
    assert states(run) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "done"}
    assert [one.said for one in run.steps[1:3]] == ["not without a", "not without b"]
    assert run.state == "failed"
    assert hosted.finished == [run.outcome]


def test_what_is_idle_is_left_out_and_fails_nothing(hosted: Hosted) -> None:
    run = hosted.run(step("a")._replace(idle="there is nothing to look at"), step("b"))
    assert states(run) == {"a": "skipped", "b": "done"}
    assert run.state == "done"
    assert hosted.begun() == ["b"]


def test_a_step_has_its_time_and_no_more(hosted: Hosted) -> None:
    run = hosted.run(step("slow", "sleep")._replace(limit=timedelta(seconds=2)), step("next"))
    assert states(run) == {"slow": "failed", "next": "done"}
    assert run.steps[0].code == "STEP_OVERDUE"
    assert run.steps[0].said == "it was not done within 2 s"


def test_a_run_is_cancelled_where_it_stands_and_can_be_gone_on_with(hosted: Hosted) -> None:
    pid = hosted.effects.with_suffix(".pid")

    def cancel() -> None:
        until(pid.exists)
        with records_of(hosted.place) as records:
            records.cancel(RUN)

    thread = threading.Thread(target=cancel)
    thread.start()
    run = hosted.run(step("a"), step("long", "hang"), step("c"))
    thread.join()
    assert run.state == "cancelled"
    assert states(run)["a"] == "done"
    assert not Path(f"/proc/{pid.read_text()}").exists()
    assert hosted.paged == []
    last = hosted.run(step("a"), step("long"), step("c"), name=again(RUN), before=run.outcome)
    assert states(last) == {"a": "done", "long": "done", "c": "done"}
    assert hosted.begun() == ["a", "long", "long", "c"]


def test_a_retry_does_what_has_failed_and_nothing_else(hosted: Hosted) -> None:
    first = hosted.run(step("a"), step("b", "fail"), step("c", needs=["b"]))
    last = hosted.run(
        step("a"), step("b"), step("c", needs=["b"]), name=again(RUN), before=first.outcome
    )
    assert states(last) == {"a": "done", "b": "done", "c": "done"}
    assert hosted.begun() == ["a", "b", "b", "c"]


def test_a_run_that_has_ended_is_not_run_again_by_another_plan(hosted: Hosted) -> None:
    run = hosted.run(step("a", "fail", tries=2), step("b"))
    assert states(run) == {"a": "failed", "b": "done"}
    same = hosted.run(step("x"), step("y"))
    assert states(same) == states(run)


def test_two_who_ask_for_the_same_have_one_run(hosted: Hosted) -> None:
    """The second asks for it while the first hosts, and is told what came of it."""
    runs: list[Run] = []
    first = threading.Thread(target=lambda: runs.append(hosted.run(step("a", "twice", tries=40))))
    with alone(hosted.place) as is_ours:
        assert is_ours
        first.start()
        until(lambda: any("another process hosts" in line for line in hosted.said))
    first.join()
    assert [states(run) for run in runs] == [{"a": "done"}]


def test_one_hosts_at_a_time(tmp_path: Path) -> None:
    place = JobsPlace(tmp_path, database_url(str(tmp_path / "desk.db")))
    with alone(place) as first, alone(place) as second:
        assert (first, second) == (True, False)
    with alone(place) as again_free:
        assert again_free


def test_one_hosts_at_a_time_on_postgres(postgres_place: JobsPlace) -> None:
    with alone(postgres_place) as first, alone(postgres_place) as second:
        assert (first, second) == (True, False)
    with alone(postgres_place) as again_free:
        assert again_free


def test_where_nothing_was_run_nothing_is_known(tmp_path: Path, postgres_place: JobsPlace) -> None:
    for place in (JobsPlace(tmp_path, database_url(str(tmp_path / "desk.db"))), postgres_place):
        with pytest.raises(TiltyardError, match="JOBS_NONE"), records_of(place) as records:
            records.runs()


def test_what_is_marked_as_a_pickle_is_not_read(hosted: Hosted) -> None:
    hosted.run(step("a"))
    with closing(sqlite3.connect(hosted.place.file)) as connection:
        kinds = connection.execute("SELECT DISTINCT serialization FROM workflow_status").fetchall()
        assert kinds == [("tiltyard_json",)]
        connection.execute("UPDATE workflow_status SET serialization = 'py_pickle'")
        connection.commit()
    with records_of(hosted.place) as records:
        run = records.run(RUN)
    assert run is None or not run.steps


@pytest.mark.parametrize("value", [None, 1, "x", [1, {"a": NOON}], {"at": NOON, "n": 0.5}])
def test_values_of_jobs_come_back_as_they_were(value: object) -> None:
    assert AsText().deserialize(AsText().serialize(value)) == value


def test_an_error_comes_back_as_an_error() -> None:
    back = AsText().deserialize(AsText().serialize(ValueError("no")))
    assert isinstance(back, RuntimeError)
    assert str(back) == "ValueError: no"


def test_a_job_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(TiltyardError, match=r"JOB_UNKNOWN 'weekley': .*'weekly'"):
        job_named("weekley")


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_made_of_steps_that_can_be_kept(name: str) -> None:
    made = JOBS[name].steps(load())
    assert [Step.from_json(one.to_json()) for one in made] == list(made)
    names = [one.name for one in made]
    assert len(set(names)) == len(names)
    for number, one in enumerate(made):
        assert set(one.needs) <= set(names[:number]), "what it needs comes before it"
