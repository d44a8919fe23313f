"""A course over bars: what is judged when, what follows, and what it looks like afterwards."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tiltyard.actions.receipt import LONGEST, OPPORTUNITIES, Worth
from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.marks import marked_every
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT
from tiltyard.kernel.money import money
from tiltyard.kernel.undefined import Undefined
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import Costs
from tiltyard.market.simulated import DEFAULT, simulated_hours
from tiltyard.metrics.shadow_gap import UNKNOWN, Gap
from tiltyard.policies.breakout import Breakout
from tiltyard.policies.policy import Intent, Observation, Policy
from tiltyard.policies.reversion import Reversion
from tiltyard.policies.trend import Trend
from tiltyard.router.floor import Seat
from tiltyard.scaling.other_rules import OtherRules
from tiltyard.shell.cli.watching import arms_table
from tiltyard.shell.feeds.files import read_feed
from tiltyard.shell.replaying.course import Course, Hour, Venue, hours_of
from tiltyard.shell.settings import ScalingSettings, load

START = datetime(2025, 1, 1, tzinfo=UTC)
SEED = 20250707
CAPITAL = money(10_000)
COSTS = Costs(fee_bps=5, half_spread_bps=1)
CHAMPION = "trend_20250101_000000_c4a3b105"
ARMS: Mapping[str, Policy] = {
    CHAMPION: Trend(20, 100, stop_ranges=4),
    "breakout_20250101_000000_00000001": Breakout(),
    "reversion_20250101_000000_00000002": Reversion(),
}


class Flips:
    """Long and short in turn, after every bar."""

    needs = ("close",)
    looks_back = 0

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 the port
        return Intent("short" if observation.holding == "long" else "long")


@pytest.fixture(scope="module")
def hours() -> list[Hour]:
    made = simulated_hours(DEFAULT, START, 6_000, np.random.default_rng(SEED))
    return [(START + number * HOUR, bars) for number, bars in enumerate(made)]


def course(
    arms: Mapping[str, Policy] = ARMS,
    *,
    live_costs: Costs | None = None,
    sized: float = 0.1,
    interval: timedelta = HOUR,
    began: datetime = START,
    rule: str = "ladder",
) -> Course:
    seats = {name: Seat(policy, CAPITAL, sized) for name, policy in arms.items()}
    venue = Venue(interval, COSTS, live_costs)
    settings = load().model_copy(update={"scaling": ScalingSettings(rule=rule)})
    return Course(settings, seats, next(iter(arms)), venue, began, seed=SEED)


def test_a_course_throttles_halts_and_looks_back_on_each_stop(hours: list[Hour]) -> None:
    played, told = course(), list[Action]()
    played.play(hours, on_action=told.append)
    receipts = played.receipts()
    stops = [one.movement.action for one in receipts.each if one.movement.is_stop]
    assert stops == [one for one in told if one.kind in ("throttle", "halt") and one.before]
    assert stops
    first = next(one for one in receipts.each if one.movement.is_stop)
    assert isinstance(first.worth, Worth)
    assert OPPORTUNITIES <= first.opportunities <= OPPORTUNITIES + 2, "three symbols a bar"
    assert sum(receipts.statement.whole().words.values()) == len(receipts.each)
    known = [one for one in receipts.each if one.word != "pending"]
    assert [one.receipt for one in receipts.finals] == known, "from which a page is made"
    for name in ARMS:
        halted = [one.at for one in stops if one.policy == name and one.kind == "halt"]
        panel = played.desk.panel.arm(name)
        assert panel.shadow is None or panel.shadow.trades > 0
        if halted:
            assert played.desk.roster.arms[name].share == 0
    shares = sum(arm.share for arm in played.desk.roster.arms.values())
    assert shares == pytest.approx(1, abs=1e-9)
    assert {one.kind for one in told} >= {"skip_scale"}, "nights were run"


def test_a_receipt_is_final_when_its_time_is_over_also_where_bars_go_on_without_a_trade(
    hours: list[Hour],
) -> None:
    played = course()
    played.play(hours[:4_250])
    behind = "25 of 25 behind them; what began there may be open until "
    (waiting,) = (one for one in played.receipts().each if behind in str(one.worth))
    trades, ended = played.trades, START + 4_250 * HOUR
    played.play((ended + number * HOUR, {}) for number in range(LONGEST // HOUR))
    assert played.trades == trades
    receipts = played.receipts()
    (final,) = (one for one in receipts.each if one.movement == waiting.movement)
    assert final.word not in ("pending", "undefined")
    assert final in [one.receipt for one in receipts.finals]
    assert played.receipts().each == receipts.each, "whoever asks again is told the same"


def test_a_course_knows_what_other_rules_would_have_made(hours: list[Hour]) -> None:
    played = course()
    assert str(played.other_rules("ladder")) == (
        "undefined (warming: no opportunity has closed yet)"
    )
    played.play(hours[:2_000])
    found = played.other_rules("ladder")
    assert isinstance(found, OtherRules)
    assert (found.champion, found.unit, found.without_paper) == (CHAMPION, "R", [])
    assert found.without_capital == []
    assert found.opportunities > 50
    assert found.ended < hours[2_000][0]
    (first, *_) = next(line for line in found.lines if line.rule == "static").months
    admitted = set(ARMS) - {CHAMPION}
    assert first.shares == pytest.approx({CHAMPION: 0.8, **dict.fromkeys(admitted, 0.1)})


def test_beside_a_champion_without_a_stop_every_final_receipt_is_in_percent_of_capital(
    hours: list[Hour],
) -> None:
    played = course({**ARMS, CHAMPION: Trend(20, 100)})
    played.play(hours)
    receipts = played.receipts()
    final = [one.worth for one in receipts.each if one.word != "pending"]
    assert any(one.movement.is_stop for one in receipts.each)
    assert len(final) >= len(ARMS)
    for worth in final:
        assert isinstance(worth, Worth)
        assert worth.unit == "%"


def test_the_same_bars_and_seed_are_the_same_course(hours: list[Hour]) -> None:
    one, other = course(), course()
    first, second = list[Action](), list[Action]()
    one.play(hours[:2_000], on_action=first.append)
    other.play(hours[:1_000], on_action=second.append)
    other.play(hours[1_000:2_000], on_action=second.append)
    assert first == second
    assert one.trades == other.trades
    assert one.desk.roster == other.desk.roster


def test_a_course_by_evidence_compares_every_opportunity_as_it_comes(hours: list[Hour]) -> None:
    played, told = course(rule="evidence"), list[Action]()
    played.play(hours[:2_000], on_action=told.append)
    steps = [one for one in told if one.kind in ("scale", "skip_scale") and one.policy != FLAT]
    assert {one.cause for one in steps} == {"evidence"}
    seen = [
        int(one.reason.split(" by ")[1].split(" opp")[0].replace(",", ""))
        for one in steps
        if one.policy in ARMS and one.reason.startswith("better with")
    ]
    assert max(seen) > 100
    assert any(one.kind == "scale" for one in steps)


def test_progress_is_told_now_and_then(hours: list[Hour]) -> None:
    told: list[int] = []
    course().play(hours[:250], progress=told.append)
    assert told == [100, 200]


def test_a_halted_arm_enters_nothing_more_and_its_shadow_book_goes_on(hours: list[Hour]) -> None:
    played = course(sized=1.0)
    played.play(hours)
    done = [one.movement.action for one in played.receipts().each]
    halts = [action for action in done if action.kind == "halt"]
    assert halts
    for halt in halts:
        path = played.recording.paths[halt.policy]
        runs_off = 3  # one position a symbol may be open
        points = zip(path.times, path.live, strict=True)
        later = [live for at, live in points if at > halt.at]
        assert sum(later) <= runs_off < len(later)


HALTED_AT_ONCE = replace(
    DEFAULT_CHECKLIST.guard("challenger_drawdown_high"),
    name="champion_drawdown_high", scope="champion", when=Comparison.parse("> 2"),
)  # fmt: skip


@pytest.mark.parametrize("arms", [{CHAMPION: ARMS[CHAMPION]}, ARMS], ids=["alone", "challenged"])
def test_flat_takes_over_from_a_champion_that_is_halted(
    hours: list[Hour], arms: Mapping[str, Policy]
) -> None:
    guards = (*DEFAULT_CHECKLIST.guards, HALTED_AT_ONCE)
    settings = load().model_copy(update={"checklist": replace(DEFAULT_CHECKLIST, guards=guards)})
    seats = {name: Seat(policy, CAPITAL, 0.3) for name, policy in arms.items()}
    played = Course(settings, seats, CHAMPION, Venue(HOUR, COSTS), START, seed=SEED)
    assert played.desk.roster.arms[FLAT].state == "deposed"
    played.play(hours)
    (halt,) = (one for one in played.receipts().each if one.movement.action.policy == CHAMPION)
    roster = played.desk.roster
    assert roster.champion().name == FLAT
    assert roster.arms[CHAMPION].state == "halted"
    others = sum(arm.share for arm in roster.challengers())
    assert roster.champion().share == pytest.approx(1 - others)
    assert halt.opportunities >= OPPORTUNITIES, "its shadow book goes on"
    path = played.recording.paths[CHAMPION]
    later = [
        live for at, live in zip(path.times, path.live, strict=True) if at > halt.movement.action.at
    ]
    assert sum(later) <= 3 < len(later), "what was open runs off, and nothing is entered"
    assert FLAT not in played.recording.paths, "flat trades nothing"
    assert played.desk.panel.arm(FLAT).gap.has_decisions, "though it is given episodes"
    shown = arms_table(played, len(hours))
    assert FLAT in list(shown.columns[0].cells)


def test_fills_that_are_worse_than_on_paper_are_found(hours: list[Hour]) -> None:
    fair, unfair = course(), course(live_costs=Costs(fee_bps=5, half_spread_bps=11))
    for played in (fair, unfair):
        played.play(hours)
    gaps = [one.desk.panel.arm(CHAMPION).gap.read("SOL/USDT") for one in (fair, unfair)]
    assert isinstance(gaps[0], Gap)
    assert isinstance(gaps[1], Gap)
    assert gaps[0].mean == 0
    assert gaps[1].high < -0.01


def test_what_live_fills_cost_is_found_for_every_volatility(hours: list[Hour]) -> None:
    played = course(live_costs=Costs(fee_bps=5, half_spread_bps=11))
    played.play(hours)
    gap = played.desk.panel.arm(CHAMPION).gap
    by_volatility = [gap.read(terciles=[tercile]) for tercile in range(3)]
    whole = gap.read()
    assert isinstance(whole, Gap)
    assert sum(one.pairs for one in by_volatility if isinstance(one, Gap)) == whole.pairs
    for one in by_volatility:
        assert isinstance(one, Gap)
        assert one.high < 0
    assert gap.read(terciles=[UNKNOWN]) == Undefined("warming", "0 of 30 pairs", 0)


def test_a_mark_is_fresh_until_the_next_one_is_due() -> None:
    seen = marked_every(DEFAULT_CHECKLIST, HOUR).guard("challenger_drawdown_high")
    assert seen.stale_after == 3600 + 15 * 60
    other = marked_every(DEFAULT_CHECKLIST, HOUR).guard("encoder_kl_divergence_high")
    assert other == DEFAULT_CHECKLIST.guard("encoder_kl_divergence_high")


def test_nothing_fills_in_the_hour_in_which_the_feed_stood_still(real_data: Path) -> None:
    still = datetime(2024, 10, 28, 20, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    for file, interval, is_still in (
        ("btc_usdt-15m.parquet", quarter, True),
        ("btc_usdt-1h.parquet", HOUR, False),
    ):
        feed = read_feed(real_data / file)
        bars = [bar for bar in feed.bars if abs(bar.opened_at - still) < timedelta(days=1)]
        played = course({CHAMPION: Flips()}, interval=interval, began=bars[0].opened_at)
        told: list[Action] = []
        played.play(hours_of([bars]), on_action=told.append)
        times = {at for at in played.recording.paths[CHAMPION].times if still <= at < still + HOUR}
        assert times == (set() if is_still else {still})
        assert [one for one in told if still <= one.at < still + HOUR] == []


def test_bars_of_several_symbols_meet_in_the_interval_they_opened_in() -> None:
    def bar(symbol: str, hour: int) -> Bar:
        return Bar(symbol, START + hour * HOUR, 1, 1, 1, 1, 1)

    feeds = [[bar("A", 0), bar("A", 2)], [bar("B", 1), bar("B", 2)]]
    assert [(at, sorted(bars)) for at, bars in hours_of(feeds)] == [
        (START, ["A"]), (START + HOUR, ["B"]), (START + 2 * HOUR, ["A", "B"]),
    ]  # fmt: skip
