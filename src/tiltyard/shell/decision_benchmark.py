"""The decision benchmark, played: every rule under every circumstance, on all cores.

Each run of a rule draws its world from the seed and its own number, so a run is the same whatever
else is played and on however many cores, and all rules meet the same challengers in the same
weather. What comes out is a line for each rule and circumstance.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from tiltyard.scaling.benchmark import Outcomes, Score, score
from tiltyard.scaling.catalogue import RULES, RuleEntry
from tiltyard.scaling.lines import lines
from tiltyard.simulation.arena import BOOK, OUTCOME, play
from tiltyard.simulation.compiled import compiled
from tiltyard.simulation.population import CHAMPION
from tiltyard.simulation.scenario import PACES, Scenario

RUNS = 400
FIRST = np.array([CHAMPION.factor, CHAMPION.wins])

CIRCUMSTANCES = (
    Scenario(),
    Scenario(risk_pct=0.5),
    Scenario(dependence="iid"),
    Scenario(dependence="strong"),
    Scenario(optimism=0.10),
    Scenario(optimism=0.20),
    Scenario(own_optimism=0.10),
    Scenario(population="unrelated"),
    Scenario(population="equal"),
    Scenario(population="slightly_worse"),
)
"""The usual ones first; the others are played for the rules of EVERYWHERE, and on request."""
EVERYWHERE = ("evidence", "evidence_careful")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        rule: Of :data:`~tiltyard.scaling.catalogue.RULES`.
        scenario: Under which circumstances.
        score: What came of it.
    """

    rule: str
    scenario: Scenario
    score: Score


def planned(rules: Sequence[str] = ()) -> list[tuple[str, Scenario]]:
    """What is played: all rules as usual, and the evidence rules in everything else as well.

    Args:
        rules: Only these, each under all circumstances; empty for all.
    """
    return [
        (name, circumstance.at(pace))
        for name in rules or RULES
        for circumstance in CIRCUMSTANCES[: None if rules or name in EVERYWHERE else 1]
        for pace in PACES
    ]


def played(
    plan: Sequence[tuple[str, Scenario]],
    *,
    seed: int,
    runs: int = RUNS,
    told: Callable[[int], object] = lambda _: None,
) -> list[Line]:
    """Play it; the lines in the order of the plan.

    Args:
        plan: Rules and circumstances.
        seed: The same seed gives the same lines.
        runs: Of each line, at least 2.
        told: Told how many lines are done, after each.

    Raises:
        TiltyardError: ``NUMBA_MISSING``.
    """
    compiled(play)  # says what is missing before any process begins
    found: list[Line] = []
    cores = max(1, min(len(os.sched_getaffinity(0)), len(plan)))
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_scored, name, scenario, seed, runs) for name, scenario in plan]
        try:
            for (name, scenario), job in zip(plan, jobs, strict=True):
                found.append(Line(name, scenario, job.result()))
                told(len(found))
        finally:
            pool.shutdown(cancel_futures=True)
    return found


def outcomes_of(
    entry: RuleEntry, scenario: Scenario, *, seed: int, runs: int, first: int = 0
) -> Outcomes:
    """What each of so many runs came to; lines of :data:`~tiltyard.simulation.arena.OUTCOME`.

    Args:
        entry: The rule.
        scenario: Under which circumstances.
        seed: Of all of them.
        runs: How many.
        first: Number of the first one.
    """
    world = scenario.world(entry.world)
    moves = [compiled(move) for move in (entry.see, entry.night, entry.crowned)]
    outcomes = np.zeros(runs, OUTCOME)
    for run in range(runs):
        rng = np.random.default_rng([seed, first + run])
        queue, shifts, volatilities = scenario.draw(world.days, rng)
        compiled(play)(
            *moves, entry.settings, world, FIRST, queue, shifts, volatilities,
            lines(1 + entry.slots), lines(1), np.zeros(1 + entry.slots, BOOK), rng, outcomes[run],
        )  # fmt: skip
    return outcomes


def _scored(name: str, scenario: Scenario, seed: int, runs: int) -> Score:
    return score(outcomes_of(RULES.get(name), scenario, seed=seed, runs=runs))
