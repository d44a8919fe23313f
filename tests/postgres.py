"""A real Postgres for the tests: a cluster of its own, thrown away at the end.

It sorts text as English does, not by bytes, as the servers of most people do; whatever
relies on the order of text must ask for it. ``TILTYARD_TEST_POSTGRES`` names a server to
use instead, by a user who may create databases and roles.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
UNPRIVILEGED = ("postgres", "nobody")
ENGLISH = (
    "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US",
)  # fmt: skip
QUICK = "-c listen_addresses= -c fsync=off"
CLEAR_UP = 'read nothing; "$0" stop -w -m immediate -D "$1"; rm -rf "$2"'
"""Waits until we close the pipe, or are killed."""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: Of a database that is always there.
    """

    url: str
    _prefix: str = field(default_factory=lambda: f"tiltyard_{uuid4().hex[:12]}")
    _numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def database(self, options: str = "", template: str = "template0") -> Iterator[str]:
        """The URL of a new database, empty but for its template; it is dropped at the end."""
        name = f"{self._prefix}_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} {options}")
        try:
            yield self.at(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def copies_of(self, first: str) -> Callable[[], AbstractContextManager[str]]:
        """Makes copies of a database that nobody uses meanwhile."""
        return partial(self.database, template=str(make_url(first).database))

    def at(self, database: str) -> str:
        """The URL of one of its databases."""
        start, question_mark, options = self.url.partition("?")
        return f"{start.rpartition('/')[0]}/{database}{question_mark}{options}"

    def run(self, statement: str, database: str | None = None) -> None:
        """Run a statement outside of any transaction."""
        url = self.url if database is None else database
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server; skips where there is none, fails in CI."""
    named = os.environ.get("TILTYARD_TEST_POSTGRES")
    if named:
        yield Server(named)
        return
    if not (PROGRAMS / "initdb").is_file():
        missing = f"no Postgres in {PROGRAMS}; install postgresql-15, or set TILTYARD_TEST_POSTGRES"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    yield from _cluster(Path(tempfile.mkdtemp(prefix="tiltyard-postgres-")))


@pytest.fixture
def own(postgres: Server) -> Iterator[Server]:
    """A server that nobody else uses; skips where there is none to be made."""
    if "tiltyard-postgres-" not in postgres.url or not (PROGRAMS / "initdb").is_file():
        pytest.skip("the server is somebody else's, and is not stopped for a test")
    yield from _cluster(Path(tempfile.mkdtemp(prefix="tiltyard-postgres-")))


def stop(server: Server) -> None:
    """Stop a server of one's own, as a power cut would."""
    data = _folder_of(server) / "data"
    _run(_unprivileged(), "pg_ctl", "stop", "-w", "-m", "immediate", "-D", data)


def start(server: Server, *options: str) -> None:
    """Start it again."""
    folder = _folder_of(server)
    _run(_unprivileged(), "pg_ctl", "start", "-w", "-D", folder / "data", "-l", folder / "log",
         "-o", " ".join([QUICK, f"-k {folder}", *options]))  # fmt: skip


def follow(server: Server) -> None:
    """When it starts next, it is one that follows another and only reads."""
    (_folder_of(server) / "data" / "standby.signal").touch()


def _folder_of(server: Server) -> Path:
    return Path(str(make_url(server.url).query["host"]))


def _cluster(folder: Path) -> Iterator[Server]:
    user = _unprivileged()
    if user is not None:
        shutil.chown(folder, user)
    data, log = folder / "data", folder / "log"
    clear_up = ("sh", "-c", CLEAR_UP, PROGRAMS / "pg_ctl", data, folder)
    waiting = subprocess.Popen(
        clear_up, **_as(user), cwd="/", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    with waiting:
        _run(user, "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", *ENGLISH)
        _run(user, "pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", f"{QUICK} -k {folder}")
        yield Server(f"postgresql://tester@/postgres?host={folder}")


def _unprivileged() -> str | None:
    """Who runs the server when we are root, which it refuses."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)


def _as(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _run(user: str | None, program: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [PROGRAMS / program, *arguments], **_as(user), cwd="/", stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
