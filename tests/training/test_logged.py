"""The trades of a ledger as episodes to learn from: which of them, how large, how probable."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from conformance.samples import ingest
from docs.pages import rows
from floors import BREAKOUT, CAPITAL, CHAMPION, REVERSION, populate, put_bars, sol_of
from small_courses import RULES
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money, money
from tiltyard.learners.examples import Rows
from tiltyard.learners.logged import (
    NO_SYMBOL,
    PENALTY,
    SHARE,
    Episode,
    Log,
    transitions_of,
)
from tiltyard.learners.playing import POSITIONS
from tiltyard.learners.tracks import Tracks, tracks_of
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import candles_of
from tiltyard.shell.pictures.training_page import training_page
from tiltyard.shell.replaying.bar_replay import BarReplay, bars_to_play
from tiltyard.shell.replaying.scratch import take_arms
from tiltyard.shell.settings import AccountSettings, load
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.training.bars import Bars, read_bars
from tiltyard.shell.training.logged import NO_DECISION, log_of
from tiltyard.shell.training.logged_words import log_line, logged_line
from tiltyard.shell.training.running import retrain_sizing
from tiltyard.shell.training.words import closing_lines, made_json
from training.small import order
from training.test_retrained import NOW, SIZING, world

START = datetime(2025, 5, 1, tzinfo=UTC)
LATER = START + timedelta(days=365)
ARMS = (CHAMPION, BREAKOUT, REVERSION)
BOT = "bot_20250101_000000_00000003"
SOL = "SOL/USDT"


def trade(name: str, policy: str, hour: int, until: int, **fields: object) -> Trade:
    opened, closed = START + hour * HOUR, START + until * HOUR
    told = Trade(
        "bot", name, policy, SOL, "long", opened, closed, Money(1), notional=money(1_000),
        capital=CAPITAL, episode_id=f"{SOL} {hour}",
    )  # fmt: skip
    return told._replace(**fields)  # type: ignore[arg-type]


def decision(policy: str, hour: int, propensity: float) -> Decision:
    at = START + hour * HOUR
    return Decision(f"{SOL} {hour}", SOL, policy, propensity, 1, at, None, at.hour)


def told(ledger: Ledger, trades: Iterable[Trade], decisions: Iterable[Decision] = ()) -> Ledger:
    populate(ledger, (*ARMS, BOT), START)
    ingest(ledger, list(trades), now=LATER)
    ledger.append_decisions(decisions, known_at=LATER)
    return ledger


def found(ledger: Ledger) -> Log:
    log = log_of(ledger, [SOL], 0.25)
    assert isinstance(log, Log), log
    return log


def told_of(log: Log) -> set[tuple[str, float, int, float]]:
    """Arm, what it held, the hour of entry, and with what probability."""
    start = START.timestamp()
    return {
        (one.arm, one.held, round((one.opened_at - start) / 3_600), one.propensity)
        for one in log.episodes
    }


def test_an_episode_counts_once_with_the_probability_of_the_router(ledger: Ledger) -> None:
    trades = [
        trade("1", BREAKOUT, 1, 5),
        trade("2", BREAKOUT, 1, 9, book="twin"),
        trade("3", BREAKOUT, 20, 22, book="shadow", side="short"),
        trade("4", CHAMPION, 1, 9, book="shadow"),
        trade("5", BOT, 30, 32),
        trade("6", BOT, 40, 42),
        trade("7", BREAKOUT, 50, 52, symbol="DOGE/USDT", book="shadow"),
    ]
    log = found(told(ledger, trades, [decision(BREAKOUT, 1, 0.1), decision(BOT, 30, 0.4)]))
    assert told_of(log) == {
        (BREAKOUT, 1.0, 1, 0.1), (BREAKOUT, -1.0, 20, 1.0), (CHAMPION, 1.0, 1, 1.0),
        (BOT, 1.0, 30, 0.4),
    }  # fmt: skip
    twin = next(one for one in log.episodes if one.propensity == 0.1)
    assert twin.closed_at == (START + 9 * HOUR).timestamp(), "a halt ended it for real, not for it"
    assert log.left_out == {NO_DECISION: 1, NO_SYMBOL: 1}
    assert log.asked == {BREAKOUT, CHAMPION}


def test_who_lacks_a_decision_was_not_asked_after_every_bar(ledger: Ledger) -> None:
    """What it held then is not known, so it has not decided to hold nothing."""
    trades = [trade("1", BREAKOUT, 1, 5, book="shadow"), trade("2", BREAKOUT, 7, 9, book="twin")]
    assert found(told(ledger, trades)).asked == frozenset()


def test_a_whole_position_is_the_largest_that_an_arm_had_had_by_then(ledger: Ledger) -> None:
    sizes = {1: (1_000, 10_000), 10: (500, 10_000), 20: (100, 500), 30: (400, 4_000)}
    trades = [
        trade(f"{hour}", BREAKOUT, hour, hour + 2, book="shadow", notional=money(notional),
              capital=money(capital))
        for hour, (notional, capital) in sizes.items()
    ]  # fmt: skip
    trades.append(trade("other", CHAMPION, 1, 3, book="shadow", notional=money(3)))
    trades.append(trade("unsaid", BOT, 1, 3, book="shadow", notional=None, capital=None))
    held = {(arm, hour): held for arm, held, hour, _ in told_of(found(told(ledger, trades)))}
    assert held == pytest.approx({
        (BREAKOUT, 1): 1.0, (BREAKOUT, 10): 0.5, (BREAKOUT, 20): 1.0, (BREAKOUT, 30): 0.5,
        (CHAMPION, 1): 1.0, (BOT, 1): 1.0,
    })  # fmt: skip


def test_a_correction_takes_the_place_of_what_was_told_first(ledger: Ledger) -> None:
    first = trade("1", CHAMPION, 1, 5, book="shadow")
    told(ledger, [first])
    ingest(ledger, [first._replace(side="short", revision=2)], explicit=True, now=LATER)
    assert told_of(found(ledger)) == {(CHAMPION, -1.0, 1, 1.0)}


def test_what_the_ledger_learnt_of_later_is_not_known_be_it_a_correction_or_a_decision(
    ledger: Ledger,
) -> None:
    first, after = trade("1", CHAMPION, 1, 5, book="shadow"), LATER + HOUR
    told(ledger, [first, trade("2", BREAKOUT, 7, 9)])
    ingest(ledger, [first._replace(side="short", revision=2)], explicit=True, now=after)
    ledger.append_decisions([decision(BREAKOUT, 7, 0.25)], known_at=after)

    def known_by(at: datetime) -> Log | str:
        return log_of(ledger, [SOL], 0.25, known_by=at)

    then, now = known_by(LATER), known_by(after)
    assert isinstance(then, Log)
    assert isinstance(now, Log)
    assert told_of(then) == {(CHAMPION, 1.0, 1, 1.0)}
    assert then.left_out == {NO_DECISION: 1}
    assert told_of(now) == told_of(found(ledger)) == {
        (CHAMPION, -1.0, 1, 1.0), (BREAKOUT, 1.0, 7, 0.25),
    }  # fmt: skip
    assert known_by(LATER - HOUR) == "the ledger has no trades"


def test_why_there_is_nothing_is_said(ledger: Ledger) -> None:
    assert log_of(ledger, [SOL], 0.25) == "the ledger has no trades"
    told(ledger, [trade("1", CHAMPION, 1, 5), trade("2", CHAMPION, 6, 7)])
    said = "the ledger's trades are of no use: 2 without a decision of the router"
    assert log_of(ledger, [SOL], 0.25) == said
    assert log_of(ledger, [SOL], 0.25, START + 3 * HOUR) == "the ledger has no trades"


# A record of a replay.


@pytest.fixture(scope="module")
def month(real_data: Path) -> list[Bar]:
    return sol_of(real_data, START, 31)


@pytest.fixture(scope="module")
def record(month: list[Bar], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of a desk on which three arms have traded a month."""
    folder = tmp_path_factory.mktemp("record")
    (folder / "bars").mkdir()
    put_bars(folder / "bars" / "SOL_USDT-1h.parquet", month)
    bars, span = bars_to_play(folder / "bars", None, LATER)
    account = AccountSettings(currency="USDT", capital=100_000)
    settings = load().model_copy(update={"account": account})
    file = folder / "record.db"
    with Ledger.open(str(folder / "desk.db"), create=True) as ledger:
        populate(ledger, ARMS, LATER)
        with Ledger.open(str(file), create=True) as scratch:
            take_arms(scratch, ledger, span.began)
            for _ in BarReplay(scratch, settings, bars, span).play():
                pass
    return file


