"""A running desk over a good champion and a good challenger, and who asks it for something."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from records import BOT, CAPITAL, CHAMPION, ledger_of, trade
from tiltyard.actions.record import Event
from tiltyard.facts.command import Command, Outcome, Verb
from tiltyard.facts.trade import Trade
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.settings import RunSettings, Settings, load
from tiltyard.shell.store.command_table import append_command, outcome_of
from tiltyard.shell.store.ledger import Ledger

SETTINGS = load().model_copy(update={"run": RunSettings(deadman=1e9)})
NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
KEYS = iter(range(10_000))


def good(count: int, policy: str = BOT, first: int = 0) -> list[Trade]:
    """Profit factor 3, without a fall worth the name."""
    return [trade(policy, 2 * n, 3 if n % 2 else -1) for n in range(first, first + count)]


def fall(policy: str = BOT, hours: float = 700, percent: float = 5) -> Trade:
    return trade(policy, hours, -percent / 100 * float(CAPITAL) / 1e8)


def append(ledger: Ledger, trades: Iterable[Trade], now: datetime) -> None:
    with ledger.staging() as staging:
        staging.add([(n, one, False) for n, one in enumerate(trades)])
        staging.commit(now=now, known_at=now)


@contextmanager
def desk_on(
    ledger: Ledger, now: datetime, settings: Settings = SETTINGS, *, observe: bool = False,
    night_after: timedelta = timedelta(),
) -> Iterator[LiveDesk]:  # fmt: skip
    token = take(ledger, "test", now)
    assert token is not None
    desk = LiveDesk(ledger, settings, token, observe=observe, night_after=night_after)
    desk.start()
    yield desk
    give_back(ledger, token)


def put(ledger: Ledger, verb: Verb, policy: str, now: datetime, **said: str) -> int:
    """A command that waits; where it stands in the ledger."""
    command = Command(f"key {next(KEYS)}", verb, policy, "ann", "because", now, said)
    with ledger.transaction() as inside:
        return append_command(inside.connection, command)


def asked(
    ledger: Ledger, desk: LiveDesk, verb: Verb, policy: str, now: datetime, **said: str
) -> Outcome:
    """What a running desk answers."""
    seq = put(ledger, verb, policy, now, **said)
    desk.step(now)
    with ledger.snapshot() as still:
        outcome = outcome_of(still.connection, seq)
    assert outcome is not None
    return outcome


def kinds(events: Iterable[Event]) -> list[str]:
    return [event["event"] for event in events]


def audited(ledger: Ledger, kind: str) -> list[Event]:
    return [event for row in ledger.audit() if (event := json.loads(row.body))["event"] == kind]


@contextmanager
def good_ledger(path: Path) -> Iterator[Ledger]:
    """A champion and a challenger with 200 good trades each, the bot live at 10 %."""
    with ledger_of(path, [*good(200), *good(200, CHAMPION)]) as opened:
        with desk_on(opened, NOON - MINUTE) as desk:
            assert kinds(desk.step(NOON - MINUTE)) == ["admit", "graduate"]
        yield opened
