"""To learn in a market is to trade on paper in it, only faster: nothing is free or foreseen."""

import subprocess
import sys
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from little_markets import SINCE, LittleMarket, little_market
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.learners.environment import Environment, Rules, Stepped, follow, walk
from tiltyard.learners.playing import NOTHING, PLAYER, POSITIONS, _drawn
from tiltyard.learners.sizing import intent_for
from tiltyard.learners.tracks import NO_ROW, Tracks
from tiltyard.learners.walk_forward import DAY, NOTIONAL, Range, play
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import bars_of
from tiltyard.market.costs import Costs
from tiltyard.market.paper import Closed, Entry, Lane, PaperVenue, Position
from tiltyard.policies.policy import Holding, Intent

SEEDS = st.integers(0, 10_000)
COSTS = st.builds(
    Rules, fee_bps=st.floats(0, 30), half_spread_bps=st.floats(0, 20), turnover=st.floats(0, 0.01),
    drawdown=st.floats(0, 2), ruin=st.sampled_from([0.05, 0.2, 9.0]), longest=st.integers(1, 60),
)  # fmt: skip
FREE = Rules(fee_bps=0.0, half_spread_bps=0.0, ruin=1e9)
NEVER = replace(Rules(), ruin=1e9, longest=10**6)
TIGHT = 1e-7
"""Of the notional: what rounding to 1e-8 of a unit and of money may add up to."""


class Outcome(NamedTuple):
    reward: float
    terminated: bool
    truncated: bool
    row: int
    position: int


@dataclass
class OnPaper:
    """One player's episode, played by the paper venue, decision by decision."""

    market: LittleMarket
    rules: Rules
    bar: int
    stop: int

    def __post_init__(self) -> None:
        market, rules, tracks = self.market, self.rules, self.market.tracks
        place = int(np.searchsorted(tracks.begins, self.bar, side="right")) - 1
        self._first = tracks.begins[place]
        symbol = tracks.symbols[place]
        self._bars = list(bars_of(market.candles[symbol]))
        costs = Costs(rules.fee_bps, rules.half_spread_bps, market.funding, has_funding=True)
        self._costs = costs
        self._venue, self._lane = PaperVenue(costs, HOUR), Lane("player", symbol)
        self._left = rules.longest
        self._realised = self._equity = self._worth = self._peak = 0.0
        self.position = NOTHING

    def step(self, action: int) -> Outcome:
        if action != self.position:
            self._order(action)
        reward = 0.0
        while True:
            reward += self._hour()
            row = int(self.market.tracks.bars["row"][self.bar])
            if row != NO_ROW or self.bar == self.stop - 1:
                break
        ruined = self._equity <= -self.rules.ruin
        is_over = self.bar == self.stop - 1 or self._left <= 0
        return Outcome(reward, ruined, is_over and not ruined, row, self.position)

    def _order(self, action: int) -> None:
        self._venue.leave(self._lane)
        hold, _, size = intent_for(POSITIONS[action])
        if hold != "nothing":
            notional = Money(round(NOTIONAL * size))
            episode = f"{self.bar} {action}"
            self._venue.enter(Entry(self._lane, episode, hold, notional, size=size))
        self._ordered = action

    def _hour(self) -> float:
        """The next bar; what it gained, less the prices of turnover and drawdown."""
        before: Bar = self._bars[self.bar - self._first]
        self.bar, self._left = self.bar + 1, self._left - 1
        bar = self._bars[self.bar - self._first]
        if bar.opened_at - before.opened_at > HOUR:
            self._venue.open_bars({})
        held = self._venue.positions.get(self._lane)
        closed = self._venue.open_bars({self._lane.symbol: bar})
        now = self._venue.positions.get(self._lane)
        assert not self._venue.close_bars({self._lane.symbol: bar})
        traded = sum(value(one.position.quantity, one.price) for one in closed)
        if now is not None and now is not held:
            traded += value(now.quantity, now.price)
        self._realised += sum(one.pnl for one in closed) / NOTIONAL
        equity = self._realised
        if now is not None:
            equity += (now.value(bar.close) - now.fee) / NOTIONAL
        self.position = self._ordered if now is not None else NOTHING
        worth = equity - (0.0 if now is None else self._owed(now, bar))
        gained, fallen = worth - self._worth, self._peak - self._worth
        self._equity, self._worth, self._peak = equity, worth, max(self._peak, worth)
        further = max(0.0, self._peak - worth - fallen)
        return gained - self.rules.turnover * traded - self.rules.drawdown * further

    def _owed(self, held: Position, bar: Bar) -> float:
        """Funding that the venue would take if the position were left at this bar's open."""
        notional = Money(round(held.quantity * held.price))
        received = self._costs.funding_of(
            self._lane.symbol, notional=notional, is_long=held.is_long,
            since=held.opened_at, until=bar.opened_at,
        )  # fmt: skip
        return -(received or 0) / NOTIONAL


