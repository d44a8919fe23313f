"""A ledger with arms on it, and everybody who acts on them: people, SQL, the desk.

The database stamps edits with its own clock, so the days told here are near the present.
The trading day begins half a day away from it: a test never runs across its border.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa

from tiltyard.actions.record import registered
from tiltyard.checklist.guard import Checklist
from tiltyard.facts.arm import FLAT, Arm, Roster, State
from tiltyard.facts.command import Command, Outcome, Verb
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.router.lifecycle import TRADING
from tiltyard.shell.clock import system_now
from tiltyard.shell.commanding import Times, ask, give_back, take
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.settings import ScheduleSettings, Settings, load
from tiltyard.shell.store.edits import write_bounds
from tiltyard.shell.store.engine import database_url
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.tables import metadata

NOW = system_now().replace(microsecond=0)
DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
SCHEDULE = ScheduleSettings(nightly=time((NOW - timedelta(hours=12)).hour))
GUARDED = load().model_copy(update={"schedule": SCHEDULE})
UNGUARDED = GUARDED.model_copy(update={"checklist": Checklist((), "nobody guards")})

CAPITAL = money(100_000)
CHAMPION = "reinforcement_20250601_120000_c0ffee00"
FIRST = "reinforcement_20250707_154526_eee02a74"
SECOND_ARM = "timesnet_20250701_090000_0badcafe"
THIRD = "timesnet_20250702_090000_1badcafe"
CHALLENGERS = (FIRST, SECOND_ARM, THIRD)
BEGAN = NOW - 20 * DAY

_keys = count()


class Clock:
    """The clocks of a process, moved by hand."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.desk: LiveDesk | None = None

    def wait(self, seconds: float) -> None:
        """Time passes, and the desk that lives makes its round meanwhile."""
        self.now += timedelta(seconds=seconds)
        if self.desk is not None:
            self.desk.step(self.now)

    def times(self) -> Times:
        return Times(lambda: self.now, self.steady, self.wait)

    def steady(self) -> float:
        return self.now.timestamp()


def challenger(
    name: str, share: float, state: State = "live", *, ceiling: float | None = None
) -> Arm:
    """An arm as the audit adds up to it; on trial with room for one multiplication."""
    trading = state in TRADING
    if ceiling is None:
        ceiling = round(min(0.6, share * 1.5), 12) if trading else 0.0
    return Arm(
        name, "challenger", state, share, 0.1, ceiling, CAPITAL, BEGAN,
        throttled_by="" if trading else "person",
    )  # fmt: skip


def employ(ledger: Ledger, *arms: Arm, champion: str = CHAMPION) -> None:
    """A champion, whoever challenges it, and ``flat``; the trigger knows the floor."""
    roster = Roster()
    for arm in (
        Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, BEGAN, kind=FLAT),
        Arm(champion, "champion", "champion", 1, 1, 1, CAPITAL, BEGAN),
        *arms,
    ):
        roster = roster.with_arm(arm)
    joined = [registered(arm, BEGAN, "test") for arm in roster.arms.values()]
    with ledger.transaction() as inside:
        inside.save_roster(roster, joined, at=BEGAN)
        write_bounds(inside.connection, GUARDED.shares.rules().champion_floor)


def report(
    ledger: Ledger, trades: Iterable[Trade], now: datetime = NOW, settings: Settings = GUARDED
) -> None:
    """Trades come in, and the metric columns with them."""
    with ledger.staging() as staging:
        staging.add([(row, one, False) for row, one in enumerate(trades)])
        staging.commit(now=now, known_at=now)
    refresh_metrics(ledger, settings, now)


def trades_of(policy: str, pnls: Sequence[float], until: datetime = NOW) -> list[Trade]:
    """One trade a minute, the last of them a minute ago; percent of the capital each."""
    first = until - len(pnls) * MINUTE
    return [
        Trade(
            "bot", f"{policy}-{first + n * MINUTE}", policy, "BTC/USDT", "long",
            first + n * MINUTE - 30 * SECOND, first + n * MINUTE, money(1000 * pnl),
        )
        for n, pnl in enumerate(pnls)
    ]  # fmt: skip


def earning(trades: int = 160, win: float = 0.6, loss: float = -0.2) -> list[float]:
    """A win and a loss in turn."""
    return [loss if n % 2 else win for n in range(trades)]


def earned(ledger: Ledger) -> None:
    """Everybody deserves more, by the users' rule."""
    every = [*trades_of(CHAMPION, earning(170, 0.4))]
    for name in CHALLENGERS:
        every += trades_of(name, earning())
    known = ledger.roster().arms
    report(ledger, [one for one in every if one.policy in known])


def asked(
    ledger: Ledger, verb: Verb, policy: str = "", *, clock: Clock | None = None,
    settings: Settings = UNGUARDED, key: str = "", **arguments: str,
) -> Outcome:  # fmt: skip
    """What ``tiltyard VERB POLICY`` does."""
    clock = clock or Clock()
    command = Command(
        key or f"key-{next(_keys)}", verb, policy, "ada", "a test", clock.now, arguments
    )
    return ask(ledger, settings, command, clock.times(), holder="test", targets={})


@contextmanager
def desk_on(
    ledger: Ledger, now: datetime = NOW, *, settings: Settings = UNGUARDED, observe: bool = False
) -> Iterator[LiveDesk]:
    token = take(ledger, "desk", now)
    assert token is not None
    desk = LiveDesk(ledger, settings, token, observe=observe)
    desk.start()
    yield desk
    give_back(ledger, token)


def stranger(ledger: Ledger) -> sa.Engine:
    """How other software connects; it gives up soon on a lock."""
    url = database_url(ledger.url.render_as_string(hide_password=False))
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(url, connect_args={"timeout": 0.05}, poolclass=sa.NullPool)
    patience = {"options": "-c lock_timeout=50"}
    return sa.create_engine(url, connect_args=patience, poolclass=sa.NullPool)


def run_sql(ledger: Ledger, *statements: str) -> int:
    """Somebody types SQL, in one transaction; the rows that the last statement met."""
    rows = 0
    with stranger(ledger).begin() as connection:
        for statement in statements:
            rows = connection.execute(sa.text(statement)).rowcount
    return rows


def set_share(ledger: Ledger, policy: str, share: str) -> int:
    """``traffic_allocation`` of one arm, as an SQL expression."""
    return run_sql(
        ledger,
        f"UPDATE bandit_arms SET traffic_allocation = {share} "  # noqa: S608 we write it
        f"WHERE policy_id = (SELECT id FROM policies WHERE name = '{policy}')",
    )


def shares(ledger: Ledger) -> dict[str, float]:
    return {name: arm.share for name, arm in ledger.roster().arms.items()}


def dump(ledger: Ledger, but: Iterable[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, by table."""
    left_out = set(but)
    with ledger._engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
            if table.name not in left_out
        }


def events(ledger: Ledger, kind: str = "", after: int = 0) -> list[Mapping[str, Any]]:
    every = [json.loads(row.body) for row in ledger.audit(after=after)]
    return [event for event in every if kind in ("", event["event"])]


def audit_length(ledger: Ledger) -> int:
    return max((row.seq for row in ledger.audit()), default=0)


def forget_everything(ledger: Ledger) -> None:
    """An empty ledger again, quicker than a new one; the database lets nobody else do that."""
    with ledger._engine.begin() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_stay'"
        kept = connection.exec_driver_sql(query).all() if is_sqlite else []
        for name, _ in kept:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        if not is_sqlite:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        for _, definition in kept:
            connection.exec_driver_sql(definition)
