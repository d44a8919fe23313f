"""A learner that supervisord runs: a real one, over its socket and over HTTP."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from programs import program
from receivers import hangs, listening, says, writes
from supervise.benches import EXAMPLE, PROMPT, Bench
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import system_now
from tiltyard.shell.sections.learner import LearnerSettings
from tiltyard.shell.store.outbox import RESTART, Effect
from tiltyard.shell.supervise.supervised import status_in
from tiltyard.shell.supervise.supervisord import Supervisord
from waiting import until

CONFIGURATION = """
[supervisord]
nodaemon = true
logfile = {folder}/supervisord.log
pidfile = {folder}/supervisord.pid
childlogdir = {folder}
[unix_http_server]
file = {folder}/s.sock
[inet_http_server]
port = 127.0.0.1:{port}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:learner]
command = {python} {example} {folder}/checkpoint.json --pause 0.01
environment = TILTYARD_LEARNER_STATUS="{status}"
startsecs = 0
[program:broken]
command = {python} -c "raise SystemExit(3)"
startretries = 0
startsecs = 1
[program:ends]
command = {python} -c "print('done')"
startsecs = 0
autorestart = false
"""


@dataclass
class Running:
    folder: Path
    addresses: dict[str, str]

    def bench(self, by: str = "socket", program: str = "learner") -> Bench:
        return Bench(
            LearnerSettings(
                supervisord=self.addresses[by], program=program, folder=str(self.folder / "learner")
            )
        )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answers(supervisord: Supervisord) -> bool:
    try:
        supervisord.standing()
    except TiltyardError:
        return False
    return True


@contextmanager
def running() -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as name:  # a socket's path must be short
        folder, port = Path(name), free_port()
        found = Running(
            folder, {"socket": f"unix://{folder}/s.sock", "http": f"http://127.0.0.1:{port}"}
        )
        status = status_in(LearnerSettings(folder=str(folder / "learner")))
        status.parent.mkdir()
        text = CONFIGURATION.format(
            folder=folder, port=port, python=sys.executable, example=EXAMPLE, status=status
        )
        (folder / "supervisord.conf").write_text(text)
        with subprocess.Popen(
            [program("supervisord"), "-c", str(folder / "supervisord.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            try:
                until(lambda: answers(Supervisord(found.addresses["socket"], "learner", 10)))
                yield found
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PROMPT)


@pytest.fixture(scope="module")
def house() -> Iterator[Running]:
    with running() as found:
        yield found


def asked(key: str, body: str = "{}") -> Effect:
    now = system_now()
    return Effect(1, key, "learner", RESTART, body, "requested", 0, now, now, None, "")


@pytest.mark.parametrize("by", ["socket", "http"])
def test_a_learner_saves_its_work_is_restarted_and_moves_on(by: str, house: Running) -> None:
    bench = house.bench(by)
    learner = Supervisord(house.addresses[by], "learner", 10)
    bench.until(lambda: not learner.has_begun_since(system_now() - timedelta(seconds=3)))
    bench.until(lambda: bench.step() > 20)
    assert bench.observed() == {"learner_progress": 1, "learner_running": 1}
    bench.added = 0
    before = bench.step()
    effect = asked(f"by {by}")
    bench.learner.send(effect)
    assert bench.learner.has(effect)
    checkpoint = json.loads((house.folder / "checkpoint.json").read_text())["step"]
    assert checkpoint >= before, "it was asked to save its work, and had the time"
    bench.until(lambda: bench.status().get("at", "") > time_text(effect.requested_at))
    assert bench.step() >= checkpoint, "it comes back with its work"
    ever = bench.known.restarts_ever
    bench.learner.send(effect)
    assert bench.known.restarts_ever == ever, "the same restart is not carried out twice"


def test_a_restart_that_was_asked_for_before_it_began_is_done(house: Running) -> None:
    bench = house.bench()
    learner = Supervisord(house.addresses["socket"], "learner", 10)
    assert learner.has_begun_since(system_now() - timedelta(hours=1))
    assert not learner.has_begun_since(system_now())
    bench.until(lambda: bench.step() > 0)


def test_one_that_was_stopped_between_is_started(house: Running) -> None:
    learner = Supervisord(house.addresses["socket"], "learner", 10)
    learner._ask(10, "stopProcess", "learner")
    assert learner.standing() == "stopped"
    assert not learner.ask_to_checkpoint()
    noted: list[int] = []
    learner.restart("key", lambda: noted.append(1))
    assert learner.standing() == "running"
    assert noted == [1]


def test_what_supervisord_gave_up_is_given_up_and_what_ended_well_is_done(house: Running) -> None:
    broken, ends = house.bench(program="broken"), house.bench(program="ends")
    until(lambda: broken.observed()["learner_running"] == 0)
    until(lambda: Supervisord(house.addresses["http"], "ends", 10).standing() == "done")
    assert ends.observed() == {"learner_progress": 1, "learner_running": 1}, "nothing is stuck"
    ends.added = 0
    ends.learner.send(asked("of one that is done"))
    assert Supervisord(house.addresses["http"], "ends", 10).standing() == "done"


def test_after_three_restarts_by_guards_it_is_given_up_and_left_as_it_is(house: Running) -> None:
    bench = house.bench()
    for number in range(4):
        try:
            bench.until(lambda: bench.step() > 0)
            bench.learner.send(asked(f"guard {number}"))
        except TiltyardError as error:
            assert "given up" in str(error)  # noqa: PT017 which of them it is, depends on the others
    assert bench.known.fate == "given_up"
    assert bench.observed()["learner_running"] == 0
    assert Supervisord(house.addresses["socket"], "learner", 10).standing() == "running"


def test_a_program_that_nobody_knows_is_refused(house: Running) -> None:
    with pytest.raises(TiltyardError, match="TARGET_REFUSED supervisord, nobody: BAD_NAME"):
        Supervisord(house.addresses["http"], "nobody", 10).standing()


def test_a_supervisord_that_is_away_or_is_none_is_unreachable(tmp_path: Path) -> None:
    for address in (f"unix://{tmp_path}/none.sock", f"http://127.0.0.1:{free_port()}"):
        bench = Bench(
            LearnerSettings(supervisord=address, program="learner", folder=str(tmp_path / "l"))
        )
        assert not bench.observed(), "nobody knows how it is"
        with pytest.raises(TiltyardError, match="TARGET_UNREACHABLE"):
            bench.learner.send(asked("key"))
    for answer in (says(500), says(200, b"<html>"), writes(b"no HTTP"), hangs):
        with listening() as receiver:
            receiver.script.append(answer)
            with pytest.raises(TiltyardError, match="TARGET_UNREACHABLE"):
                Supervisord(receiver.url, "learner", 1)._ask(1, "getProcessInfo", "learner")
