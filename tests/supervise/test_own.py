"""The desk's own supervisor, with real processes: started, ended whole, and given up in time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from supervise.benches import PROMPT, Bench, bench, counting, python, settings_for
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.supervise.journal import Journal
from tiltyard.shell.supervise.processes import Process, Run, boot, kin, seen
from tiltyard.shell.supervise.supervised import journal_in
from waiting import until

CRASHES = python("import sys; print('no data'); sys.exit(3)")
CHILDREN = python(
    "import subprocess, sys, time\n"
    "sleeps = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
    "for own in (False, True):\n"
    "    subprocess.Popen(sleeps, start_new_session=own)\n"
    "subprocess.Popen(sleeps, process_group=0)\n"
    "print('born', flush=True)\n"
    "time.sleep(600)\n"
)
STUBBORN = python(
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "time.sleep(600)\n"
)
_KEEPS = """
import sys, time
from pathlib import Path
from supervise.benches import Bench, settings_for
found = Bench(settings_for(Path(sys.argv[1]), *sys.argv[2:]))
while True:
    found.learner.look()
    time.sleep(0.01)
"""


def are_gone(processes: list[Process]) -> bool:
    return not [p for p in processes if (now := seen(p.pid)) and now.started == p.started
                and not now.is_gone]  # fmt: skip


def test_a_learner_runs_and_moves_on_and_leaves_with_the_desk(tmp_path: Path) -> None:
    with bench(tmp_path, *counting(tmp_path)) as found:
        found.until(lambda: found.step() > 3)
        family = found.kin
        assert len(family) == 1
        assert found.observed() == {"learner_progress": 1, "learner_running": 1}
        assert "begins at step 0" in found.log()
    assert are_gone(family)


def test_a_learner_does_not_get_what_is_the_desks_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BOB_ADDRESS", "PGPASSWORD", "TILTYARD_DB", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "1")
    prints = python("import os; print(*sorted(os.environ))")
    with bench(tmp_path, *prints, addresses=["BOB_ADDRESS"]) as found:
        found.until(lambda: found.known.fate == "done")
        variables = set(found.log().split())
    assert variables >= {"CUDA_VISIBLE_DEVICES", "PATH"}
    its_own = {"TILTYARD_LEARNER_STATUS", "TILTYARD_LEARNER_RUN"}
    assert {name for name in variables if name.startswith(("TILTYARD", "PG", "BOB"))} == its_own


def test_one_that_crashes_at_start_is_given_up_after_three_restarts(tmp_path: Path) -> None:
    with bench(tmp_path, *CRASHES) as found:
        for left in (3, 2, 1):
            assert found.known.restarts_left(found.now()) == left
            found.until(lambda left=left: found.known.restarts_left(found.now()) < left)  # type: ignore[misc] # a lambda of one line
            assert found.observed() == {"learner_progress": 0, "learner_running": 1}
            found.added += 300
        found.until(lambda: found.known.fate == "given_up")
        assert found.observed() == {"learner_progress": 0, "learner_running": 0}
        assert found.log() == "no data\n" * 4
        assert "given up" in found.said[-1]
        found.added += 48 * 3600
        found.learner.look()
        assert not found.kin, "a day later it is still a person's turn"
    with bench(tmp_path, *CRASHES) as again:
        again.learner.look()
        assert not again.kin, "and with the next desk"
        assert again.observed()["learner_running"] == 0


def test_the_pauses_between_restarts_grow(tmp_path: Path) -> None:
    with bench(tmp_path, *CRASHES) as found:
        found.until(lambda: found.known.restarts_ever == 1)
        assert "again in 5 s" in found.said[-1]
        found.learner.look()
        assert not found.kin, "not before"
        found.added += 5
        found.until(lambda: found.known.restarts_ever == 2)
        assert "again in 10 s" in found.said[-1]


def test_the_budget_outlives_the_desk(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        with bench(tmp_path, *CRASHES) as found:
            found.until(lambda count=count: found.known.restarts_ever == count)  # type: ignore[misc] # as above
    with bench(tmp_path, *CRASHES) as found:
        found.until(lambda: found.known.fate == "given_up")


def test_one_that_cannot_be_started_is_given_up_as_well(tmp_path: Path) -> None:
    with bench(tmp_path, str(tmp_path / "nothing")) as found:
        for _ in range(4):
            found.learner.look()
            found.added += 300
        assert found.known.fate == "given_up"
        assert "cannot be started: No such file or directory" in found.said[0]


def test_one_that_ends_well_is_done_and_not_started_again(tmp_path: Path) -> None:
    with bench(tmp_path, *python("print('all done')")) as found:
        found.until(lambda: found.known.fate == "done")
        assert found.observed() == {"learner_progress": 1, "learner_running": 1}, "nothing is stuck"
    with bench(tmp_path, *python("print('all done')")) as again:
        again.learner.look()
        assert again.log() == "all done\n"
    with bench(tmp_path, *python("print('another')")) as other:
        other.until(lambda: other.known.fate == "done")
        assert other.log() == "all done\nanother\n"


@pytest.mark.parametrize(("command", "count"), [(CHILDREN, 4), (STUBBORN, 1)])
def test_nothing_of_a_learner_is_left_behind(
    command: list[str], count: int, tmp_path: Path
) -> None:
    with bench(tmp_path, *command, grace=0.2) as found:
        found.until(lambda: bool(found.log()))
        family = found.kin
        assert len(family) == count
    assert are_gone(family)
    assert found.known.run is None


def test_ending_a_learner_does_not_go_through_the_machine_all_the_time(tmp_path: Path) -> None:
    looks: list[str] = []

    def note(event: str, told: tuple[object, ...]) -> None:
        if event in {"os.listdir", "os.scandir"} and is_noted and str(told[0]) == "/proc":
            looks.append(event)

    is_noted = False
    sys.addaudithook(note)
    with bench(tmp_path, *STUBBORN, grace=1) as found:
        found.until(lambda: bool(found.log()))
        is_noted = True
        found.learner.end()
        is_noted = False
        assert not found.kin
    assert 0 < len(looks) <= 4


def test_children_of_a_learner_that_crashed_are_ended_before_it_begins_anew(
    tmp_path: Path,
) -> None:
    orphans = CHILDREN[-1].rpartition("time.sleep")[0] + "time.sleep(0.2); sys.exit(1)\n"
    with bench(tmp_path, *python(orphans), grace=0.2) as found:
        found.until(lambda: len(found.kin) == 4)
        family = found.kin
        found.until(lambda: found.known.restarts_ever == 1)
        assert are_gone(family)


@pytest.mark.parametrize("command", [CHILDREN, STUBBORN])
def test_what_a_killed_desk_left_is_ended_by_the_next(command: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    desk = subprocess.Popen(
        [sys.executable, "-c", _KEEPS, str(tmp_path), *command], env=environment
    )
    other = Bench(settings_for(tmp_path, *command, grace=0.2))
    until(other.log)
    family = other.kin
    assert family
    other.learner.look()
    assert "another desk supervises" in other.said[0]
    desk.send_signal(signal.SIGKILL)
    desk.wait()
    assert not are_gone(family), "they have outlived it"
    with bench(tmp_path, *command, grace=0.2) as found:
        found.until(lambda: len(found.kin) == len(family))
        assert are_gone(family)
        assert not set(found.kin) & set(family)


def test_a_process_that_got_the_number_of_an_old_one_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE,
                          start_new_session=True) as innocent:  # fmt: skip
        real = seen(innocent.pid)
        assert real is not None
        settings = settings_for(tmp_path, *python("print('new')"))
        for run in (
            Run("token", innocent.pid, real.started - 1, boot()),
            Run("token", innocent.pid, real.started, "another boot"),
        ):
            Journal(journal_in(settings)).note(run=run)
            with bench(tmp_path, *settings.command) as found:
                found.until(lambda: found.known.fate == "done")
            Journal(journal_in(settings)).note(fate="")
        assert innocent.poll() is None
        innocent.communicate(b"\n")
        assert innocent.returncode == 0


def test_an_orphan_whose_first_process_is_gone_is_known_by_its_token(tmp_path: Path) -> None:
    token = "of-this-run"  # noqa: S105 it is no secret
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE,
        env={**os.environ, "TILTYARD_LEARNER_RUN": token},
    ) as orphan:  # fmt: skip
        left = Run(token, 2**22 - 1, 1, boot())
        until(lambda: kin(left))
        assert [process.pid for process in kin(left)] == [orphan.pid]
        assert not kin(left._replace(token="of-another"))  # noqa: S106 as above
        born = kin(left)[0].started
        assert kin(left._replace(started=born))
        assert not kin(left._replace(started=born + 1)), "no run has a process older than itself"
        settings = settings_for(tmp_path, *python("print('new')"))
        Journal(journal_in(settings)).note(run=left)
        with bench(tmp_path, *settings.command) as found:
            found.until(lambda: found.known.fate == "done")
        assert orphan.wait(PROMPT) == -signal.SIGTERM


def test_what_it_prints_is_bounded(tmp_path: Path) -> None:
    floods = python("import sys\nfor n in range(600): sys.stdout.write('x' * 65536)\n")
    with bench(tmp_path, *floods) as found:
        found.until(lambda: found.known.fate == "done")
    written = [file.stat().st_size for file in (tmp_path / "learner").glob("learner.log*")]
    assert len(written) == 4
    assert max(written) <= 4 << 20
    assert sum(written) > 12 << 20


def test_where_its_folder_cannot_be_made_that_is_told_and_nothing_is_run(tmp_path: Path) -> None:
    (tmp_path / "learner").write_text("a file is in the way")
    with bench(tmp_path, *python("print('new')")) as found:
        found.learner.look()
        with pytest.raises(TiltyardError, match=r"TARGET_UNREACHABLE learner: .*File exists"):
            found.learner.look()
