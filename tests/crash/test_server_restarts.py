"""A real desk goes on while its Postgres is stopped and started again."""

import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import psycopg

from crash.floor import BAD, append, populate, trade
from postgres import Server, start, stop
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.desk_record import read_progress
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import Waking

LONGEST = 60


def wait_for_a_step(url: str) -> None:
    with Ledger.open(url) as ledger, Waking(ledger.url) as waking:
        while True:
            with ledger.snapshot() as still:
                progress = read_progress(still.connection)
            if progress is not None and progress.step:
                return
            waking.wait(1)


def test_a_desk_outlives_its_server_and_halts_when_it_answers_again(
    own: Server, tmp_path: Path
) -> None:
    with own.database() as url:
        with Ledger.open(url, create=True) as ledger:
            populate(ledger)
        desk = subprocess.Popen(
            [sys.executable, "-m", "tiltyard", "run", "--interval", "0.2", "--db", url],
            cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": "1"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        limit = threading.Timer(LONGEST, desk.kill)
        limit.start()
        assert desk.stderr is not None
        assert desk.stdout is not None
        assert "the desk acts" in desk.stderr.readline()
        wait_for_a_step(url)
        stop(own)
        says = iter(desk.stderr.readline, "")
        assert any("the desk goes on in memory" in line for line in says)
        start(own)
        assert any("the database answers again" in line for line in says)
        with Ledger.open(url) as ledger:
            now = system_now()
            fact = trade(BAD, 1, -600, now - now)._replace(opened_at=now, closed_at=now)
            append(ledger, [fact], now)
        assert any(f"halt  {BAD}" in line for line in iter(desk.stdout.readline, ""))
        desk.terminate()
        assert desk.wait(LONGEST) == 0
        limit.cancel()
        desk.stdout.close()
        desk.stderr.close()
        with closing(psycopg.connect(url)) as connection:
            count = 'SELECT count(*) FROM audit WHERE body LIKE \'%"event":"halt"%\''
            assert connection.execute(count).fetchone() == (1,)
