"""The server says nothing more: nobody waits for minutes, and the desk stands without it."""

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from crash.floor import BAD, MINUTE, NOON, PROD, append, populate, trade
from crash.house import House
from crash.test_server_restarts import wait_for_a_step
from networks import Door, door_to, strait_to
from postgres import Server
from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import system_now
from tiltyard.shell.store import waking
from tiltyard.shell.store.answer_limit import AnswerLimit
from tiltyard.shell.store.engine import SERVER
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import Waking

LONGEST = 60
"""Seconds after which a test that hangs is ended, and fails."""
SOON = 0.2
HASTY = {"connect_timeout": "2", "tcp_user_timeout": "1000"}
"""For tests, what takes 15 s in use."""
WATCHFUL = {**HASTY, "keepalives_idle": "1", "keepalives_interval": "1"}
ASK = """
import sys
from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import Waking
with Ledger.open(sys.argv[1]) as ledger, Waking(ledger.url) as waking:
    ask = {"read": ledger.roster, "wait": lambda: waking.wait(3600)}[sys.argv[2]]
    print("open", flush=True)
    input()
    try:
        print(ask())
    except TiltyardError as error:
        print(error)
"""


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    """A database with a floor in it."""
    with postgres.database() as new:
        with Ledger.open(new, create=True) as ledger:
            populate(ledger)
        yield new


@pytest.fixture
def door(url: str) -> Iterator[Door]:
    with door_to(url) as one:
        limit = threading.Timer(LONGEST, one.open)
        limit.start()
        yield one
        limit.cancel()


@contextmanager
def running(
    command: list[str], folder: Path, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed when it has taken too long."""
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONUNBUFFERED": "1", **environment}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    limit = threading.Timer(LONGEST, process.kill)
    limit.start()
    with process:
        yield process
        process.kill()
    limit.cancel()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def says(desk: subprocess.Popen[str], what: str) -> bool:
    """Whether a desk says so before it ends."""
    assert desk.stderr is not None
    return any(what in said for said in iter(desk.stderr.readline, ""))


DESK = [sys.executable, "-m", "tiltyard", "run", "--interval", "0.2", "--db"]


# A host that has vanished


@pytest.mark.parametrize("asked", ["read", "wait"])
def test_a_server_whose_packets_vanish_is_unreachable_soon(
    url: str, tmp_path: Path, asked: str
) -> None:
    with strait_to(url) as strait:
        ask = strait.here([sys.executable, "-c", ASK, strait.url(url, **WATCHFUL), asked])
        with running(ask, tmp_path) as process:
            assert line(process) == "open\n"
            strait.block()
            assert process.stdin is not None
            process.stdin.write("now\n")
            process.stdin.flush()
            assert line(process).startswith("DATABASE_UNREACHABLE ")


def test_every_connection_gives_a_silent_host_up_after_15_s(url: str, door: Door) -> None:
    with Ledger.open(door.url(url)) as ledger, ledger.snapshot() as still:
        driver = still.connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with socket.socket(fileno=os.dup(driver.fileno())) as own:
            unacknowledged = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            idle, interval, count = (own.getsockopt(socket.IPPROTO_TCP, one) for one in options)
    assert unacknowledged == SERVER["tcp_user_timeout"] == 15_000
    assert idle + interval * count == 15


def test_a_desk_outlives_a_server_whose_packets_vanish(url: str, tmp_path: Path) -> None:
    with strait_to(url) as strait:
        desk = strait.here([*DESK, strait.url(url, **WATCHFUL)])
        with running(desk, tmp_path) as process:
            assert says(process, "the desk acts")
            strait.block()
            assert says(process, "the desk goes on in memory")
            strait.clear()
            assert says(process, "the database answers again")
            with Ledger.open(url) as ledger:
                now = system_now()
                fact = trade(BAD, 1, -600, now - now)._replace(opened_at=now, closed_at=now)
                append(ledger, [fact], now)
            assert any(f"halt  {BAD}" in said for said in iter(lambda: line(process), ""))


# A server that has stalled


def stall(door: Door, answers: AnswerLimit) -> None:
    """From now on it answers nothing, and an answer is not waited for long."""
    door.shut()
    answers.seconds = SOON


def recover(door: Door, answers: AnswerLimit) -> None:
    """It answers, however busy this machine is."""
    answers.seconds = None
    door.open()


def test_an_answer_that_takes_too_long_is_not_waited_for(url: str, door: Door) -> None:
    answers = AnswerLimit()
    with Ledger.open(door.url(url, **HASTY), answers=answers) as ledger:

        def ask_and_stall() -> Roster:
            with ledger.snapshot() as still:
                assert still.roster().arms
                stall(door, answers)
                return still.roster()

        with pytest.raises(TiltyardError, match=r"^DATABASE_UNREACHABLE .* has stalled"):
            ask_and_stall()
        with pytest.raises(TiltyardError, match=r"^DATABASE_UNREACHABLE .* no server answers"):
            ledger.roster()
        recover(door, answers)
        assert BAD in ledger.roster().arms


def test_who_sets_no_limit_waits_as_long_as_it_takes(url: str, door: Door) -> None:
    with Ledger.open(door.url(url)) as ledger, ledger.snapshot() as still:
        door.shut()
        opening = threading.Timer(5 * SOON, door.open)
        opening.start()
        assert BAD in still.roster().arms
        opening.join()


def test_a_commit_that_is_not_answered_is_not_waited_for_and_counts_if_it_went_through(
    url: str, door: Door, tmp_path: Path
) -> None:
    answers = AnswerLimit()
    with (
        Ledger.open(door.url(url, **HASTY), busy_timeout_ms=1000, answers=answers) as own,
        Ledger.open(url) as other,
    ):
        house = House(own, other, tmp_path)
        house.round()
        house.lose(BAD)
        house.on_stage = lambda stage: stall(door, answers) if stage == "written" else None
        house.round()
        assert house.state(BAD) == "halted"
        assert "the server has stalled" in str(house.desk.trouble)
        assert house.desk.is_blind
        assert BAD not in house.traffic()
        house.on_stage = print
        recover(door, answers)
        house.round()
        house.round()
        assert house.desk.trouble is None
        assert house.written("halt") == [BAD]
        house.verify()


def test_who_is_woken_and_finds_no_server_is_told(
    url: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "ANSWER_SECONDS", SOON)
    with Ledger.open(url) as ledger, Waking(make_url(door.url(url))) as woken:
        append(ledger, [trade(BAD, 1, 1, MINUTE)], NOON)
        connection = woken._connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        assert select.select([connection], [], [], LONGEST)[0]
        door.shut()
        with pytest.raises(TiltyardError, match=r"^DATABASE_UNREACHABLE .* has stalled"):
            woken.wait(LONGEST)


def test_challengers_lose_their_traffic_when_the_server_has_stalled_for_too_long(
    url: str, door: Door, tmp_path: Path
) -> None:
    patience = {"TILTYARD_RUN_DEADMAN": "4", "TILTYARD_EFFECTS_FILE": "shares.json"}
    with running([*DESK, door.url(url, **HASTY)], tmp_path, **patience) as desk:
        assert says(desk, "the desk acts")
        wait_for_a_step(url)
        door.shut()
        assert says(desk, "nothing was judged for 4 s: no traffic for challengers")
        desk.terminate()
        assert desk.wait(LONGEST) == 0
    shares = json.loads((tmp_path / "shares.json").read_text("utf-8"))
    assert shares["shares"] == {PROD: "1"}
