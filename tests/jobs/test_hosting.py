"""What a host makes of steps that fail, hang or are cancelled, and of those who ask at once."""

import base64
import logging
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from dbos import DBOS

from little_jobs import COMMAND, DAY, NOON, RUN, job, step
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.jobs import refuse_other_bucket
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.jobs import host
from tiltyard.shell.jobs.alone import alone
from tiltyard.shell.jobs.as_text import AsText
from tiltyard.shell.jobs.catalogue import JOBS, Job, Step, again, job_named
from tiltyard.shell.jobs.child import COMMAND as STEP
from tiltyard.shell.jobs.child import run_step
from tiltyard.shell.jobs.host import PAGES, World, asked, hosting
from tiltyard.shell.jobs.outcome import JobOutcome, StepOutcome
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.jobs.records import Run, records_of
from tiltyard.shell.jobs.running import carried_through
from tiltyard.shell.settings import load
from tiltyard.shell.store.engine import database_url
from tiltyard.shell.store.ledger import Ledger
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
    assert (
        f"{RUN}: late failed: DATABASE_LOCKED it: not yet; it is tried again in 0 s" in hosted.said
    )
    assert hosted.paged == ["typed"], "what came right in the end is nobody's business"


def test_of_an_error_with_several_faults_all_are_told(hosted: Hosted) -> None:
    run = hosted.run(step("a", "faults"))
    assert (run.steps[0].code, run.steps[0].said) == (
        "RANGE_EMPTY", "RANGE_EMPTY bars: 2 faults no bars @ SOL no bars @ BTC name a range",
    )  # fmt: skip


def test_a_step_that_fails_keeps_no_other_from_its_work(hosted: Hosted) -> None:
    run = hosted.run(step("a", "fail"), step("b"), step("c", "fail"), step("d"))
    assert states(run) == {"a": "failed", "b": "done", "c": "failed", "d": "done"}
    assert run.state == "failed"
    assert hosted.paged == ["a", "c"]
    assert hosted.finished == [run.outcome]


LOCKED = TiltyardError("DATABASE_LOCKED", "desk.db", "another process is writing", "try again")


def test_a_page_that_the_database_refuses_is_tried_again(hosted: Hosted) -> None:
    """What has made a step fail, such as a database that is down, refuses its page, too."""
    refusals = [LOCKED, RuntimeError("a slip")]

    def page(_: str, outcome: StepOutcome) -> None:
        if refusals:
            raise refusals.pop()
        hosted.paged.append(outcome.step)

    world = hosted.world(step("a", "fail"), step("b"))._replace(page=page)
    run = carried_through(world, "weekly", RUN, asked(DAY, NOON), wait=time.sleep)
    assert hosted.paged == ["a"]
    assert states(run) == {"a": "failed", "b": "done"}
    assert not any("given up" in line for line in hosted.said)


def test_a_page_that_is_always_refused_is_given_up_and_said(hosted: Hosted) -> None:
    tried: list[str] = []

    def page(_: str, outcome: StepOutcome) -> None:
        tried.append(outcome.step)
        raise LOCKED

    world = hosted.world(step("a", "fail"), step("b"))._replace(page=page)
    run = carried_through(world, "weekly", RUN, asked(DAY, NOON), wait=time.sleep)
    assert states(run) == {"a": "failed", "b": "done"}
    assert tried == ["a"] * PAGES
    given_up = f"{RUN}: nobody was told that a failed: given up after {PAGES} tries"
    assert [line for line in hosted.said if "given up" in line] == [given_up]


def test_a_run_is_cancelled_also_while_its_page_waits(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "NAP", timedelta(milliseconds=10))
    tried: list[str] = []

    def page(run: str, outcome: StepOutcome) -> None:
        tried.append(outcome.step)
        with records_of(hosted.place) as records:
            records.cancel(run)
        raise LOCKED

    slow = step("a", "fail")._replace(pause=timedelta(hours=1))
    world = hosted.world(slow, step("b"))._replace(page=page)
    run = carried_through(world, "weekly", RUN, asked(DAY, NOON), wait=time.sleep)
    assert run.state == "cancelled"
    assert tried == ["a"]
    assert hosted.begun() == ["a"]