def value(quantity: int, price: float) -> float:
    return quantity * price / NOTIONAL


def environment(market: LittleMarket, rules: Rules, count: int = 4, seed: int = 1) -> Environment:
    return Environment(market.tracks, rules, market.spans, count, np.random.default_rng(seed))


def steps(env: Environment, actions: np.ndarray) -> list[Stepped]:
    return [env.step(one) for one in actions]


def gained(env: Environment, actions: np.ndarray) -> np.ndarray:
    """Rewards; shape (steps, players)."""
    return np.array([one.reward for one in steps(env, actions)])


def drawn(seed: int, count: int, players: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(len(POSITIONS), size=(count, players))


def begun(market: LittleMarket, env: Environment, who: int) -> OnPaper:
    bar, stop = (int(env.players[name][who]) for name in ("bar", "stop"))
    return OnPaper(market, Rules(), bar, stop)


@settings(deadline=None, max_examples=60)
@given(SEEDS, COSTS, st.sampled_from([1, 5]))
def test_every_step_is_what_the_paper_venue_makes_of_it(
    seed: int, rules: Rules, patience: int
) -> None:
    market = little_market(seed, hours=50)
    env = environment(market, rules)
    actions = np.repeat(drawn(seed, 40 // patience), patience, axis=0)
    papers = [replace(begun(market, env, who), rules=rules) for who in range(4)]
    for wanted in actions:
        assert env.positions.tolist() == [one.position for one in papers]
        stepped = env.step(wanted)
        expected = [one.step(int(want)) for one, want in zip(papers, wanted, strict=True)]
        for found, column in zip(stepped[1:], list(zip(*expected, strict=True))[1:], strict=True):
            assert found.tolist() == list(column)
        assert stepped.reward == pytest.approx([one.reward for one in expected], abs=TIGHT)
        for who in np.flatnonzero(stepped.terminated | stepped.truncated):
            papers[who] = replace(begun(market, env, int(who)), rules=rules)


def test_the_markets_of_these_laws_have_all_that_is_awkward() -> None:
    """Else the law above would hold for want of cases."""
    rules = replace(Rules(), ruin=0.05, longest=30)
    seen = dict.fromkeys(("terminated", "truncated", "gap", "unknown", "missed", "waited"), 0)
    for seed in range(20):
        market = little_market(seed, hours=50)
        tracks, env = market.tracks, environment(market, rules)
        seen["gap"] += int((~tracks.bars["follows"]).sum()) - len(tracks.symbols)
        seen["unknown"] += int((tracks.bars["row"] == NO_ROW).sum())
        seen["missed"] += int((np.diff(tracks.funding["missed"]) > 0).sum())
        for wanted in drawn(seed, 40):
            stepped = env.step(wanted)
            seen["terminated"] += int(stepped.terminated.sum())
            seen["truncated"] += int(stepped.truncated.sum())
            seen["waited"] += int((stepped.position != wanted).sum())
    assert min(seen.values()) > 30, seen


@settings(deadline=None)
@given(SEEDS, st.floats(0, 50), st.floats(0, 50), st.sampled_from([(1, 0), (0, 1)]))
def test_equity_is_never_higher_where_trading_costs_more(
    seed: int, cost: float, more: float, which: tuple[int, int]
) -> None:
    market = little_market(seed)
    fee, spread = which
    cheap, dear = (
        environment(market, replace(NEVER, fee_bps=fee * at, half_spread_bps=spread * at))
        for at in (cost, cost + more)
    )
    over = np.zeros(4, np.bool_)
    for wanted in drawn(seed, 30):
        one, other = cheap.step(wanted), dear.step(wanted)
        assert (one.truncated == other.truncated).all()
        over |= one.truncated
        ahead = cheap.players["equity"] - dear.players["equity"]
        assert (ahead[~over] >= -1e-12).all()


@settings(deadline=None)
@given(SEEDS, st.floats(0, 1), st.floats(0, 1))
def test_a_price_for_turnover_or_drawdown_never_adds_to_a_reward(
    seed: int, turnover: float, drawdown: float
) -> None:
    market, actions = little_market(seed), drawn(seed, 30)
    free = gained(environment(market, Rules()), actions)
    priced = gained(environment(market, Rules(turnover=turnover, drawdown=drawdown)), actions)
    assert (priced <= free).all()


@settings(deadline=None)
@given(SEEDS)
def test_without_costs_the_mirror_of_what_is_done_makes_the_mirror_of_its_gain(seed: int) -> None:
    market, actions = little_market(seed), drawn(seed, 30)
    ours = gained(environment(market, FREE), actions)
    theirs = gained(environment(market, FREE), len(POSITIONS) - 1 - actions)
    assert ours.tolist() == (-theirs).tolist()


@settings(deadline=None)
@given(SEEDS, COSTS)
def test_half_a_position_makes_half_the_reward(seed: int, rules: Rules) -> None:
    market, actions = little_market(seed), drawn(seed, 30)
    rules = replace(rules, ruin=1e9)
    whole = np.where(np.isin(actions, (0, 4)), actions, NOTHING)
    half = (whole + NOTHING) // 2
    ours = gained(environment(market, rules), half)
    assert ours.tolist() == (gained(environment(market, rules), whole) / 2).tolist()


@settings(deadline=None)
@given(SEEDS, COSTS, st.integers(-20, 20))
def test_prices_in_another_currency_make_the_same_rewards(
    seed: int, rules: Rules, power: int
) -> None:
    market, actions = little_market(seed), drawn(seed, 30)
    bars = market.tracks.bars.copy()
    for name in ("open", "close"):
        bars[name] *= 2.0**power
    other = replace(market, tracks=replace(market.tracks, bars=bars))
    ours, theirs = environment(market, rules), environment(other, rules)
    assert gained(ours, actions).tolist() == gained(theirs, actions).tolist()


@settings(deadline=None)
@given(SEEDS, COSTS, st.integers(0, 2))
def test_a_range_that_is_walked_is_stepped_with_the_same_decisions(
    seed: int, rules: Rules, which: int
) -> None:
    market = little_market(seed)
    rules = replace(rules, ruin=1e9, longest=10**6)
    span, choices = market.spans[which], table(market, seed)
    assume(market.tracks.bars["row"][span[1] - 2] != NO_ROW)
    walked = walk(market.tracks, rules, span, choices)
    player = Environment(market.tracks, rules, span[None], 1, np.random.default_rng(1))
    first = int(span[0])
    player.restore({
        "bar": np.array([first]), "since": np.array([first]),
        "row": market.tracks.bars["row"][[first]], "stop": span[1:],
    })  # fmt: skip
    reward, wanted, is_over = 0.0, np.zeros(len(POSITIONS), np.int64), False
    while not is_over:
        want = choices[player.rows, player.positions]
        if player.players["bar"][0] == span[1] - 2:
            want[:] = NOTHING
        else:
            wanted[want] += 1
        stepped = player.step(want)
        reward, is_over = reward + float(stepped.reward[0]), bool(stepped.truncated[0])
        if not is_over:
            bar = int(player.players["bar"][0]) - first - 1
            assert walked.equity[bar] == player.players["equity"][0]
    assert len(walked.equity) == span[1] - span[0] - 1
    assert walked.reward == pytest.approx(reward, abs=1e-12)
    assert walked.wanted.tolist() == wanted.tolist()


def table(market: LittleMarket, seed: int) -> np.ndarray:
    """What is wanted, by row and by what is held; most want to stay."""
    rng, count = np.random.default_rng(seed), len(market.rows)
    wanted = rng.integers(len(POSITIONS), size=(count, len(POSITIONS)))
    stays = rng.random(wanted.shape) < 0.5
    return np.where(stays, np.arange(len(POSITIONS)), wanted)


@settings(deadline=None)
@given(SEEDS, st.floats(0, 30), st.floats(0, 20))
def test_a_range_that_is_walked_makes_what_a_walk_forward_makes_of_it(
    seed: int, fee: float, spread: float
) -> None:
    market = little_market(seed, symbols=1, hours=120)
    tracks, choices = market.tracks, table(market, seed)
    (span,) = market.spans
    last = int(span[1]) - 1
    within = Range(int(tracks.opened_at[span[0]]) + tracks.step, int(tracks.opened_at[last]))

    def decide(_symbol: str, number: int, holding: Holding, size: float) -> Intent:
        held = {"short": -size, "nothing": 0.0, "long": size}[holding]
        row = int(tracks.bars["row"][number])
        place = POSITIONS.index(held)
        return intent_for(held if row == NO_ROW else POSITIONS[choices[row, place]])

    costs = Costs(fee, spread, market.funding, has_funding=True)
    played = play(market.candles, decide, costs, within)
    walked = walk(tracks, Rules(fee_bps=fee, half_spread_bps=spread), span, choices)
    at = tracks.opened_at[span[0] + 1 : span[1]]
    days = np.minimum(at, within.until - 1) // DAY
    by_day = [walked.equity[np.flatnonzero(days == day)[-1]] for day in np.unique(days)]
    known = played.equity[np.isin(played.days, np.unique(days))]
    assert by_day == pytest.approx(known.tolist(), abs=TIGHT * len(at))
    assert played.equity[-1] == pytest.approx(sum_of(played.trades), abs=TIGHT)
    assert walked.equity[-1] == pytest.approx(sum_of(played.trades), abs=TIGHT * len(at))


def sum_of(trades: tuple[Closed, ...]) -> float:
    return sum(one.pnl for one in trades) / NOTIONAL


@settings(deadline=None)
@given(SEEDS, COSTS, st.integers(1, 30))
def test_who_goes_on_from_a_state_goes_on_to_the_same_bits(
    seed: int, rules: Rules, before: int
) -> None:
    market, actions = little_market(seed), drawn(seed, 40)
    straight = environment(market, rules)
    first = steps(straight, actions[:before])
    state = straight.state()
    expected = steps(straight, actions[before:])
    gone_on = environment(market, rules, seed=99)
    gone_on.restore(state)
    assert bits(steps(gone_on, actions[before:])) == bits(expected)
    again = environment(market, rules)
    assert bits(steps(again, actions)) == bits(first + expected)


def bits(stepped: list[Stepped]) -> list[bytes]:
    return [column.tobytes() for one in stepped for column in one]


def test_a_state_is_not_changed_by_steps_after_it() -> None:
    market = little_market(3)
    env = environment(market, Rules())
    env.step(drawn(1, 1)[0])
    state, rows, positions = env.state(), env.rows, env.positions
    copies = {name: one.copy() for name, one in state.items()}
    told = rows.copy(), positions.copy()
    steps(env, drawn(2, 10))
    assert all((state[name] == one).all() for name, one in copies.items())
    assert (rows == told[0]).all()
    assert (positions == told[1]).all()
    assert set(state) == set(PLAYER.names or ())


@settings(deadline=None)
@given(SEEDS, COSTS)
def test_what_one_player_does_changes_nothing_for_another(seed: int, rules: Rules) -> None:
    market, actions = little_market(seed), drawn(seed, 40)
    together = environment(market, rules)
    alone = environment(market, rules, count=1)
    alone.restore({name: one[2:3] for name, one in together.state().items()})
    others = [column for one in steps(together, actions) for column in one]
    ours = [column for one in steps(alone, actions[:, 2:3]) for column in one]
    assert [one[2:3].tobytes() for one in others] == [one.tobytes() for one in ours]


@settings(deadline=None)
@given(SEEDS, COSTS, st.integers(20, 45))
def test_nothing_that_comes_later_changes_what_was_seen_and_earned_before(
    seed: int, rules: Rules, hour: int
) -> None:
    market, actions = little_market(seed, hours=50), drawn(seed, 30, players=16)
    changed = with_another_future(market.tracks, SINCE + 3600 * hour)
    rules = replace(rules, longest=10**6, ruin=1e9)
    ours = environment(market, rules, count=16, seed=seed)
    theirs = environment(replace(market, tracks=changed), rules, count=16, seed=seed)
    there = np.ones(16, np.bool_)
    compared = 0
    for wanted in actions:
        assert (ours.rows == theirs.rows)[there].all()
        assert (ours.positions == theirs.positions)[there].all()
        one, other = ours.step(wanted), theirs.step(wanted)
        ended = one.terminated | one.truncated
        there &= ~ended & (market.tracks.opened_at[ours.players["bar"]] <= SINCE + 3600 * hour)
        compared += int(there.sum())
        for column, same in zip(one, other, strict=True):
            assert column[there].tobytes() == same[there].tobytes()
    assume(compared > 16)


def with_another_future(tracks: Tracks, at: int) -> Tracks:
    later = tracks.opened_at > at
    bars, funding = tracks.bars.copy(), tracks.funding.copy()
    bars["open"][later] *= 3
    bars["close"][later] *= 0.2
    funding["paid"][later] += 1
    return replace(tracks, bars=bars, funding=funding)


def test_episodes_begin_evenly_at_every_bar_after_which_something_can_be_played() -> None:
    """Chi-squared at 4.5 standard deviations: one seed in some 10,000 would be a false alarm."""
    market = little_market(4, hours=40)
    bars, spans = market.tracks.bars, market.spans
    may = [n for first, stop in spans for n in range(first, stop - 1) if bars["row"][n] != NO_ROW]
    count = 20_000
    env = environment(market, replace(Rules(), longest=1), count=count)
    at_first = env.players["bar"].copy()
    stepped = env.step(np.full(count, NOTHING))
    assert (stepped.terminated | stepped.truncated).all()
    for drawn_bars in (at_first, env.players["bar"]):
        assert set(drawn_bars.tolist()) == set(may)
        counts = np.array([(drawn_bars == bar).sum() for bar in may])
        expected, free = count / len(may), len(may) - 1
        squares = float(((counts - expected) ** 2 / expected).sum())
        assert abs(squares - free) < 4.5 * np.sqrt(2 * free)
    apart = (at_first == env.players["bar"]).mean()
    assert apart < 3 / len(may), "where one begins says nothing of where it begins next"


def test_a_player_draws_by_the_published_numbers() -> None:
    player = np.zeros(1, PLAYER)
    player["chance"] = 1_234_567
    assert [int(_drawn(player[0])) for _ in range(3)] == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
    ]  # fmt: skip


def plain(opens: list[float], closes: list[float], rules: Rules = NEVER) -> Environment:
    """One player at the first of some bars, all there and known."""
    market = little_market(1, symbols=1, hours=len(opens), holes=0, unknown=0)
    bars, funding = market.tracks.bars.copy(), np.zeros_like(market.tracks.funding)
    bars["open"], bars["close"] = opens, closes
    tracks = replace(market.tracks, bars=bars, funding=funding)
    env = Environment(tracks, rules, market.spans, 1, np.random.default_rng(1))
    env.restore({"bar": np.array([0]), "row": np.array([0])})
    return env


def one(env: Environment, *positions: float) -> list[float]:
    return [float(env.step(np.array([POSITIONS.index(at)])).reward[0]) for at in positions]


def test_a_round_trip_costs_two_fees_and_two_halves_of_a_spread() -> None:
    rules = replace(NEVER, fee_bps=10.0, half_spread_bps=20.0)
    env = plain([100.0] * 4, [100.0] * 4, rules)
    bought, sold = 100 * 1.002, 100 * 0.998
    reward = one(env, 1.0, 0.0)
    assert sum(reward) == pytest.approx(sold / bought - 1 - 0.001 * (1 + sold / bought), abs=1e-15)
    assert reward[0] == pytest.approx(100 / bought - 1 - 0.001, abs=1e-15)


def test_a_change_of_size_leaves_the_position_as_a_whole() -> None:
    env = plain([100.0] * 5, [100.0] * 5, replace(NEVER, fee_bps=10.0, half_spread_bps=0.0))
    assert one(env, 1.0, 1.0, 0.5) == pytest.approx([-0.001, 0.0, -0.0015], abs=1e-15)


def test_turnover_and_further_falls_have_their_price() -> None:
    rules = replace(FREE, turnover=0.25, drawdown=0.5, longest=10**6)
    env = plain([100.0] * 6, [100.0, 110.0, 104.0, 107.0, 101.0, 90.0], rules)
    rewards = one(env, 1.0, 1.0, 1.0, 1.0)
    assert rewards == pytest.approx([0.1 - 0.25, -0.06 - 0.03, 0.03, -0.06 - 0.03], abs=1e-12)


def funded(
    rates: list[float | None], rules: Rules = NEVER, closes: list[float] | None = None
) -> Environment:
    """One player at the first of some bars at 100; a rate is due when each opens, None unknown."""
    env = plain([100.0] * len(rates), closes or [100.0] * len(rates), rules)
    funding = env._tracks.funding
    funding["paid"] = np.cumsum([rate or 0.0 for rate in rates])
    funding["missed"] = np.cumsum([rate is None for rate in rates])
    return env


HOLDING = replace(FREE, longest=10**6)


def test_funding_is_taken_off_when_it_is_due_and_off_equity_when_a_position_is_left() -> None:
    env = funded([0.5, 0.25, 0.0, 0.125, 0.0625, 0.5, 0.5], HOLDING)
    rewards, equity = [], []
    for position in (1.0, 1.0, 1.0, 0.0, 0.0):
        rewards += one(env, position)
        equity.append(float(env.players["equity"][0]))
    assert rewards == [0.0, 0.0, -0.125, -0.0625, 0.0]
    assert equity == [0.0, 0.0, 0.0, -0.1875, -0.1875]


def test_who_is_short_receives_it_and_half_a_position_half_of_it() -> None:
    rates: list[float | None] = [0.0, 0.5, 0.25, 0.125, 0.0625, 0.0]
    assert one(funded(rates, HOLDING), -0.5, -0.5, -0.5) == [0.0, 0.125, 0.0625]


def test_a_change_of_size_pays_for_what_was_held_and_no_more() -> None:
    rates: list[float | None] = [0.0, 0.5, 0.25, 0.125, 0.0625, 0.0]
    assert one(funded(rates, HOLDING), 1.0, 0.5, 0.5, -1.0) == [0.0, -0.25, -0.0625, -0.03125]


def test_what_was_taken_off_comes_back_where_a_rate_is_not_known() -> None:
    env = funded([0.0, 0.0, 0.25, None, 0.125, 0.5, 0.0], HOLDING)
    assert one(env, 1.0, 1.0, 1.0, 1.0, 0.0) == [0.0, -0.25, 0.25, 0.0, 0.0]
    assert env.players["equity"].tolist() == [0.0]


def test_a_fall_goes_by_equity_less_what_is_owed() -> None:
    env = funded([0.0, 0.0, 0.25, 0.0, 0.0, 0.0], replace(HOLDING, drawdown=0.5))
    assert one(env, 1.0, 1.0, 1.0, 0.0) == [0.0, -0.375, 0.0, 0.0]


@pytest.mark.parametrize("longest", range(1, 9))
def test_who_is_cut_off_while_holding_has_paid_what_was_due(longest: int) -> None:
    rates: list[float | None] = [0.0, 0.0, 0.5, 0.0, 0.25, 0.0, 0.125, 0.0, 0.0625, 0.0]
    env = funded(rates, replace(HOLDING, longest=longest))
    env.restore({"left": np.array([longest])})
    stepped = [env.step(np.array([4])) for _ in range(longest)]
    assert [bool(at.truncated[0]) for at in stepped] == [False] * (longest - 1) + [True]
    due = sum(rate or 0.0 for rate in rates[2 : longest + 1])
    assert sum(float(at.reward[0]) for at in stepped) == -due


def test_who_follows_pays_alike_and_begins_an_episode_at_its_own_peak() -> None:
    """What was received for holding before is neither paid back nor something to fall from."""
    rules = replace(HOLDING, drawdown=0.5, longest=2)
    tracks = funded([0.0, 0.0, 0.25, 0.0, -0.125, 0.0, 0.0, 0.0])._tracks
    short, stop = POSITIONS.index(-1.0), len(tracks.bars)
    met = follow(tracks, rules, 0, stop, np.array([*[short] * 4, NOTHING]))
    assert met.reward.tolist() == [0.0, 0.25, 0.0, -0.125 * 1.5, 0.0]


@settings(deadline=None)
@given(SEEDS, st.floats(0, 30), st.floats(0, 20))
def test_what_an_episode_made_is_the_change_of_its_equity_once_it_is_left(
    seed: int, fee: float, spread: float
) -> None:
    market = little_market(seed, symbols=1)
    env = environment(market, replace(NEVER, fee_bps=fee, half_spread_bps=spread), count=1)
    total = 0.0
    for wanted in drawn(seed, 30, players=1):
        stepped = env.step(wanted)
        if stepped.truncated[0]:
            return
        total += float(stepped.reward[0])
        if stepped.position[0] == NOTHING:
            assert total == pytest.approx(float(env.players["equity"][0]), abs=1e-12)


def test_who_has_lost_too_much_is_stopped_and_begins_anew_with_nothing() -> None:
    env = plain([100.0] * 6, [100.0, 90.0, 45.0, 40.0, 50.0, 60.0], replace(NEVER, ruin=0.5))
    assert not env.step(np.array([4])).terminated
    stepped = env.step(np.array([4]))
    assert stepped.terminated.tolist() == [True]
    assert stepped.truncated.tolist() == [False]
    assert stepped.position.tolist() == [4]
    assert env.positions.tolist() == [NOTHING]
    assert env.players["equity"].tolist() == [0.0]


def test_time_that_is_over_says_what_was_seen_last_and_that_it_would_have_gone_on() -> None:
    env = plain([100.0] * 9, [100.0] * 9, replace(NEVER, longest=3))
    env.restore({"left": np.array([3])})
    flags = [env.step(np.array([3])) for _ in range(3)]
    assert [bool(one.truncated[0]) for one in flags] == [False, False, True]
    assert not any(one.terminated[0] for one in flags)
    assert [int(one.row[0]) for one in flags] == [1, 2, 3]
    assert flags[-1].position.tolist() == [3]


def test_places_may_be_told_in_small_numbers() -> None:
    market, actions = little_market(1), drawn(1, 20)
    ours = gained(environment(market, Rules()), actions)
    theirs = gained(environment(market, Rules()), actions.astype(np.int8))
    assert ours.tolist() == theirs.tolist()


def test_where_nobody_can_play_is_said() -> None:
    market = little_market(1)
    with pytest.raises(TiltyardError, match="RANGE_EMPTY"):
        Environment(market.tracks, Rules(), np.empty((0, 2), np.int64), 4, np.random.default_rng(1))


def test_loops_run_where_nothing_compiled_may_be_kept() -> None:
    code = (
        "from tiltyard.learners.compiling import compiled\n"
        "def add(one, other): return one + other\n"
        "print(compiled(add)(2, 3))\n"
    )
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "PATH": ""}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=nowhere, capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.stderr) == ("5\n", "")


def test_loops_can_be_compiled_before_anything_is_played() -> None:
    code = (
        "from tiltyard.learners import environment as all_of_it\n"
        "from tiltyard.learners.playing import restart, step, walk_through\n"
        "loops = restart, step, walk_through\n"
        "assert not any(one.signatures for one in loops)\n"
        "all_of_it.prepare()\n"
        "assert all(one.signatures for one in loops)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
