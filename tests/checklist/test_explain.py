"""Operating characteristics: they agree with known truths and with the streaming judge."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.explain import (
    WOULD,
    Answer,
    OperatingCharacteristic,
    Prospect,
    foresee,
    sentences,
)
from tiltyard.checklist.guard import EFFECTS, Effect, Guard
from tiltyard.checklist.judge import FRESH, judge
from tiltyard.checklist.lives import LEAST_TRADES, Lives, block_length, recentred, resampled
from tiltyard.checklist.paths import NEVER, PATHS, first_trips, series
from tiltyard.checklist.patience import Patience
from tiltyard.checklist.sizing import Sizing
from tiltyard.facts.trade import Trade
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.money import UNITS, Money
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.panel import Panel
from tiltyard.metrics.trial import Trial

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
SEED = 20250707
MINUTE = timedelta(minutes=1)
CAPITAL = 10_000 * UNITS


def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def a_guard(
    metric: str = "consecutive_losses", when: str = ">= 5", confirm: str = "immediate",
    effect: Effect = "review", min_samples: int = 1, mode: Mode = "enforce",
) -> Guard:  # fmt: skip
    return Guard(
        "some_guard", "arm", metric, Comparison.parse(when), effect, 80,
        min_samples=min_samples, confirm=Patience.parse(confirm), mode=mode,
    )  # fmt: skip


def coin_flips(count: int, losing: float) -> list[Outcome]:
    return [(-UNITS if lost else UNITS, CAPITAL, 0) for lost in rng().random(count) < losing]


def operating_characteristics(
    guards: Sequence[Guard],
    outcomes: Sequence[Outcome],
    draw: np.random.Generator,
    *,
    others: Mapping[str, float] | None = None,
) -> list[tuple[Guard, Answer]]:
    """Of the policy going on as it has."""
    prospects = foresee(guards, outcomes, draw, others=others)
    return [(prospect.guard, prospect.as_it_is) for prospect in prospects]


def characteristic(
    guard: Guard, outcomes: Sequence[Outcome], others: Mapping[str, float] | None = None
) -> OperatingCharacteristic:
    ((_, answer),) = operating_characteristics([guard], outcomes, rng(), others=others)
    assert isinstance(answer, OperatingCharacteristic), answer
    return answer


def reason(guard: Guard, outcomes: Sequence[Outcome]) -> str:
    ((_, answer),) = operating_characteristics([guard], outcomes, rng())
    assert isinstance(answer, Undefined), answer
    return str(answer)


def chance_of_a_run(length: int, trades: int, losing: float) -> float:
    """Of at least ``length`` losses in a row, by the Markov chain of the current run."""
    chances = [1.0] + [0.0] * length
    for _ in range(trades):
        alive = sum(chances[:length])
        chances = [
            alive * (1 - losing),
            *(chances[run] * losing for run in range(length - 1)),
            chances[length] + chances[length - 1] * losing,
        ]
    return chances[length]


@pytest.mark.parametrize(
    ("length", "trades", "losing", "chance"),
    [
        (1, 1, 0.3, 0.3),
        (2, 2, 0.5, 0.25),
        (2, 3, 0.5, 3 / 8),
        (3, 4, 0.5, 3 / 16),
        (5, 4, 0.9, 0.0),
    ],
)
def test_the_markov_chain_that_the_bootstrap_is_held_against(
    length: int, trades: int, losing: float, chance: float
) -> None:
    assert chance_of_a_run(length, trades, losing) == pytest.approx(chance)


@pytest.mark.parametrize("losing", [0.3, 0.4, 0.5])
def test_five_losses_in_a_row_come_as_often_as_the_markov_chain_says(losing: float) -> None:
    # Standard errors: .011 from 2,000 lives, and at most .009 because the frequency of
    # losses in 100,000 flips is itself off by .0016. The tolerance is 2.8 of both together.
    found = characteristic(a_guard(), coin_flips(100_000, losing))
    for horizon in (150, 500):
        assert found.within[horizon] == pytest.approx(chance_of_a_run(5, horizon, losing), abs=0.04)
    if found.median_trades_to_breach is not None:
        before, after = (
            chance_of_a_run(5, round(found.median_trades_to_breach * factor), losing)
            for factor in (0.8, 1.25)
        )
        assert before < 0.5 < after


def test_two_of_three_comes_as_often_as_enumeration_says() -> None:
    # A loss is "1 or more losses in a row"; two among three adjacent trades, the last a loss.
    losing, chances = 0.05, {(False, False): 1.0}
    tripped = 0.0
    for _ in range(150):
        following: dict[tuple[bool, bool], float] = {}
        for (older, newer), chance in chances.items():
            for lost, odds in ((True, losing), (False, 1 - losing)):
                if lost and (older or newer):
                    tripped += chance * odds
                else:
                    state = (newer, lost)
                    following[state] = following.get(state, 0.0) + chance * odds
        chances = following
    found = characteristic(a_guard(when=">= 1", confirm="2 of 3"), coin_flips(100_000, losing))
    assert found.within[150] == pytest.approx(tripped, abs=0.04)
    assert 0.2 < tripped < 0.8, "a probability that could be missed"


def random_lives(seed: int, *, without_capital: bool) -> Lives:
    draw = np.random.default_rng(seed)
    shape = (4, 400)
    pnl = np.round(draw.standard_t(3, shape) * 40 * UNITS).astype(np.int64)
    pnl[draw.random(shape) < 0.05] = 0
    pnl[1] = np.abs(pnl[1])
    pnl[2, 200] = -11 * UNITS * 1000
    capital = np.where(draw.random(shape) < 0.5, CAPITAL, 2 * CAPITAL)
    if without_capital:
        capital[0, 300] = 0
    return Lives(pnl, capital, np.full(shape, 40 * UNITS))


@pytest.mark.parametrize("metric", sorted(PATHS))
@pytest.mark.parametrize("without_capital", [False, True])
def test_a_vectorised_path_is_what_the_streaming_trial_says_after_every_trade(
    metric: str, *, without_capital: bool
) -> None:
    lives = random_lives(SEED, without_capital=without_capital)
    paths = series(metric, lives)
    assert paths.shape == lives.pnl.shape
    seen = 0
    for life in range(len(paths)):
        trial = Trial()
        for count in range(paths.shape[1]):
            at = NOON + count * MINUTE
            trial.close(at, (int(lives.pnl[life, count]), int(lives.capital[life, count]), 0))
            streamed = trial.read(metric)
            number = paths[life, count]
            if isinstance(streamed, Value):
                seen += 1
                assert number == pytest.approx(streamed.number, rel=1e-9, abs=1e-9)
            else:
                assert np.isnan(number), (life, count, streamed)
    assert seen > 500


@pytest.mark.parametrize(
    "guard",
    [
        a_guard("pf_challenger_30", "< 1.1", min_samples=30),
        a_guard("pf_challenger_30", "< 1.1", "3 of 5"),
        a_guard("pf_challenger_30", "< 1.1", "40 of 60"),
        a_guard("pf_challenger_30", "< 1.1", min_samples=31),
        a_guard("pf_150", "<= 0.9"),
        a_guard("profit_factor", "< 0.9", "2 of 3"),
        a_guard("profit_factor", "< 0.9", min_samples=50),
        a_guard("profit_factor", "< 1.5", "sequential 20 % in 150 trades"),
        a_guard("pf_challenger_30", "< 1.5", "sequential 20 % in 150 trades"),
        a_guard("pf_150", "<= 1.3", "sequential 10 % in 150 trades"),
        a_guard("dd_challenger_pct", "> 4"),
        a_guard("dd_challenger_pct", "> 4", min_samples=200),
        a_guard("dd_150", "> 4", "2 of 2"),
        a_guard("win_rate_30", "< 35"),
        a_guard("win_rate", ">= 50", "9 of 9"),
        a_guard("consecutive_losses", ">= 5"),
        a_guard("consecutive_losses", "== 3", "2 of 30"),
        a_guard("net_pnl", "< -500"),
    ],
    ids=str,
)
def test_a_life_trips_at_the_trade_at_which_the_judge_would(guard: Guard) -> None:
    lives = random_lives(SEED + 1, without_capital=False)
    first = first_trips(guard, guard.when.number, lives)
    floors = [guard.when.number] if guard.confirm.trades else []
    for life in range(len(first)):
        panel, memory, tripped = Panel(floors=floors), FRESH, int(NEVER)
        for count in range(lives.pnl.shape[1]):
            at = NOON + count * MINUTE
            pnl, capital = int(lives.pnl[life, count]), int(lives.capital[life, count])
            panel.record(
                Trade("bot", str(count), "a", "SOL", "long", at, at, Money(pnl),
                      capital=Money(capital), risk=Money(int(lives.risk[life, count])))
            )  # fmt: skip
            verdict, memory = judge(guard, panel, "a", "a", memory, at)
            if verdict.tripped:
                tripped = count + 1
                break
        assert first[life] == tripped


@pytest.mark.parametrize(
    ("metric", "when", "pnl", "capital"),
    [("dd_challenger_pct", "> 4", -40, 1000), ("net_pnl", "< -90000000000", -(10**10), 10**10)],
)
def test_a_number_at_its_limit_is_not_beyond_it(
    metric: str, when: str, pnl: int, capital: int
) -> None:
    pnls = np.array([[pnl * UNITS, 0]] if metric != "net_pnl" else [[pnl * UNITS] * 10])
    sized = np.full_like(pnls, capital * UNITS, dtype=np.int64)
    lives = Lives(pnls.astype(np.int64), sized, sized)
    guard = a_guard(metric, when)
    first = int(first_trips(guard, guard.when.number, lives)[0])
    assert first == (NEVER if metric != "net_pnl" else 10)


def test_the_lives_of_the_test_above_differ_in_when_they_trip() -> None:
    lives = random_lives(SEED + 1, without_capital=False)
    first = first_trips(a_guard("dd_challenger_pct", "> 4"), 4.0, lives)
    assert len(set(first.tolist())) >= 3


@pytest.mark.parametrize(
    ("metric", "when"),
    [("dd_150", "> 9"), ("dd_challenger_pct", "> 10"), ("pf_challenger_30", "< 1")],
)
def test_a_life_trips_among_others_when_it_trips_alone(metric: str, when: str) -> None:
    pnl = np.random.default_rng(SEED).integers(-100, 120, 343).tolist()
    lives = resampled([(one, 10_000, 100) for one in pnl], rng(), replicates=200)
    guard = a_guard(metric, when)
    first = first_trips(guard, guard.when.number, lives)
    assert len(set(first.tolist())) > 20, "they differ"
    for n in (0, 89, 90, 199):
        alone = Lives(lives.pnl[[n]], lives.capital[[n]], lives.risk[[n]])
        assert first_trips(guard, guard.when.number, alone).tolist() == [first[n]]


def test_blocks_of_adjacent_trades_are_drawn_and_every_block_may_be() -> None:
    outcomes = [(index, 1000 + index, 0) for index in range(30)]
    lives = resampled(outcomes, rng(), replicates=200, trades=10)
    assert lives.pnl.shape == (200, 10)
    assert (lives.capital == lives.pnl + 1000).all()
    starts = lives.pnl[:, ::3]
    assert set(starts[:, :3].ravel().tolist()) == set(range(28))
    for place in (1, 2):
        assert (
            lives.pnl[:, place::3] == starts[:, : lives.pnl[:, place::3].shape[1]] + place
        ).all()


def test_streaks_stay_streaks() -> None:
    # Losses come in sixes: drawn one by one they would hardly ever be five in a row.
    streaky = coin_flips(20_000, 0.0)
    for start in range(0, 20_000, 60):
        streaky[start : start + 6] = [(-UNITS, CAPITAL, 0)] * 6
    assert chance_of_a_run(5, 150, 0.1) < 0.01
    assert characteristic(a_guard(), streaky).within[150] > 0.8


@pytest.mark.parametrize(
    ("trades", "length"), [(1, 1), (30, 3), (343, 7), (1000, 10), (20_000, 27)]
)
def test_a_block_is_as_long_as_the_cube_root(trades: int, length: int) -> None:
    assert block_length(trades) == length


def test_the_same_generator_gives_the_same_answer() -> None:
    outcomes = coin_flips(200, 0.4)
    assert characteristic(a_guard(), outcomes) == characteristic(a_guard(), outcomes)


def test_a_guard_that_cannot_miss_and_one_that_cannot_fire() -> None:
    outcomes = coin_flips(343, 0.5)
    sure = characteristic(a_guard(when=">= 0"), outcomes)
    assert sure == OperatingCharacteristic(
        "some_guard", 343, {150: 1.0, 500: 1.0}, {150: 0.0, 500: 0.0}, 1
    )
    never = characteristic(a_guard(when="< 0"), outcomes)
    assert never == OperatingCharacteristic(
        "some_guard", 343, {150: 0.0, 500: 0.0}, {150: 0.0, 500: 0.0}, None
    )


@pytest.mark.parametrize(
    ("min_samples", "within"),
    [(150, {150: 1.0, 500: 1.0}), (151, {150: 0.0, 500: 1.0}), (500, {150: 0.0, 500: 1.0})],
)
def test_a_trip_at_the_horizon_is_within_it(min_samples: int, within: dict[int, float]) -> None:
    guard = a_guard(when=">= 0", min_samples=min_samples)
    found = characteristic(guard, coin_flips(100, 0.5))
    assert found.within == within
    assert found.median_trades_to_breach == min_samples


def test_the_standard_error_is_that_of_2000_lives() -> None:
    found = characteristic(a_guard(), coin_flips(5_000, 0.3))
    share = found.within[150]
    assert 0.1 < share < 0.9
    assert found.standard_error[150] == pytest.approx((share * (1 - share) / 2000) ** 0.5)


def test_half_the_lives_have_tripped_by_the_median() -> None:
    # One loss among four trades: a first loss comes within 2 trades in 44 % of lives, 3 in 58 %.
    found = characteristic(a_guard(when=">= 1"), coin_flips(20_000, 0.25))
    assert found.median_trades_to_breach == 3


def test_the_median_is_unsaid_when_most_lives_never_trip() -> None:
    found = characteristic(a_guard(when=">= 7"), coin_flips(20_000, 0.25))
    assert 0 < found.within[500] < 0.5
    assert found.median_trades_to_breach is None


def test_another_metric_enters_by_its_present_value() -> None:
    outcomes = coin_flips(2_000, 0.4)
    relative = a_guard("pf_150", "< 0.6 * pf_prod")
    by_factor = characteristic(relative, outcomes, {"pf_prod": 2.5})
    assert by_factor.within == characteristic(a_guard("pf_150", "< 1.5"), outcomes).within
    assert (
        0.0
        < by_factor.within[500]
        < characteristic(relative, outcomes, {"pf_prod": 3.0}).within[500]
    )
    assert reason(relative, outcomes) == "undefined (no_champion: pf_prod is not known)"


def test_a_plain_limit_ignores_other_metrics() -> None:
    outcomes = coin_flips(343, 0.4)
    assert characteristic(a_guard(), outcomes, {"consecutive_losses": 9.0}) == characteristic(
        a_guard(), outcomes
    )


def test_a_guard_on_the_shadow_book_reads_the_trades_it_is_given() -> None:
    outcomes = coin_flips(343, 0.4)
    shadow = characteristic(a_guard("pf_150_shadow", "< 1.5"), outcomes)
    assert shadow == characteristic(a_guard("pf_150", "< 1.5"), outcomes)


@pytest.mark.parametrize(
    ("guard", "text"),
    [
        (
            DEFAULT_CHECKLIST.guard("encoder_kl_divergence_high"),
            "undefined (unobserved: encoder_kl_divergence cannot be resampled from closed trades)",
        ),
        (
            a_guard("sharpe", "< 1"),
            "undefined (unobserved: sharpe cannot be resampled from closed trades)",
        ),
        (
            a_guard(confirm="for 10 min"),
            "undefined (unobserved: it waits for time, and resampled trades have no times)",
        ),
        (
            Guard(
                "some_guard", "arm", "win_rate", Comparison("<", 30.0), "review", 80,
                only_if=("up", Comparison("<", 1.0)),
            ),
            "undefined (unobserved: it depends on up as well)",
        ),
    ],
)  # fmt: skip
def test_what_trades_cannot_foretell_is_answered_with_a_reason(guard: Guard, text: str) -> None:
    assert reason(guard, coin_flips(100, 0.4)) == text


@pytest.mark.parametrize("trades", [0, 29])
def test_fewer_than_30_trades_say_nothing(trades: int) -> None:
    assert LEAST_TRADES == 30
    answers = operating_characteristics([a_guard(), a_guard("up")], coin_flips(trades, 0.4), rng())
    few = Undefined("warming", f"{trades} of 30 trades", trades)
    assert [answer for _, answer in answers] == [few, few]


def test_30_trades_say_something() -> None:
    assert characteristic(a_guard(), coin_flips(30, 0.4)).trades_used == 30


def test_every_guard_of_the_default_checklist_is_answered_in_its_order() -> None:
    answers = operating_characteristics(DEFAULT_CHECKLIST.guards, coin_flips(100, 0.4), rng())
    assert [guard for guard, _ in answers] == list(DEFAULT_CHECKLIST.guards)
    told = [guard.metric for guard, answer in answers if not isinstance(answer, Undefined)]
    assert told == [
        "dd_challenger_pct", "pf_challenger_30", "pf_challenger_30", "consecutive_losses"
    ]  # fmt: skip


def told(
    within: tuple[float, float], median: int | None, trades: int = 343
) -> OperatingCharacteristic:
    return OperatingCharacteristic(
        "x", trades, dict(zip((150, 500), within, strict=True)), {}, median
    )


@pytest.mark.parametrize(
    ("guard", "answer", "text"),
    [
        (
            DEFAULT_CHECKLIST.guard("challenger_profit_factor_low"),
            told((0.97, 1.0), 31),
            (
                "challenger_profit_factor_low (pf_challenger_30 < 1.6): going on exactly as in"
                " its last 343 trades, this policy would be throttled within 150 trades in 97 %"
                " of lives, within 500 in 100 %; typically after 31 trades."
            ),
        ),
        (
            a_guard(confirm="2 of 3", mode="observe"),
            told((0.004, 0.0051), None, 20_000),
            (
                "some_guard (consecutive_losses >= 5, 2 of 3): going on exactly as in its last"
                " 20,000 trades, this policy would, were it enforced, be put up for review within"
                " 150 trades in less than 1 % of lives, within 500 in 1 %; typically not within"
                " 500 trades."
            ),
        ),
        (
            a_guard(effect="halt"),
            told((0.0, 0.996), 400),
            (
                "some_guard (consecutive_losses >= 5): going on exactly as in its last 343 trades,"
                " this policy would be halted within 150 trades in 0 % of lives, within 500 in more"
                " than 99 %; typically after 400 trades."
            ),
        ),
        (
            a_guard("up", "< 1"),
            Undefined("unobserved", "up cannot be resampled from closed trades"),
            "some_guard (up < 1): cannot be told: up cannot be resampled from closed trades.",
        ),
    ],
)
def test_a_trader_reads_it_in_plain_words(guard: Guard, answer: Answer, text: str) -> None:
    unasked = Undefined("unobserved", "nobody asks")
    prospect = Prospect(guard, answer, unasked, unasked, unasked, unasked)
    assert sentences([prospect])[0] == text


def test_every_effect_has_its_words() -> None:
    assert set(WOULD) == set(EFFECTS)


def trend(count: int = 343, wins: float = 0.5) -> list[Outcome]:
    return [
        (round(200 * UNITS) if won else -100 * UNITS, 20_000 * UNITS, 100 * UNITS)
        for won in rng().random(count) < wins
    ]


LOW = DEFAULT_CHECKLIST.guard("challenger_profit_factor_low")
DEEP = DEFAULT_CHECKLIST.guard("challenger_drawdown_high")


@pytest.mark.parametrize(
    ("guards", "champion", "good", "bad"),
    [
        ([LOW], None, 2.45, 0.8),
        ([LOW], 9.0, 2.45, 0.8),
        ([DEEP, LOW], 9.0, 2.45, 0.8),
        ([replace(LOW, expected=(None, None))], 3.0, 3.0, 0.8),
        ([DEEP], 3.0, 3.0, None),
        ([DEEP], None, None, None),
        ([replace(LOW, when=Comparison.parse("< 0.6 * pf_prod"))], None, 2.45, 0.75),
    ],
)
def test_as_good_as_it_should_be_is_the_band_or_else_the_champion(
    guards: list[Guard], champion: float | None, good: float | None, bad: float | None
) -> None:
    first = foresee(guards, trend(), rng(), champion=champion, others={"pf_prod": 2.5})[0]
    for factor, answer, wanted in (
        (first.good_factor, first.if_good, good),
        (first.bad_factor, first.if_bad, bad),
    ):
        if wanted is None:
            assert isinstance(factor, Undefined)
            assert isinstance(answer, Undefined)
        else:
            assert factor == pytest.approx(wanted)
            assert isinstance(answer, OperatingCharacteristic)


def test_a_policy_that_is_as_it_should_be_is_told_the_same_thrice() -> None:
    found = foresee([LOW], trend(), rng())[0]
    better = recentred(trend(), 2.45)
    assert not isinstance(better, Undefined)
    again = foresee([LOW], better, rng())[0]
    assert again.as_it_is == found.if_good == again.if_good
    assert again.if_bad == found.if_bad
    assert isinstance(found.if_good, OperatingCharacteristic)
    assert isinstance(found.if_bad, OperatingCharacteristic)
    assert found.if_good.within[150] < 1 == found.if_bad.within[150]


def test_a_guard_on_the_drawdown_is_told_the_sizing_and_no_other_is() -> None:
    deep, low = foresee([DEEP, LOW], trend(), rng())
    assert isinstance(deep.sizing, Sizing)
    assert isinstance(deep.as_it_is, OperatingCharacteristic)
    assert deep.sizing.within == deep.as_it_is.within
    assert low.sizing is None
    (line,) = [line for line in sentences([deep]) if line.startswith("  Sizing")]
    assert line.startswith(
        "  Sizing: sized as it is, with a median of 0.5 % of capital at risk, a fall of more than"
    )


def test_the_sizing_says_what_the_guard_says_whatever_each_trade_risked() -> None:
    uneven = [(pnl, capital, risk // (1 + 200 * (n % 7 == 0))) for n, (pnl, capital, risk) in
              enumerate(trend())]  # fmt: skip
    (deep,) = foresee([DEEP], uneven, rng())
    assert isinstance(deep.sizing, Sizing)
    assert isinstance(deep.as_it_is, OperatingCharacteristic)
    assert 0 < deep.sizing.within[500] < 1
    assert deep.sizing.within == deep.as_it_is.within


def test_a_guard_that_wants_evidence_is_told_what_its_own_trades_would_want() -> None:
    patient = replace(LOW, metric="profit_factor", confirm=Patience.parse("sequential"))
    found = foresee([patient], trend(), rng())[0]
    assert isinstance(found.own_threshold, float)
    assert 1 < found.own_threshold < patient.confirm.threshold, "they are independent"
    assert f"by its own trades {found.own_threshold:.2f} would" in sentences([found])[-1]
    assert isinstance(found.if_good, OperatingCharacteristic)
    chance = {150: 0.0, 500: 0.05 + found.if_good.standard_error[500]}
    kept = replace(found, if_good=replace(found.if_good, within=chance))
    assert "does not hold" not in "".join(sentences([kept]))
    riskless = [(pnl, capital, 0) for pnl, capital, _ in trend()]
    blind = foresee([patient], riskless, rng())[0]
    assert isinstance(blind.as_it_is, Undefined)
    assert blind.as_it_is.state == "no_risk"
    assert isinstance(blind.own_threshold, Undefined)


@pytest.mark.parametrize(
    ("champion", "trend_is_told", "rare_is_told"),
    [(1.2, False, False), (1.6, False, True), (2.45, False, True)],
)
def test_a_promise_is_broken_where_an_arm_at_the_limit_or_above_is_wronged(
    champion: float, *, trend_is_told: bool, rare_is_told: bool
) -> None:
    """The limit is 1.6; below it a guard that stops an arm does what it is for."""
    patient = replace(
        LOW, metric="profit_factor", confirm=Patience.parse("sequential"), expected=(None, None)
    )
    rare = [(34 * UNITS if n % 20 == 0 else -UNITS, CAPITAL, UNITS) for n in range(400)]
    for outcomes, is_told in ((trend(), trend_is_told), (rare, rare_is_told)):
        (found,) = foresee([patient], outcomes, rng(), champion=champion)
        assert found.good_factor == champion
        assert isinstance(found.if_good, OperatingCharacteristic)
        often = found.if_good.within[500] > 0.05
        assert often is (is_told or champion < patient.when.number)
        said = "promise of 5 % in 500 trades does not hold for it: " in sentences([found])[-1]
        assert said is is_told
