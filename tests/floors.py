"""A desk that trades on bars in a folder, at times that are passed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import polars as pl

from tiltyard.actions.record import Event, registered
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import Costs
from tiltyard.policies.catalogue import POLICIES
from tiltyard.policies.name import parse
from tiltyard.router.floor import Seat
from tiltyard.shell.commanding import take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.feeds.files import read_feed
from tiltyard.shell.feeds.folder import BarFolder
from tiltyard.shell.floor.trading import Trader
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.models.stable import Stable
from tiltyard.shell.replaying.course import Course, Venue, hours_of
from tiltyard.shell.sections.market import MarketSettings
from tiltyard.shell.settings import AccountSettings, RunSettings, Settings, load
from tiltyard.shell.store.ledger import Ledger

CAPITAL = money(10_000)
CHAMPION = "trend_20250101_000000_c4a3b105"
BREAKOUT = "breakout_20250101_000000_00000001"
REVERSION = "reversion_20250101_000000_00000002"
NOBODY = MarketSettings(feed="nowhere")
JUMP = 60
WRITE: Mapping[str, Callable[[pl.DataFrame, Path], object]] = {
    ".parquet": pl.DataFrame.write_parquet,
    ".csv": pl.DataFrame.write_csv,
    ".feather": pl.DataFrame.write_ipc,
}


def put_bars(file: Path, bars: Sequence[Bar]) -> None:
    """A file of these bars takes the place of whatever was there."""
    columns = {name: [getattr(bar, name) for bar in bars] for name in Bar._fields[2:]}
    frame = pl.DataFrame({"date": [bar.opened_at for bar in bars], **columns})
    WRITE[file.suffix](frame, file)


def rules(market: MarketSettings = NOBODY, interval: timedelta = HOUR) -> Settings:
    """The defaults, an account in USDT, and nobody is called dead between two hours."""
    settings = load().marked_every(interval)
    return settings.model_copy(
        update={
            "run": RunSettings(deadman=1e9),
            "account": AccountSettings(currency="USDT", capital=100_000),
            "market": market,
        }
    )


def populate(
    ledger: Ledger,
    names: Iterable[str],
    at: datetime,
    share: float = 0.1,
    digests: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """The first is the champion, the others are challengers on trial."""
    champion, *others = names
    roster = Roster().with_arm(Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, at, kind=FLAT))
    roster = roster.with_arm(
        Arm(champion, "champion", "champion", 1, 1, 1, CAPITAL, at,
            digest=digests.get(champion, ""))
    )  # fmt: skip
    for name in others:
        roster = roster.with_arm(
            Arm(name, "challenger", "probation", share, share, 2 * share, CAPITAL, at,
                trial_started_at=at, digest=digests.get(name, ""))
        )  # fmt: skip
    joined = [registered(arm, at, "test") for arm in roster.arms.values()]
    ledger.save_roster(roster, joined, at=at)


def sol_of(real_data: Path, start: datetime, days: int) -> list[Bar]:
    """Real hours of SOL."""
    bars = read_feed(real_data / "sol_usdt-1h.parquet").bars
    return [bar for bar in bars if start <= bar.opened_at < start + timedelta(days=days)]


def quiet_and_up(start: datetime, *, hours: int = 80, symbol: str = "SOL/USDT") -> list[Bar]:
    """Sixty quiet hours, one in which the price breaks out, and then quiet up there."""
    bars = []
    for hour in range(hours):
        opened, close = 100.0 if hour <= JUMP else 110.0, 100.0 if hour < JUMP else 110.0
        high, low = max(opened, close) + 1, min(opened, close) - 1
        bars.append(Bar(symbol, start + hour * HOUR, opened, high, low, close, 5.0))
    return bars


@dataclass
class House:
    """One desk that trades.

    Attributes:
        said: To people.
        events: What it has written to the audit.
    """

    ledger: Ledger
    settings: Settings
    folder: Path
    now: datetime
    interval: timedelta = HOUR
    observe: bool = False
    models: Stable | None = None
    on_stage: Callable[[str], None] = lambda _: None
    token: int = 0
    targets: Mapping[str, Collection[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A new process, on the same ledger and folder."""
        token = self.token or take(self.ledger, "test", self.now)
        assert token is not None
        self.token = token
        self.desk = LiveDesk(
            self.ledger, self.settings, token, announcing=Announcing(self.targets),
            observe=self.observe, on_stage=self.on_stage,
        )  # fmt: skip
        self.desk.start()
        bars = BarFolder(self.folder, self.interval, self.said.append)
        self.trader = Trader(
            self.ledger, self.settings, token, bars, models=self.models, say=self.said.append,
            on_stage=self.on_stage,
        )  # fmt: skip
        self.trader.begin(self.desk.roster)

    def round(self, at: datetime | None = None) -> None:
        """Steps until nothing more is to be done, as a running desk makes them."""
        self.now = at or self.now
        has_more = True
        while has_more:
            self.events += self.desk.step(self.now)
            has_more = self.trader.follow(self.desk, self.now)
            has_more |= self.desk.is_behind and self.desk.trouble is None

    def trades(self, *books: str) -> list[Trade]:
        return [one for one in self.ledger.trades() if one.book in books or not books]

    def kinds(self) -> set[str]:
        return {event["event"] for event in self.events}


@contextmanager
def house_on(
    url: str,
    folder: Path,
    now: datetime,
    names: Iterable[str] = (CHAMPION,),
    *,
    settings: Settings | None = None,
    interval: timedelta = HOUR,
    observe: bool = False,
) -> Iterator[House]:
    with Ledger.open(url, create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, names, now)
        yield House(ledger, settings or rules(interval=interval), folder, now, interval, observe)


class Told(Course):
    """A course in memory that keeps its trades."""

    def __init__(self, names: Sequence[str], began: datetime) -> None:
        self.told: list[Trade] = []
        seats = {name: Seat(POLICIES.get(parse(name).kind), CAPITAL, 0.1) for name in names}
        super().__init__(load(), seats, names[0], Venue(HOUR, Costs(5, 1)), began, seed=1)

    def _judge(self, trades: Iterable[Trade], at: datetime) -> None:
        trades = list(trades)
        self.told += trades
        super()._judge(trades, at)


def course_over(bars: Sequence[Bar], names: Sequence[str]) -> list[Trade]:
    course = Told(names, bars[0].opened_at)
    course.play(hours_of([bars]))
    return course.told


def alike(trades: Iterable[Trade]) -> list[Trade]:
    """Without what says who told them."""
    return sorted(one._replace(source="", currency="", seq=0) for one in trades)


def on_paper(trades: Iterable[Trade]) -> list[Trade]:
    """What every arm did on paper, whether it was live as well or not."""
    paper = (one for one in trades if one.book != "live")
    return alike(one._replace(book="shadow", trade_id="") for one in paper)
