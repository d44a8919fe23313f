"""A process of its own measures one drift, and whatever becomes of it is said."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drift.worlds import CALM, NOON, SPAN, market, task
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.drift.apart import Apart
from tiltyard.shell.drift.measuring import measure
from tiltyard.shell.drift.task import Task
from waiting import until

PROMPT = 30.0
ASKED = Task("sol", "", Path("models"), Path("bars"), SPAN, NOON)


def running(program: str, patience: float = PROMPT) -> Apart:
    """A program in the place of the one that measures."""
    return Apart([sys.executable, "-c", program], patience)


def test_it_finds_what_this_process_finds(tmp_path: Path) -> None:
    asked = task(tmp_path, market(tmp_path / "bars", CALM))
    found = Apart().measure(asked)
    assert found is not None
    here = measure(asked)
    assert found[:4] == here[:4]
    assert found[4:9] == pytest.approx(here[4:9], rel=1e-6)


def test_what_is_wrong_there_is_wrong_here(tmp_path: Path) -> None:
    asked = task(tmp_path, market(tmp_path / "bars", CALM))
    (tmp_path / "models" / asked.policy / "baseline.npy").unlink()
    with pytest.raises(TiltyardError, match=r"(?s)^SNAPSHOT_TAMPERED .*baseline.npy"):
        Apart().measure(asked)


def test_who_has_not_installed_what_learns_is_told_what_to_install(tmp_path: Path) -> None:
    asked = task(tmp_path, market(tmp_path / "bars", CALM))
    without = "import sys; sys.modules['torch'] = None; import runpy; "
    with pytest.raises(TiltyardError, match=r"EXTRA_MISSING learn: torch is not installed"):
        running(f"{without}runpy.run_module('tiltyard.shell.drift', run_name='__main__')").measure(
            asked
        )


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("raise MemoryError('there is none')", "ended with 1: MemoryError: there is none"),
        ("print('no answer')", "said what is no answer: 'no answer"),
        ("print('{}')", "said what is no answer: '{}"),
        ("", "said what is no answer: ''"),
    ],
)
def test_a_process_that_dies_or_says_nothing_is_told(program: str, how: str) -> None:
    with pytest.raises(TiltyardError) as raised:
        running(program).measure(ASKED)
    assert (raised.value.code, raised.value.subject) == ("DRIFT_FAILED", "sol")
    assert raised.value.facts.startswith(f"the process that measures its drift {how}")


def test_one_that_cannot_be_started_is_told() -> None:
    with pytest.raises(TiltyardError, match="cannot be started: No such file"):
        Apart(["/no/such/program"]).measure(ASKED)


def test_one_that_hangs_is_ended() -> None:
    with pytest.raises(TiltyardError, match=r"was not done within 0.2 s"):
        running("import time; time.sleep(600)", 0.2).measure(ASKED)


def test_it_is_ended_with_the_desk_and_nothing_is_said() -> None:
    hanging = running("import time; time.sleep(600)")
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(hanging.measure(ASKED)))
    thread.start()
    until(lambda: hanging._child)
    hanging.end()
    thread.join(PROMPT)
    assert answers == [None]
    assert hanging.measure(ASKED) is None, "nor does it begin another"


AT_WORK = """
import os, runpy, sys, time
import tiltyard.shell.drift.measuring as measuring

def measure(task):
    at_work = open({0!r}, "w")
    print("at work", file=at_work, flush=True)
    time.sleep({1})

measuring.measure = measure
runpy.run_module("tiltyard.shell.drift", run_name="__main__")
"""
"""In the place of what measures: it says that it has begun, and takes its time."""
DESK = """
import json, sys
from tiltyard.shell.drift.apart import Apart
from tiltyard.shell.drift.task import Task
Apart([sys.executable, "-c", sys.argv[1]]).measure(Task.from_json(json.loads(sys.argv[2])))
"""


def test_it_does_not_survive_a_desk_that_is_killed(tmp_path: Path) -> None:
    at_work = tmp_path / "at work"
    os.mkfifo(at_work)
    program = AT_WORK.format(str(at_work), PROMPT)
    desk = subprocess.Popen([sys.executable, "-c", DESK, program, json.dumps(ASKED.to_json())])
    with at_work.open() as written:
        assert written.readline() == "at work\n"
        killed = time.monotonic()
        desk.kill()
        assert not written.read(), "it is closed when whoever writes has ended"
    assert time.monotonic() - killed < PROMPT / 3
    assert desk.wait() < 0


def test_what_lets_the_desk_in_elsewhere_is_not_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("TILTYARD_DB", "PGPASSWORD", "ANN")
    for name in (*secrets, "THEIRS"):
        monkeypatch.setenv(name, "told")
    program = "import os, sys; sys.exit(' '.join(n for n, v in os.environ.items() if v == 'told'))"
    with pytest.raises(TiltyardError, match=r"ended with 1: THEIRS$"):
        Apart([sys.executable, "-c", program], addresses={"ANN"}).measure(ASKED)
