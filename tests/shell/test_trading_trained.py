"""A desk that trades by what was trained: who is waited for, and what becomes of what is held."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from floors import CAPITAL, CHAMPION, House, alike, on_paper, populate, put_bars, rules
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.trained import Trained
from tiltyard.market.bar import HOUR
from tiltyard.market.costs import Costs
from tiltyard.metrics.catalogue import HEALTH
from tiltyard.policies.catalogue import POLICIES
from tiltyard.router.floor import FloorState, Seat
from tiltyard.shell.floor.text import played_from
from tiltyard.shell.models.health import Health, fault_of
from tiltyard.shell.models.stable import PATIENCE, Stable
from tiltyard.shell.replaying.course import Course, Venue, hours_of
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.sections.market import MarketSettings
from tiltyard.shell.settings import load
from tiltyard.shell.store.floor_table import read_floor
from tiltyard.shell.store.ledger import Ledger
from trained_policies import MADE_AT, put_model, tiny, wavy

START = datetime(2025, 5, 1, tzinfo=UTC)
BARS = wavy(START, 200)
BEGUN = START + 60 * HOUR
SOL = "SOL_USDT-1h.parquet"


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with one snapshot."""
    put_model(tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def name(shelf: Path) -> str:
    return next(shelf.glob("tabnet_*")).name


@pytest.fixture
def steady() -> Clock:
    return Clock()


@contextmanager
def desk_with(
    file: Path, folder: Path, names: tuple[str, ...], models: Stable | None
) -> Iterator[House]:
    """A desk over arms of which those called ``tabnet_…`` have the digest of the tiny one."""
    put_bars(folder / SOL, BARS)
    digests = {name: tiny().digest for name in names if name.startswith("tabnet")}
    with Ledger.open(str(file), create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, names, BEGUN, digests=digests)
        yield House(ledger, rules(), folder, BEGUN, models=models)


def play(house: House, until: datetime) -> None:
    while house.now < until:
        house.round(house.now + HOUR)


def play_until_it_holds(house: House, name: str) -> None:
    while not any(one.entry.lane.policy == name for one in house.trader.open_positions):
        house.round(house.now + HOUR)


def on_paper_alone(house: House, name: str) -> list[tuple[str, datetime]]:
    """Episodes that an arm holds on paper, where it holds nothing for real, and when they began."""
    with house.ledger.snapshot() as still:
        text = read_floor(still.connection)
    floor = FloorState() if text is None else played_from(text).floor
    if any(one.entry.lane.policy == name for one in floor.live.positions):
        return []
    return [
        (one.entry.episode_id, one.opened_at)
        for one in floor.paper.positions
        if one.entry.lane.policy == name
    ]


def of(trades: list[Trade], name: str) -> list[Trade]:
    return [one for one in trades if one.policy == name]


def test_a_trained_challenger_does_on_paper_what_a_course_does_and_trades_for_real(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    stable = Stable(shelf, steady, at_once=True)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        play(house, BARS[-1].closes_at(HOUR))
        trades = house.trades()
        assert house.said == [f"{name} is traded by its model"]
        verify(house.ledger, house.settings, house.now)
    seats = {
        CHAMPION: Seat(POLICIES.get("trend"), CAPITAL, 0.1),
        name: Seat(Trained.from_snapshot(tiny()), CAPITAL, 0.1),
    }
    told: list[Trade] = []

    class Telling(Course):
        def _judge(self, trades: Iterable[Trade], at: datetime) -> None:
            trades = list(trades)
            told.extend(trades)
            super()._judge(trades, at)

    course = Telling(load(), seats, CHAMPION, Venue(HOUR, Costs(5, 1)), BARS[0].opened_at, seed=1)
    course.play(hours_of([BARS]))
    later = [one for one in told if one.opened_at >= BEGUN + 30 * HOUR]
    mine = [one for one in trades if one.opened_at >= BEGUN + 30 * HOUR]
    assert len(of(later, name)) > 5
    assert on_paper(of(mine, name)) == on_paper(of(later, name))
    assert {one.book for one in of(trades, name)} == {"live", "twin", "shadow"}


def test_a_desk_that_begins_anew_every_hour_ends_with_the_same(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    ends = []
    for file, is_new in (("one.db", False), ("other.db", True)):
        stable = Stable(shelf, steady, at_once=True)
        with desk_with(tmp_path / file, folder, (name,), stable) as house:
            while house.now < START + 90 * HOUR:
                if is_new:
                    house.models = Stable(shelf, steady, at_once=True)
                    house.begin()
                house.round(house.now + HOUR)
            ends.append(alike(house.trades()))
    assert len(ends[0]) > 2
    assert ends[0] == ends[1]


def test_the_floor_waits_for_a_model_and_the_desk_does_not(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    stable = Stable(shelf, steady)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        house.round()
        assert house.trader.seated == []
        assert ": 0 arms until models are loaded, nothing open" in house.trader.story
        assert house.trader.trouble is None
        assert house.desk.trouble is None
        stable.look()
        house.round()
        assert house.trader.seated == sorted([CHAMPION, name])
        assert ": 2 arms, nothing open" in house.trader.story
        assert house.said == [f"{name} is traded by its model"]


def test_after_a_while_the_floor_goes_on_without_and_the_arm_joins_when_its_model_is_there(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    stable = Stable(shelf, steady)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        house.round()
        steady.seconds += PATIENCE + 1
        house.round(BEGUN + HOUR)
        assert house.trader.seated == [CHAMPION]
        stable.look()
        house.round(BEGUN + 2 * HOUR)
        assert house.trader.seated == sorted([CHAMPION, name])
        play(house, START + 120 * HOUR)
        assert of(house.trades(), name)


def test_a_desk_that_begins_with_something_open_waits_for_its_model_and_says_so(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    stable = Stable(shelf, steady, at_once=True)
    with desk_with(tmp_path / "desk.db", folder, (name,), stable) as house:
        play_until_it_holds(house, name)
        (held,) = house.trader.open_positions
        house.models = stable = Stable(shelf, steady)
        house.said.clear()
        house.begin()
        house.round(house.now + HOUR)
        assert house.said == []
        steady.seconds += PATIENCE + 1
        house.round()
        assert house.trader.trouble is not None
        assert [line.partition(" ")[0] for line in house.said] == ["MODEL_LATE"]
        house.round(house.now + 2 * HOUR)
        assert len(house.said) == 1
        stable.look()
        house.round()
        assert house.said[1:] == [f"{name} is traded by its model", "the floor trades again"]
        lane = held.entry.lane
        open_now = {one.entry.lane: one for one in house.trader.open_positions}
        closed = [one for one in house.trades("live") if one.episode_id == held.entry.episode_id]
        assert closed or open_now[lane] == held
        verify(house.ledger, house.settings, house.now)


@pytest.mark.parametrize("how", ["tampered", "missing"])
def test_who_holds_something_and_has_no_model_any_more_stops_trading_until_it_is_back(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock, how: str
) -> None:
    stable = Stable(shelf, steady, at_once=True)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        play_until_it_holds(house, name)
        held = list(house.trader.open_positions)
        shutil.copytree(shelf / name, tmp_path / "safe")
        if how == "missing":
            shutil.rmtree(shelf / name)
        else:
            (shelf / name / "weights.safetensors").write_bytes(b"other")
        house.models = stable = Stable(shelf, steady)
        house.said.clear()
        house.begin()
        house.round(house.now + HOUR)
        stable.look()
        house.round()
        assert house.trader.trouble is not None
        assert house.trader.trouble.code == "SEAT_MISSING"
        assert f"SNAPSHOT_{how.upper()}" in str(house.trader.trouble)
        assert house.trader.open_positions == held
        house.round(house.now + HOUR)
        assert len(house.said) == 1
        shutil.rmtree(shelf / name, ignore_errors=True)
        shutil.copytree(tmp_path / "safe", shelf / name)
        stable.look()
        house.round()
        assert house.trader.trouble is None
        assert house.trader.seated == sorted([CHAMPION, name])
        verify(house.ledger, house.settings, house.now)


def test_who_holds_nothing_and_whose_model_is_broken_is_not_traded_and_the_others_are(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    (shelf / name / "weights.safetensors").write_bytes(b"other")
    stable = Stable(shelf, steady, at_once=True)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        play(house, START + 105 * HOUR)
        assert house.trader.seated == [CHAMPION]
        assert {one.entry.lane.policy for one in house.trader.open_positions} == {CHAMPION}


def test_an_arm_of_this_digest_without_a_snapshot_is_somebody_elses(
    tmp_path: Path, folder: Path, name: str, steady: Clock
) -> None:
    stable = Stable(tmp_path / "nowhere", steady)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        stable.look()
        house.round()
        assert house.trader.seated == [CHAMPION]
        assert stable.now == {}


def test_what_is_loaded_goes_on_when_its_files_are_changed_and_the_arm_is_halted_by_its_guard(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    stable = Stable(shelf, steady)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        said: list[str] = []

        def report(*observed: Observation) -> None:
            house.ledger.append_observations(observed, known_at=house.now)

        health = Health(
            stable, report, every=900, settles=3, now=lambda: house.now, say=said.append
        )
        house.round()
        health.look()
        house.round()
        play_until_it_holds(house, name)
        (shelf / name / "weights.safetensors").write_bytes(b"other")
        health.look()
        steady.seconds += 4
        health.look()
        house.round()
        assert house.desk.roster.arms[name].state == "halted"
        assert house.desk.roster.arms[name].throttled_by == "model_unhealthy"
        assert len(said) == 1
        assert said[0].startswith(f"{name} is not healthy: SNAPSHOT_TAMPERED")
        before = len(of(house.trades("live"), name))
        play(house, house.now + 60 * HOUR)
        assert len(of(house.trades("live"), name)) == before + 1
        assert not [one for one in house.trader.open_positions if one.entry.lane.policy == name]
        assert [one.number for one in house.ledger.observations()] == [1, 0]
        assert {one.name for one in house.ledger.observations()} == {HEALTH}


def test_a_model_whose_decision_fails_is_unhealthy_and_nobody_else_is_kept_by_it(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    stable = Stable(shelf, steady, at_once=True)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        policy = stable.now[name].policy
        assert policy is not None
        policy._means = (1.0,)
        play(house, START + 105 * HOUR)
        assert house.trader.trouble is None
        assert {one.entry.lane.policy for one in house.trader.open_positions} == {CHAMPION}
        assert "its decision failed: ValueError" in fault_of(stable.now[name])
        assert [line for line in house.said if "stays with what it holds" in line] == [
            f"{name} stays with what it holds until it can decide: {fault_of(stable.now[name])}"
        ]


def changed(**settings: object) -> Snapshot:
    return replace(tiny(), settings={**tiny().settings, **settings})


MISFITS = [
    (lambda: changed(interval_seconds=900), "it was trained on bars of 15 min"),
    (lambda: replace(
        changed(symbols=["ETH/USDT"]),
        scalers={**tiny().scalers, "channels": {
            "ETH/USDT": tiny().scalers["channels"]["SOL/USDT"]}},
    ), "it was trained on ETH/USDT, and the folder has no bars of that"),
    (lambda: changed(features=["return_4", "volatility_24", "funding"]),
     "it needs funding rates, and the folder has none of SOL/USDT"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "why"), MISFITS, ids=["interval", "symbol", "funding"])
def test_a_model_that_cannot_trade_on_these_bars_has_no_seat_and_is_told_and_unhealthy(
    tmp_path: Path, folder: Path, steady: Clock, made: Callable[[], Snapshot], why: str
) -> None:
    snapshot, models = made(), tmp_path / "models"
    name = put_model(models, snapshot).name
    stable = Stable(models, steady, at_once=True)
    put_bars(folder / SOL, BARS)
    with Ledger.open(str(tmp_path / "desk.db"), create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, (CHAMPION, name), BEGUN, digests={name: snapshot.digest})
        house = House(ledger, rules(), folder, BEGUN, models=stable)
        told: list[Observation] = []
        said: list[str] = []
        health = Health(
            stable, lambda *each: told.extend(each), every=900, settles=0, now=lambda: house.now,
            say=said.append,
        )  # fmt: skip
        play(house, BEGUN + 3 * HOUR)
        health.look()
        assert house.trader.seated == [CHAMPION]
        assert len(house.said) == 1
        assert house.said[0].startswith(f"{name} is not traded: {why}")
        assert ([one.number for one in told], said) == ([0.0], [])


def test_a_model_trades_from_when_the_folder_has_what_it_needs(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    put_bars(folder / "ETH_USDT-1h.parquet", wavy(START, 200, "ETH/USDT"))
    with Ledger.open(str(tmp_path / "desk.db"), create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, (CHAMPION, name), BEGUN, digests={name: tiny().digest})
        stable = Stable(shelf, steady, at_once=True)
        house = House(ledger, rules(), folder, BEGUN, models=stable)
        play(house, BEGUN + 3 * HOUR)
        assert "no bars of that" in fault_of(stable.now[name])
        put_bars(folder / SOL, BARS)
        play(house, START + 100 * HOUR)
        assert fault_of(stable.now[name]) == ""
        assert house.said[1:2] == [f"{name} is traded by its model"]
        assert of(house.trades(), name)


@pytest.mark.parametrize("how", ["missing", "late"])
def test_what_is_held_on_paper_while_a_model_is_away_goes_on_when_it_is_back(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock, how: str
) -> None:
    stable = Stable(shelf, steady, at_once=True)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        while not (held := on_paper_alone(house, name)):
            house.round(house.now + HOUR)
        away = tmp_path / "away"
        if how == "missing":
            (shelf / name).rename(away)
        house.models = stable = Stable(shelf, steady, at_once=how == "missing")
        house.begin()
        steady.seconds += PATIENCE + 1
        house.round(house.now + HOUR)
        assert house.trader.seated == [CHAMPION]
        house.begin()
        assert on_paper_alone(house, name) == held
        if how == "missing":
            away.rename(shelf / name)
        stable.look()
        play(house, house.now + 60 * HOUR)
        assert house.trader.trouble is None
        episodes = [one.episode_id for one in of(house.trades("shadow", "twin"), name)]
        assert held[0][0] in episodes


@pytest.mark.parametrize(("fee", "said"), [(5.0, []), (9.0, [20])])
def test_a_model_trained_for_lower_costs_than_the_desk_charges_is_told_once(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock, fee: float,
    said: list[int],
) -> None:  # fmt: skip
    put_bars(folder / SOL, BARS)
    market = MarketSettings(feed="nowhere", fee_bps=fee, half_spread_bps=1)
    with Ledger.open(str(tmp_path / "desk.db"), create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, (CHAMPION, name), BEGUN, digests={name: tiny().digest})
        stable = Stable(shelf, steady, at_once=True)
        house = House(ledger, rules(market), folder, BEGUN, models=stable)
        play(house, BEGUN + 5 * HOUR)
        assert house.said == [f"{name} is traded by its model"] + [
            f"{name} was trained for 12 bps a round trip, this desk charges {each}: it may enter "
            "for less than that costs"
            for each in said
        ]


@dataclass
class Away:
    """A desk whose folder of models is away, and what is told to the guards meanwhile."""

    house: House
    steady: Clock
    told: list[Observation] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def begin(self, shelf: Path) -> None:
        """A new process."""
        self.house.models = stable = Stable(shelf, self.steady)
        self.house.begin()
        health = Health(
            stable, lambda *each: self.told.extend(each), every=900, settles=0,
            now=lambda: self.house.now, say=self.said.append,
        )  # fmt: skip
        for _ in range(3):
            self.house.round(self.house.now)
            health.look()
            self.steady.seconds += 4


@pytest.mark.parametrize(
    ("registered_at", "numbers"), [(MADE_AT, [0]), (BEGUN, [])], ids=["snapshot", "bot"]
)
def test_who_was_registered_by_a_snapshot_is_unhealthy_while_their_folder_is_away(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock,
    registered_at: datetime, numbers: list[int],
) -> None:  # fmt: skip
    put_bars(folder / SOL, BARS)
    shelf.rename(tmp_path / "not mounted")
    with Ledger.open(str(tmp_path / "desk.db"), create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, (name,), registered_at, digests={name: tiny().digest})
        away = Away(House(ledger, rules(), folder, BEGUN), steady)
        away.begin(shelf)
        assert [one.number for one in away.told] == numbers
        assert len(away.said) == 1
        assert "cannot be listed" in away.said[0]
        assert away.house.trader.trouble is None


@pytest.mark.parametrize(("last_told_by", "numbers"), [("floor", [0]), ("my bot", [])])
@pytest.mark.parametrize("what", ["folder", "snapshot"])
def test_who_was_traded_here_last_is_unhealthy_while_its_snapshot_is_away(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock, what: str,
    last_told_by: str, numbers: list[int],
) -> None:  # fmt: skip
    gone = shelf if what == "folder" else shelf / name
    gone.rename(tmp_path / "not mounted")
    put_bars(folder / SOL, BARS)
    with Ledger.open(str(tmp_path / "desk.db"), create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, (CHAMPION, name), BEGUN, digests={name: tiny().digest})
        with ledger.staging() as staging:
            for number, source in enumerate(["my bot", "floor", last_told_by]):
                at = BEGUN - (10 - number) * HOUR
                told = Trade(source, str(number), name, "SOL/USDT", "long", at - HOUR, at, Money(1))
                staging.add([(number, told, False)])
            staging.commit(now=BEGUN, known_at=BEGUN)
        away = Away(House(ledger, rules(), folder, BEGUN), steady)
        away.begin(shelf)
        assert away.house.trader.seated == [CHAMPION]
        assert [(one.policy, one.number) for one in away.told] == [(name, 0)] * len(numbers)
        assert len(away.said) == 1


def test_a_model_whose_only_symbol_cannot_be_read_has_no_seat_and_is_unhealthy(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    put_bars(folder / "ETH_USDT-1h.parquet", wavy(START, 200, "ETH/USDT"))
    (folder / SOL).write_bytes(b"garbage")
    with Ledger.open(str(tmp_path / "desk.db"), create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, (CHAMPION, name), BEGUN, digests={name: tiny().digest})
        stable = Stable(shelf, steady, at_once=True)
        house = House(ledger, rules(), folder, BEGUN, models=stable)
        play(house, BEGUN + 3 * HOUR)
        assert house.trader.seated == [CHAMPION]
        assert "no bars of that" in fault_of(stable.now[name])
        put_bars(folder / SOL, BARS)
        play(house, BEGUN + 5 * HOUR)
        assert house.trader.seated == sorted([CHAMPION, name])
        assert fault_of(stable.now[name]) == ""


def test_a_file_of_funding_rates_that_is_away_for_a_moment_halts_nobody(
    tmp_path: Path, folder: Path, steady: Clock
) -> None:
    snapshot = changed(features=["return_4", "volatility_24", "funding"])
    name = put_model(tmp_path / "models", snapshot).name
    put_bars(folder / SOL, BARS)
    rates = folder / "SOL_USDT-funding.csv"
    rates.write_text("time,funding_rate\n2025-04-30T00:00:00Z,0.0001\n")
    with Ledger.open(str(tmp_path / "desk.db"), create=True, busy_timeout_ms=5) as ledger:
        populate(ledger, (CHAMPION, name), BEGUN, digests={name: snapshot.digest})
        stable = Stable(tmp_path / "models", steady, at_once=True)
        house = House(ledger, rules(), folder, BEGUN, models=stable)
        told: list[Observation] = []
        health = Health(
            stable, lambda *each: told.extend(each), every=1, now=lambda: house.now, say=print
        )
        play(house, BEGUN + 3 * HOUR)
        rates.rename(away := folder / "away")
        for _ in range(3):
            house.round()
            health.look()
            steady.seconds += 4
        assert {one.number for one in told} == {1}
        away.rename(rates)
        house.round()
        assert house.trader.seated == sorted([CHAMPION, name])
        rates.unlink()
        house.round()
        steady.seconds += HOUR.total_seconds()
        house.round()
        health.look()
        steady.seconds += 4
        health.look()
        assert told[-1].number == 0
        assert house.trader.seated == [CHAMPION]


def test_an_order_that_was_decided_waits_for_its_model_and_is_filled(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    stable = Stable(shelf, steady, at_once=True)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:

        def ordered() -> list[str]:
            with house.ledger.snapshot() as still:
                text = read_floor(still.connection)
            live = FloorState().live if text is None else played_from(text).floor.live
            return [one.episode_id for one in live.entries if one.lane.policy == name]

        while not (episodes := ordered()):
            house.round(house.now + HOUR)
        assert not [one for one in house.trader.open_positions if one.entry.lane.policy == name]
        house.models = stable = Stable(shelf, steady)
        house.begin()
        steady.seconds += PATIENCE + 1
        house.round(house.now + HOUR)
        assert house.trader.trouble is not None
        assert house.trader.trouble.code == "MODEL_LATE"
        assert ordered() == episodes
        stable.look()
        play(house, house.now + 60 * HOUR)
        assert house.trader.trouble is None
        books = [one.book for one in house.trades() if one.episode_id in episodes]
        assert sorted(books) == ["live", "twin"]
        verify(house.ledger, house.settings, house.now)


def test_a_decision_that_failed_once_is_told_so_and_its_model_is_well_when_it_decides_again(
    tmp_path: Path, folder: Path, shelf: Path, name: str, steady: Clock
) -> None:
    stable = Stable(shelf, steady, at_once=True)
    with desk_with(tmp_path / "desk.db", folder, (CHAMPION, name), stable) as house:
        policy = stable.now[name].policy
        assert policy is not None
        play(house, START + 90 * HOUR)
        means, policy._means = policy._means, (1.0,)
        house.round(house.now + HOUR)
        fault = fault_of(stable.now[name])
        assert fault.startswith("its decision failed: ValueError")
        policy._means = means
        house.round(house.now + HOUR)
        assert fault_of(stable.now[name]) == ""
        assert house.said[-2:] == [
            f"{name} stays with what it holds until it can decide: {fault}",
            f"{name} decides again",
        ]
