"""Which rule is proposed, on records whose truth is known, and how sure that is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tiltyard.kernel.clock import EARLIEST
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.off_policy import Estimate
from tiltyard.scaling.catalogue import FOR_A_DESK
from tiltyard.scaling.counterfactual import Setting, Stay, by_salt, play
from tiltyard.scaling.ladder import ShareRules
from tiltyard.scaling.live_less_paper import UNKNOWN_GAP, KnownGap
from tiltyard.scaling.opportunities import Cell, Found, Opportunity
from tiltyard.scaling.other_rules import SALTS, OtherRules, RuleLine, as_on_a_desk, weigh
from tiltyard.simulation.weather import USUAL, shifts

START = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
A_DAY = 12
KNOWN = KnownGap(0.0, 0.0)
ALONE: Mapping[str, float] = {"prod": 1.0}
Made = Mapping[str, float]


def record(
    made: Sequence[Made],
    *,
    gap: KnownGap = KNOWN,
    block_days: int = 1,
    scale: float = 1.0,
    without_paper: Sequence[str] = (),
    without_capital: Sequence[str] = (),
) -> tuple[Found, Setting]:
    """So many opportunities a day, the bot on the floor from the beginning."""
    each = []
    for number, cells in enumerate(made):
        at = START + number * DAY / A_DAY
        one = {name: Cell(r, r, r, 0.0025 * r, 0.0025) for name, r in cells.items()}
        each.append(Opportunity(str(number), at, at, one))
    nights = [START + day * DAY for day in range(1, len(made) // A_DAY)]
    found = Found(
        each, "R" if scale == 1 else "%", scale, EARLIEST, {"prod": gap, "bot": gap},
        without_paper, without_capital, block_days,
    )  # fmt: skip
    return found, Setting(each, nights, "prod", {"bot": [Stay(START)]})


def weighed(made: Sequence[Made], enforced: str = "ladder", **how: object) -> OtherRules:
    found, setting = record(made, **how)  # type: ignore[arg-type] # as record says
    return weigh(found, setting, [ALONE] * len(made), enforced)


def drawn(days: int, better: float, rng: np.random.Generator) -> list[Made]:
    """Two arms in one market, whose regimes move both; the bot makes more."""
    regimes = np.repeat(shifts(days, USUAL, rng), A_DAY)
    noise = rng.standard_normal((len(regimes), 2)) * 1.2
    return [
        {"prod": 0.2 + 3 * regime + mine, "bot": 0.2 + better + 3 * regime + its}
        for regime, (mine, its) in zip(regimes, noise, strict=True)
    ]


def line(found: OtherRules, rule: str) -> RuleLine:
    return next(one for one in found.lines if one.rule == rule)


def estimate(found: Estimate | Undefined) -> Estimate:
    assert isinstance(found, Estimate)
    return found


def test_every_rule_that_a_desk_may_go_by_has_a_line_but_the_enforced_one() -> None:
    made = [{"prod": 0.1, "bot": 0.1}] * 20 * A_DAY
    for enforced in ("ladder", "evidence"):
        told = [one.rule for one in weighed(made, enforced).lines]
        assert told == [name for name in FOR_A_DESK if name != enforced]


def test_static_is_worth_its_share_of_the_difference_to_the_digit() -> None:
    made = [{"prod": (0.6, -0.2)[n % 2], "bot": (1.1, 0.3)[n % 2]} for n in range(50 * A_DAY)]
    found = weighed(made)
    (value, low, high) = estimate(line(found, "static").beyond_done)
    assert value == low == high == pytest.approx(0.1 * 0.5 * 600)
    assert line(found, "static").beyond_champion == line(found, "static").beyond_done
    assert found.was_done == Estimate(0, 0, 0)
    assert found.opportunities == 600


def test_the_same_in_percent_is_so_many_times_more() -> None:
    made = [{"prod": (0.6, -0.2)[n % 2], "bot": (1.1, 0.3)[n % 2]} for n in range(50 * A_DAY)]
    found = weighed(made, scale=0.4)
    assert estimate(line(found, "static").beyond_done).value == pytest.approx(0.4 * 30)
    assert found.unit == "%"


def test_a_rule_that_finds_a_better_challenger_is_proposed() -> None:
    found = weighed(drawn(120, 0.6, np.random.default_rng(1)))
    assert found.proposed is not None
    best = estimate(found.proposed.beyond_done)
    assert best.low > 0
    others = [one for one in found.lines if one.better > 1 - 0.025 / 6]
    assert best.value == max(estimate(one.beyond_done).value for one in others)
    evidence = line(found, "evidence")
    assert [one.policy for one in evidence.done if one.kind == "promote"] == ["bot"]
    assert evidence.done[0].plays == SALTS
    assert [one.month for one in evidence.months] == ["2025-01", "2025-02", "2025-03", "2025-04"]
    assert evidence.months[-1].shares["bot"] > 0.9 > evidence.months[0].shares["bot"]


def test_without_a_book_on_paper_nothing_is_proposed() -> None:
    found = weighed(drawn(120, 0.6, np.random.default_rng(1)), without_paper=["bot"])
    assert found.proposed is None
    assert line(found, "static").better > 0.99, "it looks better"


def test_where_a_drawdown_is_not_known_nothing_is_proposed() -> None:
    """Nobody can say when it would have been halted; the champion is halted by no rule."""
    made = drawn(120, 0.6, np.random.default_rng(1))
    found = weighed(made, without_capital=["bot", "prod"])
    assert found.without_capital == ["bot"]
    assert found.proposed is None
    assert weighed(made, without_capital=["prod"]).proposed is not None


def test_who_was_given_everything_needs_no_book_on_paper() -> None:
    """There is nothing elsewhere that it might have traded on."""
    made = drawn(120, 0.6, np.random.default_rng(1))
    seen, setting = record(made, without_paper=["prod"])
    all_of_it = weigh(seen, setting, [ALONE] * len(made), "ladder")
    assert all_of_it.without_paper == []
    assert all_of_it.proposed is not None
    most = [ALONE] * (len(made) - 1) + [{"prod": 0.9, "bot": 0.1}]
    assert weigh(seen, setting, most, "ladder").without_paper == ["prod"]


def test_what_is_earned_is_counted_by_all_that_is_known_and_not_by_what_was_told() -> None:
    made = [{"prod": (1.0, -1.0)[n % 2], "bot": (1.5, -0.5)[n % 2]} for n in range(50 * A_DAY)]
    found, setting = record(made)
    each = [
        one._replace(cells={n: c._replace(live=9.0, paper=9.0) for n, c in one.cells.items()})
        for one in found.each
    ]
    seen = found._replace(each=each)
    told = weigh(seen, setting, [{"bot": 1.0}] * len(made), "ladder")
    assert estimate(told.was_done).value == pytest.approx(0.5 * 600)


def test_a_rule_that_did_something_twice_did_it_in_one_play() -> None:
    """An arm may be retired, come back, and be retired again."""
    made = [{"prod": (1.2, -0.6)[n % 2], "bot": -1.0} for n in range(60 * A_DAY)]
    found, setting = record(made)
    half = START + 30 * DAY
    twice = setting._replace(stays={"bot": [Stay(START, half), Stay(half + DAY)]})
    done = line(weigh(found, twice, [ALONE] * len(made), "static"), "ladder").done
    assert [(one.kind, one.policy, one.plays) for one in done] == [("halt", "bot", SALTS)]
    assert done[0].at < half


@pytest.mark.parametrize("rule", FOR_A_DESK)
def test_no_rule_is_played_without_the_hard_limits_of_a_desk(rule: str) -> None:
    """The benchmark plays most of them without: the bot is better, and not good enough."""
    world = as_on_a_desk(rule, ShareRules()).world
    assert world.dd_limit == 4
    assert 1.6 in (world.throttle_below, world.pause_below)
    made = [{"prod": (0.4, -0.8)[n % 2], "bot": (1.0, -1.0)[n % 2]} for n in range(80 * A_DAY)]
    told = line(weighed(made, "static" if rule == "ladder" else "ladder"), rule)
    assert told.months[-1].shares.get("bot", 0.0) == 0


@pytest.mark.parametrize("rule", FOR_A_DESK)
def test_no_rule_is_played_beyond_the_bounds_of_the_desk(rule: str) -> None:
    bounds = ShareRules(start=0.05, cap=0.2, champion_floor=0.9)
    found, setting = record(drawn(60, 0.5, np.random.default_rng(4)))
    narrow = setting._replace(bounds=bounds)
    entry = as_on_a_desk(rule, bounds)
    played = play(narrow, entry, by_salt("a"))
    most = max(parts.get("bot", 0.0) for parts in played.parts[: len(found.each) // 4])
    assert most <= 0.1


def test_the_best_is_the_one_that_is_proposed_and_else_the_one_that_did_most() -> None:
    template = line(weighed(drawn(30, 0.0, np.random.default_rng(3))), "static")
    more = [
        template._replace(rule="sure", beyond_done=Estimate(3, 2, 4), better=0.9999),
        template._replace(rule="surest", beyond_done=Estimate(2, 1, 3), better=0.99999),
        template._replace(rule="most", beyond_done=Estimate(60, -20, 140), better=0.9),
        template._replace(rule="none", beyond_done=Undefined("warming", "too few"), better=0),
    ]
    found = weighed(drawn(30, 0.0, np.random.default_rng(3)))
    told = [
        (one.best and one.best.rule, one.proposed and one.proposed.rule)
        for one in (
            found._replace(lines=more), found._replace(lines=more[2:]),
            found._replace(lines=more[3:]), found._replace(lines=more, without_paper=["bot"]),
        )
    ]  # fmt: skip
    assert told == [("sure", "sure"), ("most", None), (None, None), ("most", None)]


def test_where_all_are_equal_hardly_any_record_has_a_proposal() -> None:
    """Once in 167 records: 3 of 500 such ones had a proposal, where 1 in 40 may by luck.

    Of 120 more than two do in 4 % of all seeds. Were it 1 in 20, twice what it may be, they would
    in 94 %.
    """
    rng = np.random.default_rng(20250707)
    proposals = sum(weighed(drawn(15, 0.0, rng)).proposed is not None for _ in range(120))
    assert proposals <= 2


def test_one_rule_in_six_that_looks_better_by_itself_is_not_enough() -> None:
    """At 97.5 % each of them, one of six would be proposed by luck far too often."""
    made = drawn(60, 0.0, np.random.default_rng(3))
    template = line(weighed(made), "static")
    found = weighed(made)
    for chance, proposed in ((0.98, False), (0.9959, True)):
        lucky = template._replace(beyond_done=Estimate(1, 0.1, 1.9), better=chance)
        others = [template._replace(better=0.5)] * 5
        assert (found._replace(lines=[lucky, *others]).proposed is not None) is proposed
        assert found._replace(lines=[lucky]).proposed is not None, "alone it is"


def test_a_gap_that_is_not_known_widens_the_interval() -> None:
    made = drawn(60, 0.2, np.random.default_rng(4))
    widths = []
    for gap in (KNOWN, UNKNOWN_GAP):
        found = estimate(line(weighed(made, gap=gap), "static").beyond_done)
        widths.append(found.high - found.low)
    assert widths[1] > 1.2 * widths[0]


def test_what_runs_for_days_is_counted_in_blocks_of_as_many() -> None:
    made = drawn(24, 0.2, np.random.default_rng(4))
    assert isinstance(line(weighed(made, block_days=2), "static").beyond_done, Estimate)
    found = line(weighed(made, block_days=3), "static")
    assert isinstance(found.beyond_done, Undefined)
    assert str(found.beyond_done).startswith("undefined (warming: ")
    assert str(found.beyond_done).endswith(" of 10 blocks of 3 days)")
    assert found.better == 0