def test_a_step_that_fails_at_once_keeps_its_words(tmp_path: Path) -> None:
    """They may be there before its host has looked how much was said before it."""
    fails = ["/bin/sh", "-c", "echo DISK_FULL it: no room >&2; exit 1"]
    every = [
        run_step("a", [], tmp_path / f"{number}.log", timedelta(minutes=1), now=system_now,
                 steady=steady_seconds, environment=os.environ, command=fails)
        for number in range(20)
    ]  # fmt: skip
    assert {(one.code, one.said) for one in every} == {("DISK_FULL", "DISK_FULL it: no room")}


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


class Heard(logging.Handler):
    """What a logger says beside what is meant for people."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def heard() -> Iterator[list[str]]:
    handler = Heard()
    logging.getLogger("dbos").addHandler(handler)
    yield handler.lines
    logging.getLogger("dbos").removeHandler(handler)


def test_a_run_is_cancelled_where_it_stands_and_can_be_gone_on_with(
    hosted: Hosted, heard: list[str]
) -> None:
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
    assert f"{RUN}: long cancelled" in hosted.said
    assert not [line for line in heard if "ancelled" in line or "owned" in line]
    last = hosted.run(step("a"), step("long"), step("c"), name=again(RUN), before=run.outcome)
    assert states(last) == {"a": "done", "long": "done", "c": "done"}
    assert hosted.begun() == ["a", "long", "long", "c"]


def test_a_run_that_nobody_carries_on_is_told_from_one_at_work(hosted: Hosted) -> None:
    hosted.run(step("a"))
    with records_of(hosted.place) as records:
        records.ask("weekly", "weekly-2026-12-06", asked(date(2026, 12, 6), NOON))
        with alone(hosted.place):
            at_work = records.run("weekly-2026-12-06")
        left = records.run("weekly-2026-12-06")
    assert at_work is not None
    assert (at_work.state, at_work.trouble) == ("waits", "")
    assert left is not None
    assert left.trouble == "nobody carries it on: tiltyard jobs run weekly --day 2026-12-06"


def test_a_damaged_database_of_jobs_is_told_as_what_it_is(hosted: Hosted) -> None:
    hosted.place.file.write_bytes(b"garbage garbage garbage")
    with pytest.raises(TiltyardError, match="DATABASE_CORRUPT") as told:
        hosted.run(step("a"))
    assert told.value.subject == str(hosted.place.file)
    assert told.value.remedy.startswith("move it away")
    with pytest.raises(TiltyardError, match="DATABASE_CORRUPT"), records_of(hosted.place):
        pass
    assert not hosted.effects.exists(), "no step was begun"


def test_a_retry_does_what_has_failed_and_nothing_else(hosted: Hosted) -> None:
    first = hosted.run(step("a"), step("b", "fail"), step("c"))
    last = hosted.run(step("a"), step("b"), step("c"), name=again(RUN), before=first.outcome)
    assert states(last) == {"a": "done", "b": "done", "c": "done"}
    assert hosted.begun() == ["a", "b", "c", "b"]


def test_a_run_that_has_ended_is_not_run_again_by_another_plan(hosted: Hosted) -> None:
    run = hosted.run(step("a", "fail", tries=2), step("b"))
    assert states(run) == {"a": "failed", "b": "done"}
    same = hosted.run(step("x"), step("y"))
    assert states(same) == states(run)


@pytest.mark.parametrize(
    ("first", "usual", "again", "own"),
    [
        ("", "", "ann", "no bucket"), ("", "desk", "ann", "the bucket desk"),
        ("bob", "desk", "ann", "the bucket bob"), ("bob", "desk", "desk", "the bucket bob"),
        ("ann", "desk", "ann", None), ("", "desk", "desk", None), ("bob", "desk", "", None),
    ],
)  # fmt: skip
def test_who_names_another_bucket_for_a_day_that_is_done_is_told_that_it_has_nothing(
    hosted: Hosted, first: str, usual: str, again: str, own: str | None
) -> None:
    world = hosted.world(step("a"))
    for bucket in (first, again):
        told = asked(DAY, NOON, bucket=bucket)
        run = carried_through(world, "weekly", RUN, told, wait=time.sleep)
        assert run.bucket == first
    assert hosted.begun() == ["a"]
    if own is None:
        refuse_other_bucket(run, again, usual)
    else:
        with pytest.raises(TiltyardError, match=f"JOB_BUCKET_DIFFERS .*asked for with {own}, .*"):
            refuse_other_bucket(run, again, usual)


def test_two_who_ask_for_the_same_have_one_run(hosted: Hosted) -> None:
    """Who comes second asks whoever hosts already, and is told what came of it."""
    pid = hosted.effects.with_suffix(".pid")
    runs: list[Run] = []

    def ask() -> None:
        runs.append(hosted.run(step("long", "hang"), step("after")))

    first = threading.Thread(target=ask)
    first.start()
    until(pid.exists)
    with records_of(hosted.place) as records:
        records.ask("weekly", RUN, asked(DAY, NOON))
    os.kill(int(pid.read_text()), signal.SIGTERM)
    first.join()
    assert [states(run) for run in runs] == [{"long": "failed", "after": "done"}]
    assert hosted.begun() == ["long", "after"]


def test_who_asks_while_another_hosts_waits_for_it(hosted: Hosted) -> None:
    with alone(hosted.place) as is_ours:
        assert is_ours
        runs: list[Run] = []
        waits = threading.Thread(target=lambda: runs.append(hosted.run(step("a"))))
        waits.start()
        until(lambda: any("another process hosts" in line for line in hosted.said))
        assert not runs
    waits.join()
    assert [states(run) for run in runs] == [{"a": "done"}], "it is its turn, when nobody hosts"


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


class Trap:
    """Whoever unpickles it makes a folder."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_what_is_marked_as_a_pickle_is_not_read(hosted: Hosted, tmp_path: Path) -> None:
    hosted.run(step("a"))
    trap = base64.b64encode(pickle.dumps(Trap(str(tmp_path / "trapped")))).decode()
    with closing(sqlite3.connect(hosted.place.file)) as connection:
        kinds = connection.execute("SELECT DISTINCT serialization FROM workflow_status").fetchall()
        assert kinds == [("tiltyard_json",)]
        connection.execute(
            "UPDATE workflow_status SET serialization = 'py_pickle', inputs = ?, output = ?",
            [trap, trap],
        )
        connection.commit()
    with suppress(TypeError), records_of(hosted.place) as records:
        records.runs()
    assert not (tmp_path / "trapped").exists()


