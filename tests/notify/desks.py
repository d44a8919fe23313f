"""A desk that tells people, at times that are passed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from live_desks import append, fall, good, put
from records import BOT, CHAMPION, ledger_of
from tiltyard.facts.command import Verb
from tiltyard.facts.observation import Observation
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.effects.delivery import Delivered, deliver
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.notify.escalation import escalate
from tiltyard.shell.notify.people import People
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import Effect, every_effect
from tiltyard.shell.store.page_table import Page, every_page
from tiltyard.shell.targets import targets_from

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass
class Desk:
    """A desk, and the time of day."""

    ledger: Ledger
    settings: Settings
    now: datetime = NOON

    def __post_init__(self) -> None:
        token = take(self.ledger, "test", self.now)
        assert token is not None
        self.token = token
        self.live = LiveDesk(
            self.ledger, self.settings, token, announcing=Announcing(people=self.people)
        )
        self.live.start()
        self.step()

    @property
    def people(self) -> People | None:
        return People.of(self.settings)

    def step(self, later: timedelta = timedelta()) -> None:
        self.now += later
        self.live.step(self.now)
        assert self.live.trouble is None

    def deliver(
        self, later: timedelta = timedelta(), settings: Settings | None = None
    ) -> Delivered:
        """Deliver what is due by then."""
        self.now += later
        targets = targets_from(settings or self.settings)
        return deliver(self.ledger, self.token, targets, self.now)

    def escalate(self, later: timedelta = timedelta()) -> int:
        self.now += later
        return escalate(self.ledger, self.token, self.settings.notify, self.now)

    def halt(self, later: timedelta = MINUTE) -> None:
        """The challenger breaks its limit."""
        append(self.ledger, [fall()], self.now + later)
        self.step(later)

    def answers(self, *ups: int) -> None:
        """Whether the desk's machine answered, a second apart; and a step."""
        gauges = [Observation("up", up, self.now + n * SECOND) for n, up in enumerate(ups)]
        self.ledger.append_observations(gauges, known_at=self.now + len(ups) * SECOND)
        self.step(len(ups) * SECOND)

    def ask(self, verb: Verb, policy: str = "", **said: str) -> None:
        put(self.ledger, verb, policy, self.now, **said)
        self.step(SECOND)

    @property
    def effects(self) -> list[Effect]:
        """What people were to be told."""
        with self.ledger.snapshot() as still:
            return list(every_effect(still.connection))

    @property
    def pages(self) -> list[Page]:
        with self.ledger.snapshot() as still:
            return list(every_page(still.connection))


@contextmanager
def desk(folder: Path, settings: Settings) -> Iterator[Desk]:
    """One over a good champion and a good challenger; nothing has been told yet."""
    trades = [*good(200), *good(200, CHAMPION)]
    with ledger_of(folder / "tiltyard.db", trades) as ledger:
        quiet = Desk(ledger, settings.model_copy(update={"notify": type(settings.notify)()}))
        quiet.step(MINUTE)
        assert ledger.roster().arms[BOT].state == "live"
        give_back(ledger, quiet.token)
        yield Desk(ledger, settings, quiet.now)
