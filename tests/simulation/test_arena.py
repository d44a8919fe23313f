"""What is counted in a run is what happened in it, compiled or not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tiltyard.scaling.benchmark import Outcomes
from tiltyard.scaling.catalogue import FOR_A_DESK, RULES, RuleEntry
from tiltyard.scaling.contender import PROMOTE, RETIRE, TIME_OUT, Rows
from tiltyard.scaling.lines import lines
from tiltyard.shell.decision_benchmark import FIRST, outcomes_of, planned
from tiltyard.simulation import arena
from tiltyard.simulation.arena import BOOK, OUTCOME, play
from tiltyard.simulation.population import CHAMPION
from tiltyard.simulation.scenario import Scenario


def plainly(entry: RuleEntry, scenario: Scenario, seed: int) -> Outcomes:
    """One run without a compiler."""
    world = scenario.world(entry.world)
    outcome = np.zeros(1, OUTCOME).view(np.recarray)
    rows, fresh = (lines(n).view(np.recarray) for n in (1 + entry.slots, 1))
    books = np.zeros(1 + entry.slots, BOOK).view(np.recarray)
    rng = np.random.default_rng([seed, 0])
    queue, shifts, volatilities = scenario.draw(world.days, rng)
    play(
        entry.see, entry.night, entry.crowned, entry.settings, world, FIRST, queue, shifts,
        volatilities, rows, fresh, books, rng, outcome[0],
    )  # fmt: skip
    return outcome


@pytest.mark.parametrize("name", list(RULES))
def test_compiled_and_plain_runs_are_the_same_to_the_last_bit(name: str) -> None:
    entry = replace(RULES.get(name), world=RULES.get(name).world._replace(days=40))
    scenario = Scenario(pace="SLOW", optimism=0.1, own_optimism=0.1)
    assert plainly(entry, scenario, 5) == outcomes_of(entry, scenario, seed=5, runs=1)


def test_ten_percent_for_sixty_days_is_what_static_gives() -> None:
    entry = RULES.get("static")
    found = outcomes_of(entry, Scenario(), seed=2, runs=40)
    per_bad = found["bad_trades"].sum() / found["bad"].sum()
    assert per_bad == pytest.approx(900, rel=0.02)
    assert not found["against_limits"].any()


def gives_all_away(rows: Rows, _: object) -> None:
    """A night of a rule that harms: all is the challenger's, whoever that is."""
    rows[1].share = 1.0


def trades_half(rows: Rows, _: object) -> None:
    """A night of a rule that harms: everybody trades half the usual size."""
    for place in range(len(rows)):
        rows[place].position_size = 0.5


def harmed(night: Callable[[Rows, object], None], scenario: Scenario) -> Outcomes:
    """Twenty days of static, with a night of another rule."""
    entry = RULES.get("static")
    return plainly(replace(entry, night=night, world=entry.world._replace(days=20)), scenario, 2)


def test_where_all_are_equal_no_rule_gains_or_loses_but_one_that_trades_less() -> None:
    scenario = Scenario(pace="SLOW", population="equal")
    for name in FOR_A_DESK:
        found = outcomes_of(RULES.get(name), scenario, seed=2, runs=3)
        assert found["earned"] == pytest.approx(found["champion_earned"])
        assert not found["right_promotions"].any()
    assert harmed(gives_all_away, scenario)["earned"] == pytest.approx(
        harmed(gives_all_away, scenario)["champion_earned"]
    ), "who trades is all the same"
    lost = harmed(trades_half, scenario)
    assert lost["earned"] / lost["champion_earned"] == pytest.approx((1 + 19 / 2) / 20)


def test_where_all_are_worse_a_rule_loses_exactly_what_it_routes_to_them() -> None:
    scenario = Scenario(pace="SLOW", population="slightly_worse")
    tenth = outcomes_of(RULES.get("static"), scenario, seed=2, runs=40)
    whole = harmed(gives_all_away, scenario)
    shares, losses = [], []
    for found in (tenth, whole):
        lost = (found["champion_earned"] - found["earned"]).sum()
        assert lost == pytest.approx(found["bad_lost"].sum())
        losses.append(lost / found["champion_earned"].sum())
        shares.append(found["bad_trades"].sum() / (found["champion_earned"] / CHAMPION.mean).sum())
    assert shares == pytest.approx([0.1, (0.1 + 19) / 20], abs=0.01)
    assert losses[1] > 5 * losses[0] > 0


def test_no_real_trade_is_routed_against_a_hard_limit_and_the_counter_would_say_so() -> None:
    entry = RULES.get("evidence")
    scenario = Scenario(risk_pct=0.5)
    assert outcomes_of(entry, scenario, seed=3, runs=20)["against_limits"].sum() == 0
    greedy = replace(entry, settings=entry.settings._replace(early_cap=0.9))
    assert outcomes_of(greedy, scenario, seed=3, runs=20)["against_limits"].sum() > 0


def test_a_run_does_not_depend_on_what_else_is_played() -> None:
    entry, scenario = RULES.get("ladder"), Scenario()
    three = outcomes_of(entry, scenario, seed=9, runs=3)
    assert three[2] == outcomes_of(entry, scenario, seed=9, runs=1, first=2)[0]
    assert three[0] != three[1]


def test_the_plan_has_every_rule_at_both_paces_and_the_recommended_everywhere() -> None:
    plan = planned()
    assert {(name, one.pace) for name, one in plan} == {
        (name, pace) for name in RULES for pace in ("FAST", "SLOW")
    }
    for name in ("evidence", "evidence_careful"):
        assert len([1 for one, _ in plan if one == name]) == 20
    assert {name for name, _ in planned(["ladder"])} == {"ladder"}


def test_the_arena_and_the_rules_mean_the_same_by_a_fate() -> None:
    assert (arena.RETIRED, arena.TIMED_OUT, arena.PROMOTED) == (RETIRE, TIME_OUT, PROMOTE)