def test_a_retry_of_a_retry_does_nothing_again_that_was_done(hosted: Hosted) -> None:
    first = hosted.run(step("a"), step("b", "fail"), step("c"))
    second = hosted.run(
        step("a"), step("b", "fail"), step("c"), name=again(RUN), before=first.outcome
    )
    assert states(second) == {"a": "done", "b": "failed", "c": "done"}
    cancelled = second.outcome
    third = hosted.run(step("a"), step("b"), step("c"), name=f"{RUN}.2", before=cancelled)
    assert states(third) == {"a": "done", "b": "done", "c": "done"}
    assert hosted.begun() == ["a", "b", "c", "b", "b"]


def test_a_cancelled_retry_still_tells_what_was_done_before_it(hosted: Hosted) -> None:
    before = JobOutcome([StepOutcome("a", "done"), StepOutcome("b", "failed")])
    pid = hosted.effects.with_suffix(".pid")

    def cancel() -> None:
        until(pid.exists)
        with records_of(hosted.place) as records:
            records.cancel(again(RUN))

    thread = threading.Thread(target=cancel)
    thread.start()
    run = hosted.run(step("a"), step("b", "hang"), name=again(RUN), before=before)
    thread.join()
    assert run.state == "cancelled"
    assert states(run)["a"] == "done"


def test_nobody_who_listens_ends_a_step(hosted: Hosted) -> None:
    def deaf(_: str) -> None:
        raise BrokenPipeError

    def broken(*_: object) -> None:
        raise RuntimeError("a defect")  # noqa: TRY003 as any

    world = hosted.world(step("a", "fail"), step("b"))
    world = world._replace(say=deaf, page=broken, finish=broken)
    run = carried_through(world, "weekly", RUN, asked(DAY, NOON), wait=time.sleep)
    assert states(run) == {"a": "failed", "b": "done"}