def tracks_over(bars: list[Bar]) -> Tracks:
    """Somebody decides after every bar."""
    candles = candles_of(bars, HOUR)
    count = len(candles)
    none, number = np.zeros(count), np.arange(count)
    known = Rows(
        np.zeros((count, 1), np.float32), none, none, candles.closed_at, 0 * number, number,
        (SOL,), ("nothing",), {},
    )  # fmt: skip
    return tracks_of({SOL: candles}, known, {})


def test_positions_bar_by_bar_are_what_the_record_says(record: Path, month: list[Bar]) -> None:
    tracks = tracks_over(month)
    with Ledger.open(str(record)) as ledger:
        log, every = found(ledger), list(ledger.trades())
    assert log.asked == set(ARMS)
    assert log.left_out == {}
    everything = transitions_of(log, tracks, RULES)
    assert everything.arms == tuple(sorted(ARMS))
    met = everything.transitions
    assert len(met.row) > 1_500
    closes = tracks.opened_at[met.row] + 3_600
    for place, arm in enumerate(everything.arms):
        mine = [one for one in every if one.policy == arm and one.book != "live"]
        opened = np.array([one.opened_at.timestamp() for one in mine])
        closed = np.array([one.closed_at.timestamp() for one in mine])
        side = np.array([1.0 if one.side == "long" else -1.0 for one in mine])
        own = met.policy == place
        at = closes[own][:, None]
        held = (side * ((opened < at) & (at <= closed))).sum(1)
        assert held.tolist() == [POSITIONS[one] for one in met.position[own]]
        wanted = (side * ((opened <= at) & (at < closed))).sum(1)
        assert wanted.tolist() == [POSITIONS[one] for one in met.action[own]]


