"""Whom a sizing policy has to beat: played as the desk would, and on days that are new to it."""

from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Any

import numpy as np
import pytest

from small_candidates import START, lasting, market
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.examples import MarketData
from tiltyard.learners.gate import Verdict
from tiltyard.learners.job import Step
from tiltyard.learners.performance import Result
from tiltyard.learners.rivals import Champion, judged
from tiltyard.learners.sizing import Sizing
from tiltyard.learners.walk_forward import DAY, NOTIONAL, Range, by_policy, play
from tiltyard.market.costs import Costs, FundingRates
from tiltyard.policies.trend import Trend
from trained_policies import tiny_sizing

DAYS = 60
SOL = market("SOL/USDT", hours=24 * 20)
COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")
RATES = FundingRates([(START + timedelta(hours=8 * n), 0.0001) for n in range(90)])


def test_a_champion_is_told_funding_where_it_has_learnt_from_it() -> None:
    snapshot = tiny_sizing()
    settings = {**snapshot.settings, "features": ["return_4", "volatility_24", "funding"]}
    champion = Champion("old", Sizing(replace(snapshot, settings=settings)))
    data = MarketData(SOL, funding={"SOL/USDT": RATES})
    closed_at = SOL["SOL/USDT"].closed_at
    within = Range(int(closed_at[100]), int(closed_at[-1]))
    costs, told = Costs(5, 1, {"SOL/USDT": RATES}, has_funding=True), list[Step]()
    played = champion.played(data, costs, within, told.append)
    assert played.wanted["long"] > 0
    assert set(played.wanted) != {"nothing"}
    assert [(one.stage, one.done, one.of) for one in told] == [
        ("the champion", done, 379) for done in (128, 256, 379)
    ]


def test_a_trained_champion_that_is_asked_at_once_decides_as_one_that_is_asked_bar_by_bar() -> None:
    policy, costs = Sizing(tiny_sizing()), Costs(5, 1, {})
    closed_at = SOL["SOL/USDT"].closed_at
    sol = SOL["SOL/USDT"]
    columns: dict[str, Any] = {
        name: np.delete(getattr(sol, name), range(250, 260)) for name in COLUMNS
    }
    holey = {"SOL/USDT": replace(sol, **columns)}
    for past in (SOL, holey):
        within = Range(int(closed_at[20]), int(closed_at[-1]))
        alone = play(past, by_policy(policy, past, within), costs, within)
        played = Champion("old", policy).played(MarketData(past), costs, within, lambda _: None)
        assert played.trades == alone.trades
        assert (played.equity == alone.equity).all()
        assert played.wanted == alone.wanted
        assert played.trades


@pytest.mark.parametrize(
    ("past", "why"),
    [
        ({"SOL/USDT": lasting(SOL["SOL/USDT"], timedelta(minutes=15))}, "on bars of 1:00:00, and"),
        (market("BTC/USDT", "SOL/USDT", hours=48), "it does not know BTC/USDT"),
    ],
)
def test_one_that_cannot_be_played_is_refused(past: dict[str, object], why: str) -> None:
    data = MarketData(past)  # type: ignore[arg-type]
    with pytest.raises(TiltyardError, match=f"CHAMPION_DIFFERS old: .*{why}"):
        Champion("old", Sizing(tiny_sizing())).check(data)
    Champion("trend", Trend()).check(data)


def result(*daily: float, constant: str = "") -> Result:
    """Each number is what the days of a part of the range made, parts of equal length."""
    made = np.repeat(daily, DAYS // len(daily))
    wanted = {"SOL/USDT": {constant or "long": 50, **({} if constant else {"short": 50})}}
    days = np.arange(DAYS, dtype=np.int64)
    return Result((), days[:0], days, made.cumsum(), NOTIONAL, 0.0, wanted, 1)


def verdict(
    champion: Champion | None = None, theirs: Result | None = None, *, ours: Result | None = None,
    together: Result | None = None, untaught: int = 0,
) -> Verdict:  # fmt: skip
    ours = result(0.01) if ours is None else ours
    others = {"flat": result(0.0), "buy_and_hold": result(-0.01)}
    return judged(
        [(seed, ours) for seed in range(5)], ours if together is None else together,
        others if theirs is None else {**others, "champion": theirs}, champion, is_partial=False,
        untaught=untaught,
    )  # fmt: skip


def champion(knows_until: float | None) -> Champion:
    return Champion("old", Trend(), knows_until)


def test_what_serves_has_to_be_above_the_others_and_no_constant_too() -> None:
    assert verdict().state == "passed"
    lost = verdict(together=result(-0.004))
    assert lost.told == (
        "not passed: what all made together, -0.400 % a day, is not above flat 0.000 %"
    )
    still = verdict(together=result(0.01, constant="short"))
    assert still.told == "not passed: together they want short whatever the market does"


def test_networks_that_were_never_improved_say_nothing() -> None:
    found = verdict(untaught=2)
    assert (found.state, found.lower_quartile) == ("undefined", None)
    assert found.reasons == ("2 networks were never improved, as there were too few steps",)


def test_a_rule_is_compared_on_all_days() -> None:
    assert verdict(champion(None), result(0.02)).reasons == (
        "the lower quartile of 5 seeds, 1.000 % a day, is not above champion 2.000 %",
        "what all made together, 1.000 % a day, is not above champion 2.000 %",
    )
    assert verdict(champion(None), result(0.005)).state == "passed"


def test_a_champion_that_has_learnt_is_compared_on_days_that_are_new_to_it() -> None:
    knows = champion(DAYS // 2 * DAY)
    assert verdict(knows, result(0.05, 0.0)).state == "passed", "it was great where it knew"
    found = verdict(knows, result(0.0, 0.02))
    assert found.told == (
        "not passed: the lower quartile in the 30 days that are new to the champion, 1.000 % a "
        "day, is not above champion 2.000 %"
    )
    worse_there = verdict(knows, result(0.0, 0.01), ours=result(0.03, 0.005))
    assert worse_there.state == "not passed", "what was earned before is not counted"


@pytest.mark.parametrize(
    ("knows_until", "days"), [(inf, "0 tested days"), (DAYS * DAY, "0 "), ((DAYS - 1) * DAY, "1 ")]
)
def test_where_few_days_are_new_to_it_nobody_knows_who_is_better(
    knows_until: float, days: str
) -> None:
    found = verdict(champion(knows_until), result(0.0))
    assert found.state == "undefined"
    (reason,) = found.reasons
    assert reason.startswith(days)
    assert reason.endswith("that the champion has not learnt from, fewer than 30")


def test_a_lineage_tells_whether_anybody_knows_what_it_knows() -> None:
    for knows, told in (
        (None, {"knows_until": None, "is_known": True}),
        (inf, {"knows_until": None, "is_known": False}),
        (86_400, {"knows_until": 86_400, "is_known": True}),
    ):
        assert champion(knows).to_json() == {"name": "old", **told}
