"""A day on a small floor, moment by moment, with everything in it that a desk can do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from tiltyard.actions.record import registered
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.command import Command, Verb
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.settings import RunSettings, Settings, load
from tiltyard.shell.store.command_table import append_command
from tiltyard.shell.store.desk_tables import external_edits
from tiltyard.shell.store.ledger import Ledger

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
CAPITAL = money(10_000)
PROD, GOOD, BAD, HAND = "prod", "good", "bad", "hand"
CHALLENGERS = (GOOD, BAD, HAND)
LOWERED = (
    "UPDATE bandit_arms SET traffic_allocation = 0.05 "
    "WHERE policy_id = (SELECT id FROM policies WHERE name = 'good')"
)


@dataclass(frozen=True)
class Moment:
    """What comes in before one step of the desk.

    Attributes:
        after: Since noon.
        trades: Closed by then.
        commands: Asked.
        edit: SQL that a person types.
        deskless: No desk runs, and whoever asks acts.
    """

    after: timedelta
    trades: tuple[Trade, ...] = ()
    commands: tuple[Command, ...] = ()
    edit: str = ""
    deskless: bool = False

    @property
    def at(self) -> datetime:
        return NOON + self.after


def trade(policy: str, number: int, pnl: float, after: timedelta, **fields: object) -> Trade:
    closed = NOON + after
    return Trade(
        "bot", f"{policy}-{number}", policy, "BTC/USDT", "long", closed - MINUTE, closed,
        money(pnl),
    )._replace(**fields)  # type: ignore[arg-type] # fields of a trade # fmt: skip


def command(verb: Verb, policy: str = "", **arguments: str) -> Command:
    key = f"{verb}-{policy}"
    return Command(key, verb, policy, "ann", "because", NOON, arguments)


def _run(policy: str, after: timedelta, *pnls: float, first: int = 0) -> tuple[Trade, ...]:
    return tuple(trade(policy, first + n, pnl, after + n * SECOND) for n, pnl in enumerate(pnls))


NIGHT = 14 * HOUR
DAY = (
    Moment(0 * SECOND, commands=(command("halt", HAND),), deskless=True),
    Moment(
        10 * SECOND, _run(GOOD, 2 * SECOND, -1, -1, -1, -1, -1, 6, first=500)
    ),  # the first desk has begun, and sees a run of losses that is over
    Moment(
        2 * MINUTE,
        (*_run(GOOD, MINUTE, 50, 40, -10, 60), *_run(PROD, MINUTE, *(30, -29) * 20),
         *_run(BAD, MINUTE, 10, -500, -20)),
    ),  # the challenger is halted, the champion's profit factor proposes a rollback
    Moment(
        4 * MINUTE,
        (trade(GOOD, 90, 5, 30 * SECOND), trade(GOOD, 1, 45, MINUTE + SECOND, revision=2)),
        edit=LOWERED,
    ),  # one late trade, one corrected, and an edit by SQL
    Moment(
        6 * MINUTE,
        _run(GOOD, 5 * MINUTE, -1, -1, -1, -1, -1, first=100),
        (command("acknowledge", BAD), command("freeze"), command("rearm", "nobody")),
    ),
    Moment(6 * MINUTE + 7 * SECOND),
    Moment(8 * MINUTE, commands=(command("resume"), command("scale"))),
    Moment(NIGHT + 5 * SECOND, _run(GOOD, NIGHT - MINUTE, 20, 20, first=200)),
    Moment(NIGHT + MINUTE, _run(GOOD, NIGHT + 10 * SECOND, -450, first=300)),
)  # fmt: skip
"""In the end everybody but the champion is halted: one by hand, two by their drawdown."""


def rules() -> Settings:
    """The defaults; but a moment may come long after the last, and nobody is called dead."""
    return load().model_copy(update={"run": RunSettings(deadman=1e9)})


def roster(names: Iterable[str] = CHALLENGERS, share: float = 0.1) -> Roster:
    names = list(names)
    rest = round(1 - share * len(names), 6)
    found = Roster()
    for one in (
        Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, NOON, kind=FLAT),
        Arm(PROD, "champion", "champion", rest, 1, 1, CAPITAL, NOON, kind="external"),
        *(Arm(name, "challenger", "probation", share, share, 2 * share, CAPITAL, NOON,
              kind="external", trial_started_at=NOON - HOUR) for name in names),
    ):  # fmt: skip
        found = found.with_arm(one)
    return found


def populate(ledger: Ledger, names: Iterable[str] = CHALLENGERS, share: float = 0.1) -> None:
    """The arms are registered, and nobody has traded."""
    found = roster(names, share)
    joined = [registered(one, NOON - HOUR, "test") for one in found.arms.values()]
    ledger.save_roster(found, joined, at=NOON - HOUR)
    refresh_metrics(ledger, load(), NOON)


def append(ledger: Ledger, trades: Iterable[Trade], now: datetime) -> None:
    with ledger.staging() as staging:
        staging.add([(n, one, one.revision > 1) for n, one in enumerate(trades)])
        staging.commit(now=now, known_at=now)


def ask_and_edit(ledger: Ledger, moment: Moment) -> None:
    """Once, however often it is done."""
    with ledger.transaction() as inside:
        for one in moment.commands:
            append_command(inside.connection, one)
        told = inside.connection.scalar(sa.select(sa.func.count()).select_from(external_edits))
        if moment.edit and not told:
            inside.connection.exec_driver_sql(moment.edit)
