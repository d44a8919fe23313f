"""A command in a process of its own: its answer, its end, and whom it does not survive."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.tethered import answer_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.supervise.processes import seen
from waiting import until

WORDS = ["train", "rl", "--data", "bars"]
PATIENCE = 300.0
BESIDE = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("pids", "w").write(f"{os.getpid()} {child.pid}")
"""
"""One that has a child, and says who they are."""
WAITS = f"{BESIDE}\nchild.wait()"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "desk.db"), create=True) as opened:
        yield opened


def answer(ledger: Ledger, script: str, seconds: float = PATIENCE) -> object:
    return answer_of(WORDS, ledger, seconds, command=(sys.executable, "-c", script))


def pids(folder: Path) -> list[int]:
    def written() -> bool:
        return (folder / "pids").exists() and len((folder / "pids").read_text().split()) == 2

    until(written, 60)
    return list(map(int, (folder / "pids").read_text().split()))


def are_gone(numbers: list[int]) -> bool:
    return all((found := seen(one)) is None or found.is_gone for one in numbers)


def test_what_it_prints_as_json_is_its_answer_and_it_knows_the_words_and_the_ledger(
    ledger: Ledger, tmp_path: Path
) -> None:
    script = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['TILTYARD_DB']]))"
    assert answer(ledger, script) == [WORDS, str(tmp_path / "desk.db")]


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("import os; os.kill(os.getpid(), 9)", "it was ended by SIGKILL, perhaps for want"),
        ("import os; os.kill(os.getpid(), 15)", "it was ended by SIGTERM"),
        ("raise SystemExit(143)", "it was told to end"),
        ("raise SystemExit(3)", "it ended with 3, and did not say what came of it"),
        ("print('{}'); raise SystemExit(1)", "it ended with 1"),
        ("print('almost {')", "it ended with 0, and did not say what came of it"),
    ],
)
def test_what_ended_it_is_said_and_that_it_can_be_gone_on_with(
    ledger: Ledger, script: str, how: str
) -> None:
    with pytest.raises(TiltyardError, match="TRAINING_STOPPED train rl") as raised:
        answer(ledger, script)
    assert raised.value.facts.startswith(how)
    assert raised.value.remedy == "run the same again: it goes on from what is kept"


def test_whoever_does_not_end_in_time_is_ended_with_its_children(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TiltyardError, match="it had not ended after 0 min, and was ended"):
        answer(ledger, WAITS, 2.0)
    until(lambda: are_gone(pids(tmp_path)), 30)


def test_whatever_it_leaves_behind_is_ended(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert answer(ledger, f"{BESIDE}\nprint('{{}}')") == {}
    until(lambda: are_gone(pids(tmp_path)), 30)


TASK = """
import sys
from tiltyard.shell.maintenance.tethered import answer_of
from tiltyard.shell.store.ledger import Ledger
with Ledger.open("desk.db") as ledger:
    answer_of(["train"], ledger, 600.0, command=(sys.executable, "-c", sys.argv[1]))
"""
TIED = f"""
import os, sys
from tiltyard.shell.tied import end_when_left_alone
end_when_left_alone(with_kin=True)
{WAITS}
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_does_not_survive_its_task_however_that_ends(
    ledger: Ledger, tmp_path: Path, number: signal.Signals
) -> None:
    assert ledger.roster().arms == {}
    with subprocess.Popen([sys.executable, "-c", TASK, TIED], cwd=tmp_path) as task:
        family = pids(tmp_path)
        assert not are_gone(family)
        task.send_signal(number)
        until(lambda: are_gone(family), 60)


def test_what_is_wrong_is_told_by_its_own_code(ledger: Ledger, tmp_path: Path) -> None:
    words = ["train", "rl", "--data", str(tmp_path / "nowhere"), "--json"]
    with pytest.raises(TiltyardError) as raised:
        answer_of(words, ledger, PATIENCE)
    assert (raised.value.code, raised.value.facts) == ("FEED_MISSING", "there is no such folder")
