"""A desk in this process, at times that are passed, beside others who use the same database."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from crash.floor import NOON, SECOND, append, command, populate, rules, trade
from tiltyard.actions.record import Event
from tiltyard.facts.command import Verb
from tiltyard.shell.commanding import take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.effects.delivery import Patience, deliver
from tiltyard.shell.effects.telling import Telling
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.command_table import append_command, every_command
from tiltyard.shell.store.desk_tables import nights
from tiltyard.shell.store.engine import WRITE_LOCK
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.targets import FileTarget, Target

IMPATIENT_MS = 5


@dataclass
class House:
    """A desk and its floor.

    Attributes:
        ledger: The desk's door, at which it does not wait.
        other: Everybody else's.
        folder: Where the shares are.
        now: The time of day, which moves when it is said.
        steady: Seconds on a clock that is never set.
        others: Who is told beside the file in the folder.
        said: To people, of who cannot be told the shares.
        on_stage: Told what the desk has passed.
    """

    ledger: Ledger
    other: Ledger
    folder: Path
    settings: Settings = field(default_factory=rules)
    now: datetime = NOON
    holder: str = "first"
    others: Sequence[Target] = ()
    said: list[str] = field(default_factory=list)
    token: int = 0
    steady: float = 0.0
    on_stage: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        token = take(self.ledger, self.holder, self.now)
        assert token is not None
        self.token = token
        file = FileTarget(self.folder / "shares.json")
        self.targets: dict[str, Target] = {one.name: one for one in (file, *self.others)}
        takes = {name: target.takes for name, target in self.targets.items()}
        self.desk = LiveDesk(
            self.ledger, self.settings, token, announcing=Announcing(takes),
            on_stage=lambda stage: self.on_stage(stage),  # noqa: PLW0108 a test may replace it
        )  # fmt: skip
        self.telling = {
            name: Telling(
                target, token, partial(self.deliver, "shares"),
                now=lambda: self.now, patience=Patience(), say=self.said.append,
            )
            for name, target in self.targets.items()
        }  # fmt: skip
        self.desk.start()

    def step(self, later: float = 0) -> list[Event]:
        self.now += later * SECOND
        self.steady += later
        return self.desk.step(self.now, self.steady)

    def round(self, later: float = 5) -> list[Event]:
        """A step and what follows it outside, as the running desk does."""
        done = self.step(later)
        if self.desk.trouble is None:
            self.follow()
        else:
            self.stand(self.desk.shares_alone)
        return done

    def follow(self) -> None:
        """Everybody is told what the outbox has."""
        for name, telling in self.telling.items():
            telling.judged(self.now)
            telling.follow_outbox()
            telling.look()
            self.deliver("notice", self.targets[name])

    def stand(self, shares: Mapping[str, object]) -> None:
        """Everybody is told these shares without the database."""
        for telling in self.telling.values():
            if not self.desk.is_blind:
                telling.judged(self.now)
            telling.stand_alone(shares, self.desk.revision)
            telling.look()

    def deliver(self, kind: str, target: Target) -> None:
        targets = {**self.targets, target.name: target}
        deliver(self.ledger, self.token, targets, self.now, lane=(target.name, kind))

    def lose(self, policy: str, pnl: float = -500, number: int = 0) -> None:
        """A trade comes in that breaks the arm's limit, a second ago."""
        self.earn(policy, pnl, number)

    def earn(self, policy: str, pnl: float, number: int = 0) -> None:
        one = trade(policy, number, pnl, self.now - SECOND - NOON)
        append(self.other, [one], self.now)

    def ask(self, verb: Verb, policy: str = "") -> None:
        with self.other.transaction() as inside:
            append_command(inside.connection, replace(command(verb, policy), asked_at=self.now))

    def shares(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / "shares.json").read_text())
        return found

    def traffic(self) -> dict[str, float]:
        shares = self.shares()["shares"]
        assert isinstance(shares, dict)
        return {name: float(share) for name, share in shares.items()}

    def state(self, policy: str) -> str:
        return self.desk.roster.arms[policy].state

    def written(self, kind: str) -> list[str]:
        """Whose events of this kind the audit tells of."""
        bodies = [json.loads(row.body) for row in self.other.audit()]
        return [body["policy"] for body in bodies if body["event"] == kind]

    def answers(self) -> list[str]:
        with self.other.snapshot() as still:
            return ["waits" if said is None else said.code or "done"
                    for _, said in every_command(still.connection)]  # fmt: skip

    def nights(self) -> dict[str, datetime]:
        """When the night of each trading day was noted."""
        with self.other.snapshot() as still:
            rows = still.connection.execute(sa.select(nights).where(nights.c.policy == ""))
            return {row.day: row.at for row in rows}

    def verify(self) -> None:
        verify(self.other, self.settings, self.now)


@contextmanager
def housed(url: str, folder: Path, settings: Settings | None = None,
           at: datetime = NOON, others: Sequence[Target] = ()) -> Iterator[House]:  # fmt: skip
    with Ledger.open(url, create=True, busy_timeout_ms=IMPATIENT_MS) as own:
        populate(own)
        with Ledger.open(url) as other:
            yield House(own, other, folder, settings or rules(), at, others=others)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program writes, and does not come to an end."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(found.database), isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
    else:
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute(b"SELECT pg_advisory_lock(%d)" % WRITE_LOCK)
            yield
            connection.execute(b"SELECT pg_advisory_unlock(%d)" % WRITE_LOCK)


@contextmanager
def unreadable(url: str) -> Iterator[None]:
    """Another program keeps everybody out, readers included."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(found.database), isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")
            connection.execute("PRAGMA journal_mode = WAL")
    else:
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE trades, policies IN ACCESS EXCLUSIVE MODE")
            yield
            connection.rollback()