def by_the_clock(hosted: Hosted, now: datetime) -> World:
    jobs = {"weekly": Job("", "learner", lambda _: "0 0 3 * * 0", lambda _: (step("a"),))}
    settings = load()
    told = settings.jobs.model_copy(update={"hosted": True})
    settings = settings.model_copy(update={"jobs": told})
    return hosted.world()._replace(jobs=jobs, settings=settings, now=lambda: now)


def test_whoever_hosts_keeps_the_clock_also_after_somebody_who_did_not(hosted: Hosted) -> None:
    hosted.run(step("a"))
    with hosting(by_the_clock(hosted, system_now())):
        assert [one["status"] for one in DBOS.list_schedules()] == ["ACTIVE"]
    hosted.run(step("a"))
    with hosting(by_the_clock(hosted, system_now())):
        assert [one["status"] for one in DBOS.list_schedules()] == ["ACTIVE"]


def test_what_was_due_while_nobody_hosted_is_asked_for_once(hosted: Hosted) -> None:
    hosted.run(step("a"), name="weekly-2020-01-05")
    sunday = system_now() + timedelta(days=8)
    for _ in range(2):
        with hosting(by_the_clock(hosted, sunday)), records_of(hosted.place) as records:
            until(lambda: not records.is_active())
            names = [one.name for one in records.runs()]
    assert len(names) == 2
    due = date.fromisoformat(names[0].removeprefix("weekly-"))
    assert (due.weekday(), sunday.date() - due <= timedelta(days=7)) == (6, True)


def test_where_nothing_was_ever_run_nothing_is_made_up(hosted: Hosted) -> None:
    with hosting(by_the_clock(hosted, system_now())), records_of(hosted.place) as records:
        assert list(records.runs()) == []


def test_what_ended_long_ago_is_forgotten_with_what_it_said(hosted: Hosted) -> None:
    run = hosted.run(step("a"))
    assert (hosted.place.folder / RUN / "a.log").exists()
    later = run.asked_at + timedelta(days=91)
    with hosting(hosted.world()._replace(now=lambda: later)), records_of(hosted.place) as records:
        assert list(records.runs()) == []
    assert not (hosted.place.folder / RUN).exists()


def test_a_database_of_jobs_that_is_half_made_has_no_runs(hosted: Hosted) -> None:
    hosted.place.file.touch()
    with pytest.raises(TiltyardError, match="JOBS_NONE"), records_of(hosted.place) as records:
        records.runs()


def test_a_host_whose_lock_the_server_has_let_go_of_ends(postgres_place: JobsPlace) -> None:
    program = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from tiltyard.shell.jobs.alone import alone\n"
        "from tiltyard.shell.jobs.place import JobsPlace\n"
        "from tiltyard.shell.store.engine import database_url\n"
        "with alone(JobsPlace(Path('.'), database_url(sys.argv[1]))) as ours:\n"
        "    print(ours, flush=True)\n"
        "    threading.Event().wait()\n"
    )
    address = postgres_place.address
    with subprocess.Popen(
        [sys.executable, "-c", program, address], stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "True\n"
        with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
        assert host.wait(60) == 1


def test_a_step_ends_with_its_host(tmp_path: Path) -> None:
    """The command line itself: it reads from a pipe that its host holds open."""
    with Ledger.open(str(tmp_path / "desk.db"), create=True):
        pass
    said = tmp_path / "said"
    with said.open("w") as err, subprocess.Popen(
        [*STEP, "run"], stdin=subprocess.PIPE, stderr=err, start_new_session=True, cwd=tmp_path,
        env={**os.environ, "TILTYARD_DB": str(tmp_path / "desk.db")},
    ) as desk:  # fmt: skip
        until(lambda: "the desk acts" in said.read_text())
        assert desk.stdin is not None
        desk.stdin.close()
        assert desk.wait(60) == -signal.SIGKILL


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