def test_probabilities_are_those_that_the_router_has_written_down(
    record: Path, month: list[Bar]
) -> None:
    with Ledger.open(str(record)) as ledger:
        log = found(ledger)
        routed = {one.propensity for one in ledger.decisions()}
        twins = sum(one.book == "twin" for one in ledger.trades())
    assert all(0 < one.propensity <= 1 for one in log.episodes)
    assert {one.propensity for one in log.episodes} <= routed | {1.0}
    assert sum(one.propensity < 1 for one in log.episodes) == twins > 0
    met = transitions_of(log, tracks_over(month), RULES).transitions
    assert (met.propensity < 1).sum() == twins


# What is said of it.


def episodes_on(bars: Bars) -> Log:
    """Two arms that hold the market for ten hours, and nothing for ten, again and again."""
    episodes = [
        Episode(arm, SOL, held, float(at), float(at + 10 * 3_600), 1.0)
        for arm, held in (("one", 1.0), ("other", -0.5))
        for at in bars.candles[SOL].opened_at[24:-24:20].tolist()
    ]
    return Log(episodes, frozenset(["one", "other"]), left_out={NO_DECISION: 7})


@pytest.fixture(scope="module")
def bars(folder: Path) -> Bars:
    return read_bars(folder / "bars", ["SOL"], None, None, None)


def test_what_was_learnt_from_others_is_said(folder: Path, bars: Bars, tmp_path: Path) -> None:
    log = episodes_on(bars)
    assert log_line(log) == (
        "logged: 164 trades of 2 arms, 2025-01-02 to 2025-03-10, for 25 % of each batch; left out "
        "7 without a decision of the router"
    )
    asked = replace(order("rl", folder), seeds=1, steps=1_600, output=tmp_path)
    made = retrain_sizing(asked, bars, world(), SIZING, log=log)
    row = made_json(made, bars, [], tmp_path / "page.html")["lineage"]["logged"]
    assert row["arms"] == {"one": row["decisions"] // 2, "other": row["decisions"] // 2}
    assert (row["share"], row["penalty"], row["left_out"]) == (SHARE, PENALTY, {NO_DECISION: 7})
    assert set(row["sha256"]) >= {"row", "action", "reward", "propensity"}
    line = logged_line(made.snapshot.lineage)
    assert line is not None
    assert line.startswith(f"logged: {row['decisions']:,} decisions of 2 arms, 2025-01-0")
    assert ", 25 % of each batch; left out 7 without" in line
    assert set(rows("json.md", "## Logged decisions")) == set(row)
    assert line in closing_lines(made, order("rl", tmp_path), bars, tmp_path / "page.html")
    assert line.removeprefix("logged: ") in training_page(made, bars, [], NOW)
    assert made.snapshot.settings["dqn"]["conservative"] == PENALTY
    assert [one["logged"] > 0 for one in made.snapshot.metrics["fits"]] == [True]


@pytest.mark.parametrize(
    ("lineage", "said"),
    [
        ({}, None),
        ({"logged": None}, None),
        (
            {"logged": {"decisions": 0, "left_out": {"in no bars": 3}}},
            "logged: no decision on these bars; left out 3 in no bars",
        ),
        (
            {
                "logged": {
                    "decisions": 12, "left_out": {}, "arms": {"a": 12}, "since": 0,
                    "until": 86_400, "learnt_from": 0, "fits": 3, "share": 0.25,
                }
            },
            (
                "logged: 12 decisions of 1 arm, 1970-01-01 to 1970-01-02; fewer than 1,000 in the "
                "range of any network, so none was learnt from"
            ),
        ),
        (
            {
                "logged": {
                    "decisions": 1_200, "left_out": {}, "arms": {"a": 600, "b": 600}, "since": 0,
                    "until": 86_400, "learnt_from": 2, "fits": 3, "share": 0.1,
                }
            },
            (
                "logged: 1,200 decisions of 2 arms, 1970-01-01 to 1970-01-02, 10 % of each batch "
                "of 2 of 3 networks, as the others had fewer than 1,000 in their range"
            ),
        ),
    ],
)  # fmt: skip
def test_where_little_was_learnt_from_others_that_is_said(
    lineage: dict[str, object], said: str | None
) -> None:
    assert logged_line(lineage) == said
