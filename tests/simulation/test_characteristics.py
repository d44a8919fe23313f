"""What a rule is said to do is what the benchmark says."""

from math import comb, exp, lgamma, log, sqrt

import pytest

from tiltyard.scaling.benchmark import score
from tiltyard.scaling.catalogue import FOR_A_DESK, RULES
from tiltyard.scaling.characteristics import KNOWN, rule_sentences
from tiltyard.shell.decision_benchmark import outcomes_of
from tiltyard.simulation.scenario import PACES, Scenario

RARE = 0.001
"""Probability that a count is as far away by chance, on either side."""
HALF_A_PERCENT = 0.005
"""By so much a rate may be off from what is known: it is told in percent."""
RUNS = {"evidence": 400}
"""Of the others 100: evidence harms fewest, and so takes most to be found out."""


def test_every_rule_that_a_desk_can_run_is_known() -> None:
    assert set(KNOWN) == set(FOR_A_DESK)
    assert set(KNOWN) < set(RULES)
    assert not rule_sentences("oracle")


def of_many(seen: int, among: int, rate: float) -> float:
    """Probability that so many or fewer are hit of so many, each with a probability."""
    each = (comb(among, k) * rate**k * (1 - rate) ** (among - k) for k in range(seen + 1))
    return sum(each)


def of_runs(seen: int, runs: int, rate: float) -> float:
    """Probability that it happens so often or less, at a rate a run."""
    mean = max(rate * runs, 1e-300)
    return sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(seen + 1))


def test_a_count_that_is_far_from_what_is_known_is_found_out() -> None:
    assert 1 - of_many(79, 800, 0.05 + HALF_A_PERCENT) < RARE, ".1 is not .05"
    assert 1 - of_many(54, 800, 0.05 + HALF_A_PERCENT) > RARE, ".07 may be"
    assert of_many(100, 200, 0.75 - HALF_A_PERCENT) < RARE
    assert 1 - of_runs(40, 400, 0.04 + HALF_A_PERCENT) < RARE
    assert of_runs(16, 400, 0.04) == pytest.approx(0.566, abs=0.001)


@pytest.mark.parametrize("name", KNOWN)
def test_its_numbers_are_found_again_on_other_seeds(name: str) -> None:
    """Means within three combined standard errors; counts unless one in a thousand is farther."""
    runs = RUNS.get(name, 100)
    for pace, known in zip(PACES, KNOWN[name], strict=True):
        outcomes = outcomes_of(RULES.get(name), Scenario(pace=pace), seed=31, runs=runs)
        found = score(outcomes)
        both = 3 * sqrt(1 + runs / known.runs)
        assert abs(found.uplift_pct - known.uplift_pct) < both * found.uplift_se
        assert abs(found.real_trades_per_bad - known.trades_per_bad) < both * found.real_trades_se
        for probability, part, whole, rate in (
            (of_many, "better_killed", int(outcomes["better"].sum()), known.better_killed),
            (of_runs, "wrong_promotions", runs, known.wrong_promotions),
        ):
            seen = int(outcomes[part].sum())
            assert probability(seen, whole, max(0.0, rate - HALF_A_PERCENT)) > RARE
            assert not seen or 1 - probability(seen - 1, whole, rate + HALF_A_PERCENT) > RARE
