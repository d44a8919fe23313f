"""From a guard that sees a busy GPU without progress to a learner that begins anew, once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from live_desks import SETTINGS, audited
from records import ledger_of
from supervise.benches import Bench, bench, counting, python
from tiltyard.actions.record import Event
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.commanding import take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.effects.delivery import Delivered, deliver
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import RESTART, Effect, every_effect
from tiltyard.shell.targets import Target

MINUTE = timedelta(minutes=1)
LANE = ("learner", RESTART)


class Floor:
    """A desk that judges what is observed of a learner, minute after minute."""

    def __init__(self, ledger: Ledger, found: Bench, *, observe: bool = False) -> None:
        self.ledger, self.bench = ledger, found
        self.targets: dict[str, Target] = {"learner": found.learner}
        token = take(ledger, "test", found.now())
        assert token is not None
        self.token = token
        takes = {"learner": found.learner.takes}
        announcing = Announcing(takes)
        self.desk = LiveDesk(ledger, SETTINGS, token, announcing=announcing, observe=observe)
        self.desk.start()
        self.step()

    def step(self, *observed: Observation) -> list[Event]:
        now = self.bench.now()
        self.ledger.append_observations(observed, known_at=now)
        return self.desk.step(now, self.bench.steady())

    def minutes(self, count: int, *, busy: float, progress: float | None = None) -> None:
        """A minute each: what is observed, judged and delivered."""
        for _ in range(count):
            self.bench.added += 60
            now, seen = self.bench.now(), self.bench.learner.look()
            if progress is not None:
                seen = [Observation("learner_progress", progress, now)]
            self.step(Observation("gpu_util_pct", busy, now, samples=12), *seen)
            self.deliver()

    def deliver(self) -> Delivered:
        now = self.bench.now()
        return deliver(self.ledger, self.token, self.targets, now, lane=LANE)

    @property
    def restarts(self) -> list[str]:
        """What became of each restart that was asked for."""
        with self.ledger.snapshot() as still:
            return [one.state for one in every_effect(still.connection) if one.kind == RESTART]


@contextmanager
def floor(tmp_path: Path, found: Bench, *, observe: bool = False) -> Iterator[Floor]:
    with ledger_of(tmp_path / "desk.db", []) as ledger:
        yield Floor(ledger, found, observe=observe)


def asked(at: datetime, key: str = "a-guard", **body: object) -> Effect:
    return Effect(1, key, "learner", RESTART, json.dumps(body), "requested", 0, at, at, None, "")


def test_a_spinning_learner_is_restarted_once_and_comes_back_with_its_work(tmp_path: Path) -> None:
    command = counting(tmp_path, "--spin-at", "150")
    with bench(tmp_path, *command) as found, floor(tmp_path, found) as desk:
        found.until(lambda: found.step() == 150 and found.goes_on())
        first = found.known.run
        desk.minutes(40, busy=97)
        assert desk.restarts == ["verified"]
        assert found.known.restarts_ever == 1
        assert found.known.run != first
        found.until(lambda: found.step() > 150)
        assert "begins at step 150" in found.log(), "it saved its work when asked"
        (event,) = audited(desk.ledger, "restart_learner")
        assert event["cause"] == "gpu_utilization_high"
        desk.minutes(15, busy=5)  # the episode is over
        desk.minutes(15, busy=97, progress=0)
        assert found.known.restarts_ever == 2, "another episode is another restart"
        assert desk.restarts == ["verified"] * 2


def test_a_busy_learner_that_moves_on_is_left_alone(tmp_path: Path) -> None:
    with bench(tmp_path, *counting(tmp_path)) as found, floor(tmp_path, found) as desk:
        found.until(lambda: found.step() > 0)
        desk.minutes(30, busy=97, progress=1)
        assert not desk.restarts


def waiting(job: str, at: str = "datetime.now(UTC).isoformat()") -> list[str]:
    """A learner that says once what its job is, and then nothing more."""
    status = f'{{"step": 1, "at": {at}, "job": "{job}"}}'
    return python(
        "import json, os, time\nfrom datetime import UTC, datetime\n"
        "new = os.environ['TILTYARD_LEARNER_STATUS'] + '.new'\n"
        f"open(new, 'w').write(json.dumps({status}))\n"
        "os.replace(new, new.removesuffix('.new'))\n"
        "time.sleep(600)\n"
    )


def test_a_learner_without_a_job_is_not_restarted_when_another_program_keeps_the_gpu_busy(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, *waiting("")) as found, floor(tmp_path, found) as desk:
        found.until(lambda: found.step() == 1)
        desk.minutes(30, busy=97)
        assert not audited(desk.ledger, "restart_learner")
        found.learner.send(asked(found.now()))
        assert found.known.restarts_ever == 0, "nor when its job has ended since a guard asked"
        assert found.known.restarts_left(found.now()) == 3


def test_a_learner_whose_job_says_no_more_is_restarted(tmp_path: Path) -> None:
    command = waiting("train")
    with bench(tmp_path, *command, checkpoint_within=0) as found, floor(tmp_path, found) as desk:
        found.until(lambda: found.step() == 1)
        desk.minutes(20, busy=97)
        assert found.known.restarts_ever == 1


def test_that_the_run_before_had_no_job_says_nothing_of_this_one(tmp_path: Path) -> None:
    before = '"2025-07-07T12:00:00Z"'
    with bench(tmp_path, *waiting("", before)) as found:
        found.until(lambda: found.step() == 1)
        assert found.observed() == {"learner_progress": 0, "learner_running": 1}


def test_a_guard_that_only_observes_restarts_nothing(tmp_path: Path) -> None:
    with (
        bench(tmp_path, *counting(tmp_path)) as found,
        floor(tmp_path, found, observe=True) as desk,
    ):
        desk.minutes(15, busy=97, progress=0)
        (event,) = audited(desk.ledger, "restart_learner")
        assert event["mode"] == "observe"
        assert not desk.restarts


def test_the_fourth_restart_of_a_day_is_a_page(tmp_path: Path) -> None:
    with bench(tmp_path, *counting(tmp_path)) as found, floor(tmp_path, found) as desk:
        found.until(lambda: found.step() > 0)
        for _ in range(4):
            desk.minutes(15, busy=97, progress=0)
            desk.minutes(2, busy=5, progress=1)
        assert found.known.restarts_ever == 3
        assert found.known.fate == "given_up"
        assert not found.kin
        desk.minutes(2, busy=5)
        (page,) = audited(desk.ledger, "page")
        assert page["cause"] == "learner_given_up"


def test_the_same_restart_twice_is_one_also_for_the_next_desk(tmp_path: Path) -> None:
    with bench(tmp_path, *counting(tmp_path)) as found:
        found.until(lambda: found.step() > 0)
        effect = asked(found.now())
        found.learner.send(effect)
        assert found.learner.has(effect)
        run = found.known.run
        found.learner.send(effect)
        assert found.known.run == run
    with bench(tmp_path, *counting(tmp_path)) as again:
        again.until(lambda: again.step() > 0)
        again.learner.send(effect)
        again.learner.send(replace(effect, key="another of before this run"))
        assert again.known.restarts_ever == 1


def changed(folder: Path, *changes: tuple[str, str]) -> list[str]:
    """The example, with other code in places."""
    python, example, *more = counting(folder)
    text = Path(example).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "other.py").write_text(text)
    return [python, str(folder / "other.py"), *more]


def test_one_that_does_not_save_its_work_in_time_is_restarted_without(tmp_path: Path) -> None:
    never = changed(tmp_path, ("wanted.append(True))", "None)"), ("step % 100 == 0", "False"))
    with bench(tmp_path, *never, checkpoint_within=0.3) as found:
        found.until(found.goes_on)
        run, began = found.known.run, found.steady()
        found.learner.send(asked(found.now()))
        assert found.steady() - began >= 0.3
        assert found.known.run != run


def test_one_that_dies_of_being_asked_begins_anew_and_counts_once(tmp_path: Path) -> None:
    with bench(tmp_path, *changed(tmp_path, ("signal.signal(", "(lambda *_: 0)("))) as found:
        found.until(found.goes_on)
        run = found.known.run
        found.learner.send(asked(found.now()))
        found.learner.look()
        assert found.known.run != run
        assert found.known.restarts_ever == 1


def test_one_that_says_nothing_of_itself_is_not_asked(tmp_path: Path) -> None:
    silent = python("import time; print('silent', flush=True); time.sleep(600)")
    with bench(tmp_path, *silent) as found:
        found.until(lambda: bool(found.log()))
        found.learner.send(asked(found.now()))
        assert found.known.restarts_ever == 1


def test_what_is_done_or_was_asked_for_long_ago_is_not_restarted_by_a_guard(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, *python("print('done')")) as found:
        found.until(lambda: found.known.fate == "done")
        effect = asked(found.now())
        found.learner.send(effect)
        assert found.learner.has(effect)
        assert found.known.restarts_ever == 0
        assert not found.kin


def test_a_person_restarts_what_was_given_up_or_is_done(tmp_path: Path) -> None:
    with bench(tmp_path, *counting(tmp_path)) as found:
        for number in range(3):
            found.until(lambda: found.step() > 0)
            found.learner.send(asked(found.now(), f"guard {number}"))
        with pytest.raises(TiltyardError, match="3 times in 24 hours"):
            found.learner.send(asked(found.now(), "guard 4"))
        assert not found.kin
        found.learner.send(asked(found.now(), "ann", cause="person"))
        found.until(lambda: found.step() > 0)
        assert found.known.fate == ""
        assert found.known.restarts_left(found.now()) == 3
        assert found.known.restarts_ever == 4


def test_a_restart_by_a_desk_that_ends_is_left_to_the_next(tmp_path: Path) -> None:
    with bench(tmp_path, *counting(tmp_path)) as found:
        found.until(lambda: found.step() > 0)
        effect = asked(found.now())
    with pytest.raises(TiltyardError, match="TARGET_UNREACHABLE"):
        found.learner.send(effect)
    with bench(tmp_path, *counting(tmp_path)) as again:
        again.until(lambda: again.step() > 0)
        assert again.learner.has(effect), "it has begun anew since"


def test_a_restart_waits_for_a_desk_that_supervises(tmp_path: Path) -> None:
    with bench(tmp_path, *counting(tmp_path)) as found, floor(tmp_path, found) as desk:
        found.until(lambda: found.step() > 0)
        desk.targets = {}
        desk.minutes(15, busy=97, progress=0)
        assert desk.restarts == ["requested"]
        desk.targets = {"learner": found.learner}
        desk.deliver()
        assert desk.restarts == ["verified"]
        assert found.known.restarts_ever == 1


_DIES_WHEN_CERTAIN = """
import json, os, signal, sys
from pathlib import Path
from supervise.benches import Bench, settings_for
from tiltyard.shell.store.outbox import Effect
found = Bench(settings_for(Path(sys.argv[1]), *sys.argv[2:]))
found.until(found.goes_on)
restart = found.learner._supervisor.restart
def killed(key, on_certain):
    restart(key, lambda: (on_certain(), os.kill(os.getpid(), signal.SIGKILL)))
found.learner._supervisor.restart = killed
now = found.now()
told = "a-guard", "learner", "restart", "{}", "requested"
found.learner.send(Effect(1, *told, 0, now, now, None, ""))
"""


def test_a_desk_that_is_killed_in_a_restart_has_restarted_it_once(tmp_path: Path) -> None:
    command = counting(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    desk = [sys.executable, "-c", _DIES_WHEN_CERTAIN, str(tmp_path), *command]
    assert subprocess.run(desk, env=environment, check=False).returncode == -signal.SIGKILL
    with bench(tmp_path, *command) as found:
        (left,) = found.kin
        found.until(lambda: found.step() > 0 and left not in found.kin)
        asked_before = asked(found.now() + MINUTE)
        assert found.learner.has(asked_before), "by its key"
        found.learner.send(asked_before)
        assert left not in found.kin
        assert found.known.restarts_ever == 1
        assert found.log().count("begins at step") == 2
