"""Every rule there is, by the laws that all of them keep."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from math import isnan, nan
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.undefined import Value
from tiltyard.scaling import evidence, literal, paired
from tiltyard.scaling.catalogue import RULES, RuleEntry
from tiltyard.scaling.contender import BETS, PROMOTE, RETIRE, STAY, TIME_OUT, Contender
from tiltyard.scaling.ladder import ShareRules, Standing, ladder
from tiltyard.scaling.lines import ROW, lines
from tiltyard.scaling.optimism import estimate, see_twin

EARLY, CAP = 500, 0.60
CHECKED = [name for name in RULES if name != "oracle"]

numbers = st.one_of(st.floats(-5, 5), st.just(nan))
shares = st.floats(0, 1)
counts = st.integers(0, 2000).map(float)


@st.composite
def contenders(draw: Callable[..., float]) -> Contender:
    trades = draw(counts)
    return Contender(
        present=draw(st.sampled_from([0.0, 1.0])),
        share=min(draw(shares), CAP),
        age=draw(counts) / 10,
        pf_30=draw(st.one_of(st.floats(0, 9), st.just(nan))),
        pf_150=draw(st.one_of(st.floats(0, 9), st.just(nan))),
        dd_150=draw(st.one_of(st.floats(0, 20), st.just(nan))),
        live_trades=trades,
        live_wins=trades * draw(shares),
        live_mean=draw(st.floats(-3, 3)),
        live_squares=trades * draw(st.floats(0, 4)),
        ratio=draw(st.floats(-9, 9)),
        held=min(draw(shares), CAP),
        chosen=draw(st.sampled_from([0.0, 1.0])),
        pairs=trades,
        paper_more=trades * draw(st.floats(-1, 1)),
        level_signals=trades,
        level=draw(st.floats(-1, 1)),
        signals=trades,
        difference=draw(st.floats(-2, 2)),
        squares=trades * draw(st.floats(0.1, 6)),
        own_paper=trades * draw(shares),
        wealth=[draw(st.floats(0, 100)) for _ in range(BETS)],
    )


def champion(**said: float) -> Contender:
    return Contender(present=1, share=1, **said)  # type: ignore[arg-type]  # all are numbers


def test_a_line_of_an_array_is_what_a_new_contender_is() -> None:
    row, fresh = lines(1)[0], Contender()
    assert ROW.names == tuple(one.name for one in fields(Contender))
    for name in ROW.names:
        assert np.array_equal(row[name], getattr(fresh, name), equal_nan=True), name


@pytest.mark.parametrize("name", CHECKED)
@given(rows=st.lists(contenders(), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_rule_exceeds_the_cap_or_the_whole_under_any_input(
    name: str, rows: list[Contender]
) -> None:
    entry, rows[0] = RULES.get(name), champion(live_trades=100, live_mean=0.4, live_squares=200)
    entry.night(rows, entry.settings)
    for row in rows[1:]:
        assert 0 <= row.share <= (CAP if row.live_trades < EARLY else 1) + 1e-12
        assert 0 < row.position_size <= 1
        assert row.fate in (STAY, RETIRE, TIME_OUT, PROMOTE)
        assert row.present or (row.share == 0 and row.fate == STAY)
    if entry.slots == 1:
        rows = rows[:2]
    assert sum(row.share for row in rows[1:] if row.present) <= 1 + 1e-9 or name in (
        "static",
        "sprt",
        "ladder",
    ), "these have one challenger at a time"


@pytest.mark.parametrize("name", CHECKED)
def test_what_is_not_known_never_promotes_and_never_grows(name: str) -> None:
    entry = RULES.get(name)
    rows = [champion(), Contender(present=1, share=0.1, held=0.1)]
    entry.night(rows, entry.settings)
    assert rows[1].fate != PROMOTE
    assert rows[1].share <= 0.6 if name.startswith("thompson") else rows[1].share <= 0.1


def played(entry: RuleEntry, seed: int, signals: int = 900, better: float = 0.0) -> list[Contender]:
    """Some nights of a champion and one challenger; results are drawn alike for both."""
    rng = Random(seed)  # noqa: S311 no secret
    rows = [champion(), Contender(present=1)]
    for number in range(signals):
        results = [rng.gauss(0.4, 1.3), rng.gauss(0.4 + better, 1.3)]
        routed = int(rng.random() < 0.5)
        paper = [result + 0.05 for result in results]
        entry.see(rows, routed, results, paper, entry.settings)
        if number % 100 == 99:
            rows[1].pf_30, rows[1].pf_150, rows[0].pf_150 = 2.0, 2.0, 1.9
            rows[1].dd_150, rows[1].age = 1.0, number / 100
            entry.night(rows, entry.settings)
    return rows


@pytest.mark.parametrize("name", CHECKED)
def test_every_rule_counts_live_trades_alike(name: str) -> None:
    rows = played(RULES.get(name), seed=1)
    assert sum(row.live_trades for row in rows) == 900


def test_evidence_follows_what_is_better_and_leaves_what_is_worse() -> None:
    assert played(RULES.get("evidence"), 2, better=0.5)[1].better > 0.99
    worse = played(RULES.get("evidence"), 2, better=-0.5)[1]
    assert worse.better < 0.01
    assert worse.fate == RETIRE
    assert worse.share == 0


@given(
    results=st.lists(st.tuples(st.floats(-2, 5), st.floats(-2, 5)), min_size=3, max_size=40),
    paper=st.booleans(),
)
def test_swapping_the_arms_mirrors_the_verdict(
    results: list[tuple[float, float]],
    paper: bool,  # noqa: FBT001 drawn
) -> None:
    """With the same prior for both, P(better) of one is 1 − P(better) of the other."""
    means = []
    for order in (1, -1):
        first = champion()
        row = Contender(present=1, prior=0.0, prior_variance=0.1)
        for own, other in (pair[::order] for pair in results):
            paired.see_pair(row, first, own, other, int(paper), int(paper))
        means.append(paired.posterior(row, first))
    assert means[0][0] == pytest.approx(-means[1][0], abs=1e-12)
    assert means[0][1] == pytest.approx(means[1][1])


def test_streaming_moments_are_those_of_the_batch() -> None:
    rng = np.random.default_rng(6)
    own, other = rng.normal(0.4, 1.3, (2, 500))
    row, first = Contender(present=1), champion()
    for mine, its in zip(own, other, strict=True):
        paired.see_pair(row, first, mine, its, 0, 0)
    assert row.difference == pytest.approx((own - other).mean())
    assert row.squares == pytest.approx((own - other).var() * 500)


def test_the_posterior_of_the_difference_is_calibrated() -> None:
    """Drawn from the prior, 90 % intervals hold the truth in 90 of 100 of 2,000 cases, ± 2."""
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(2000):
        truth = rng.normal(0, 0.25)
        row, first = Contender(present=1, prior=0.0, prior_variance=0.0625), champion()
        for more in rng.normal(truth, 1.5, 60):
            paired.see_pair(row, first, more, 0.0, 0, 0)
        mean, variance = paired.posterior(row, first)
        # the variance of the data is inflated on purpose, so a little more is inside
        inside += abs(mean - truth) < 1.645 * variance**0.5
    assert 0.88 < inside / 2000 < 0.96


def test_bets_on_what_is_no_better_make_ten_of_one_in_at_most_one_case_of_ten() -> None:
    """Ville: under the null the chance to reach 10 is at most .1; 2,000 lives, three errors."""
    rng = np.random.default_rng(8)
    reached = 0
    for _ in range(2000):
        row, first = Contender(present=1), champion()
        for more in rng.normal(0, 1.8, 300).clip(-8, 8):
            paired.see_pair(row, first, float(more), 0.0, 0, 0)
            if paired.wealth(row) >= 10:
                reached += 1
                break
    assert reached / 2000 < 0.1 + 3 * (0.09 / 2000) ** 0.5


def test_optimism_is_found_in_the_pairs_and_stays_wide_without_them() -> None:
    rng = np.random.default_rng(9)
    rows = [champion(), Contender(present=1), Contender(present=1)]
    for off, row, pairs in ((0.15, rows[0], 3000), (0.30, rows[1], 300)):
        for noise in rng.normal(0, 0.3, pairs):
            see_twin(row, 0.0, off + noise)
    estimate(rows)
    assert rows[0].optimism == pytest.approx(0.15, abs=0.02)
    assert rows[1].optimism == pytest.approx(0.30, abs=0.05)
    assert 0.05 < rows[2].optimism < 0.30
    assert rows[2].optimism_variance > 5 * rows[1].optimism_variance


def test_a_promotion_turns_what_was_known_into_what_is_expected() -> None:
    rows = [champion(level=0.4, level_signals=500), Contender(present=1), Contender(present=1)]
    for row, more in ((rows[1], 0.3), (rows[2], 0.1)):
        for sign in (1, -1) * 200:
            paired.see_pair(row, rows[0], more + sign, 0.0, 0, 0)
    evidence.crowned(rows, 1, evidence.EvidenceRule())
    assert rows[2].signals == 0
    assert rows[2].prior < 0
    assert rows[1].level > 0.4
    assert rows[2].wealth == [1.0] * BETS


@given(
    share=st.floats(0.05, 0.6),
    own=st.floats(0.1, 5),
    other=st.floats(0.1, 5),
    fall=st.floats(0, 6),
    trades=st.integers(150, 900),
)
def test_the_literal_ladder_steps_like_the_ladder_of_the_desk(
    share: float, own: float, other: float, fall: float, trades: int
) -> None:
    rule = literal.LiteralLadder()
    rows = [
        champion(pf_150=other),
        Contender(present=1, share=share, pf_150=own, dd_150=fall, live_trades=trades),
    ]
    literal.night(rows, rule)
    at = datetime(2025, 7, 7, tzinfo=UTC)
    roster = (
        Roster()
        .with_arm(Arm("first", "champion", "champion", 1 - share, 1, 1, None, at))
        .with_arm(Arm("second", "challenger", "live", share, 1, share, None, at))
    )
    standing = Standing(
        Value(own, trades), Value(other, trades), Value(fall, trades), live_trades=trades, losses=9
    )
    (step,) = ladder(roster, {"second": standing}, ShareRules())
    assert rows[1].share == pytest.approx(step.after, abs=1e-9)
    assert (rows[1].fate == PROMOTE) == bool(step.proposes)


def test_without_a_night_nothing_is_known_of_being_better() -> None:
    assert isnan(Contender().better)
