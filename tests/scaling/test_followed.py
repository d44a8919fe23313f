"""What a rule has followed: rows that depend on the facts, and not on who was asked when."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from math import isnan
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opportunities import RISK, Fact, in_order, made, opportunity
from tiltyard.facts.arm import FLAT
from tiltyard.facts.decision import Decision
from tiltyard.kernel.money import Money
from tiltyard.scaling.catalogue import FOR_A_DESK
from tiltyard.scaling.followed import Followed
from tiltyard.scaling.in_force import in_force
from tiltyard.scaling.ladder import ShareRules
from tiltyard.scaling.reading import SHORT, Known
from tiltyard.scaling.trading_day import starts_at, trading_day

START = datetime(2025, 7, 7, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = time(2)
LACKS = "1 of its trades does not say what they risked"
ARMS: Mapping[str, datetime | None] = {"champion": None, "a": None, "b": None}


def begins(at: datetime) -> datetime:
    return starts_at(trading_day(at, NIGHTLY, UTC), NIGHTLY, UTC)


def following(facts: Iterable[Fact], rule: str = "evidence", *, asks: bool = False) -> Followed:
    """A rule that was told these; and asked at every fact, if you like."""
    followed = Followed(in_force(rule, ShareRules()), begins)
    for fact in facts:
        if isinstance(fact, Decision):
            followed.decide(fact)
        else:
            followed.close(fact)
        if asks:
            at = fact.decided_at if isinstance(fact, Decision) else fact.closed_at
            followed.known("champion", ARMS, at)
    return followed


def known(
    facts: Iterable[Fact],
    at: datetime,
    arms: Mapping[str, datetime | None] = ARMS,
    rule: str = "evidence",
    champion: str = "champion",
) -> Mapping[str, Known]:
    return following(facts, rule).known(champion, arms, at)


def drawn(seed: int, count: int, every: timedelta = 2 * HOUR) -> list[Fact]:
    """Opportunities at which every arm trades or does not, for half an hour up to two days."""
    rng = Random(seed)  # noqa: S311 no secret
    facts: list[Fact] = []
    for number in range(count):
        results = {name: rng.gauss(0.2, 1.2) for name in ARMS if rng.random() < 0.8}
        given_to = rng.choice(list(ARMS))
        lasts = timedelta(hours=rng.choice([0.5, 3, 48 if rng.random() < 0.05 else 1]))
        facts += opportunity(
            number, START + number * every, given_to, results, optimism=0.1, lasts=lasts
        )
    return in_order(facts)


@pytest.mark.parametrize("rule", FOR_A_DESK[1:])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), cuts=st.integers(1, 119))
def test_who_is_asked_at_every_fact_says_in_the_end_what_is_said_by_who_is_asked_once(
    rule: str, seed: int, cuts: int
) -> None:
    facts = drawn(seed, cuts)
    at = START + 30 * DAY
    often = following(facts, rule, asks=True).known("champion", ARMS, at)
    assert repr(often) == repr(known(facts, at, rule=rule))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99))
def test_another_champion_is_compared_as_if_it_had_always_been_the_champion(seed: int) -> None:
    facts, at = drawn(seed, 60), START + 30 * DAY
    followed = following(facts)
    followed.known("champion", ARMS, START + 2 * DAY)
    arms = {"b": None, "champion": None, "a": None}
    assert repr(followed.known("b", arms, at)) == repr(known(facts, at, arms, champion="b"))


def test_a_rule_knows_what_was_there_when_the_trading_day_began_and_nothing_later() -> None:
    facts = drawn(7, 60)
    noon, evening = START + 3 * DAY, START + 3 * DAY + 9 * HOUR
    until = [one for one in facts if time_of(one) < begins(noon)]
    for at, is_same in ((noon, True), (evening, True), (noon + DAY, False)):
        seen = [one for one in facts if time_of(one) <= at]
        assert (repr(known(seen, at)) == repr(known(until, noon))) is is_same


def time_of(fact: Fact) -> datetime:
    return fact.decided_at if isinstance(fact, Decision) else fact.closed_at


def every_hour(results: Sequence[Mapping[str, float]], given_to: str = "champion") -> list[Fact]:
    facts: list[Fact] = []
    for number, one in enumerate(results):
        facts += opportunity(number, START + number * HOUR, given_to, one)
    return in_order(facts)


def test_an_arm_that_began_nothing_made_nothing_of_an_opportunity() -> None:
    one = known(every_hour([{"champion": 1.0, "a": 2.0}, {"champion": 1.0}]), START + DAY)["a"]
    assert (one.row.signals, one.row.difference) == (2, 0.0)


def test_an_arm_is_compared_from_the_first_opportunity_that_it_entered_on_paper() -> None:
    facts = every_hour([{"champion": 1.0}] * 5 + [{"champion": 1.0, "a": 1.5}])
    seen = known(facts, START + DAY)
    assert (seen["a"].row.signals, seen["a"].row.difference) == (1, 0.5)
    assert (seen["a"].is_on_paper, seen["b"].is_on_paper) == (True, False)
    assert seen["a"].row.age == pytest.approx(8.5 / 24), "since 17:30, when it closed its first"


def test_what_is_not_told_by_a_decision_is_no_opportunity() -> None:
    facts = [one for one in drawn(3, 40) if not isinstance(one, Decision)]
    seen = known(facts, START + 30 * DAY)
    assert not any(one.is_on_paper for one in seen.values())
    assert seen["a"].row.live_trades > 5, "its live trades count"


def test_flat_has_made_nothing_of_every_opportunity() -> None:
    facts = every_hour([{"champion": 0.25, "a": 1.0}] * 3)
    seen = known(facts, START + DAY, {FLAT: None, "a": None}, champion=FLAT)
    assert (seen["a"].row.signals, seen["a"].row.difference) == (3, 1.0)


def test_an_opportunity_waits_until_the_longest_trade_so_far_would_be_over() -> None:
    facts = list(opportunity(0, START, "champion", {"champion": 1.0, "a": 1.0}, lasts=10 * HOUR))
    facts += opportunity(1, START + 11 * HOUR, "champion", {"champion": 1.0, "a": 3.0})
    at = begins(START + DAY)
    assert at == START + 14 * HOUR
    assert known(in_order(facts), at)["a"].row.signals == 1
    assert known(in_order(facts), at + DAY)["a"].row.signals == 2


def test_a_trade_that_was_open_longer_than_any_before_is_put_in_its_place() -> None:
    facts = every_hour([{"champion": 1.0, "a": 1.0}])
    long = opportunity(1, START + HOUR, "champion", {"champion": 1.0, "a": 4.0}, lasts=60 * HOUR)
    facts = in_order([*facts, *long])
    followed = following(facts[:5])
    early = followed.known("champion", ARMS, START + DAY)["a"].row
    assert (early.signals, early.difference) == (2, 0.0), "as far as anybody knew"
    for fact in facts[5:]:
        followed.close(fact)  # type: ignore[arg-type]
    late = followed.known("champion", ARMS, START + 9 * DAY)["a"].row
    assert (late.signals, late.difference) == (2, 1.5)


def test_live_trades_count_since_the_trial_began_and_opportunities_go_on() -> None:
    facts = every_hour([{"champion": 1.0, "a": 2.0}] * 6, given_to="a")
    trial = {**ARMS, "a": START + 3 * HOUR}
    row = known(facts, START + DAY, trial)["a"].row
    assert (row.live_trades, row.live_mean, row.signals) == (3, 2.0, 6)


def test_paper_is_taken_for_less_by_what_live_trades_and_their_twins_say() -> None:
    facts: list[Fact] = []
    for number in range(200):
        results = {"champion": 1.0, "a": 1.0}
        facts += opportunity(number, START + number * HOUR, "champion", results, optimism=0.3)
    at = START + 20 * DAY
    row = known(in_order(facts), at)["a"].row
    assert row.optimism == pytest.approx(0.26, abs=0.03)
    assert max(row.wealth) < 10, "it made 60 R more on paper, which alone would prove nothing"


def test_the_last_thirty_trades_are_of_both_books_and_paper_less_its_optimism() -> None:
    facts = every_hour([{"champion": 1.0, "a": 1.0 if n % 2 else -1.0} for n in range(SHORT)])
    row = known(facts, START + 3 * DAY)["a"].row
    less = row.optimism
    assert row.pf_30 == pytest.approx((1 - less) / (1 + less))
    assert isnan(known(facts[:-4], START + 3 * DAY)["a"].row.pf_30), "29 are not 30"


def test_trades_that_do_not_say_what_they_risked_are_counted() -> None:
    facts = every_hour([{"champion": 1.0, "a": 2.0}] * 4, given_to="a")
    facts.append(made("a", "another", START + 5 * HOUR, "live", 1.0, risk=None))
    facts.append(made("b", "another", START + 5 * HOUR, "live", 1.0, risk=Money(0)))
    seen = known(in_order(facts), START + DAY)
    assert [one.lacks for one in seen.values()] == ["", LACKS, LACKS]
    assert seen["a"].row.live_trades == 4


def without_risk(facts: Iterable[Fact], *, capital: bool = True) -> list[Fact]:
    """The same where nobody says a risk: one R of before is a hundredth of the capital."""
    said = Money(100 * RISK) if capital else None
    return [
        one if isinstance(one, Decision) else one._replace(risk=None, capital=said) for one in facts
    ]


def test_whose_twins_alone_are_told_is_judged_by_its_live_trades() -> None:
    """It is the better one by far; silence about what it was not given would say the opposite."""
    rng = Random(5)  # noqa: S311 no secret
    facts: list[Fact] = []
    for number in range(200):
        luck = rng.gauss(0, 1)
        facts += opportunity(
            number, START + number * HOUR, "a" if number % 10 == 0 else "champion",
            {"champion": 0.4 + luck, "a": 1.3 + luck},
        )  # fmt: skip
    at = START + 20 * DAY
    whole = known(in_order(facts), at)["a"]
    twins = [one for one in facts if getattr(one, "policy", "") != "a" or not is_shadow(one)]
    alone = known(in_order(twins), at)["a"]
    assert (whole.is_on_paper, whole.lacks) == (True, "")
    assert whole.row.difference == pytest.approx(0.9, abs=0.01), "some count for six"
    assert (alone.is_on_paper, alone.lacks, alone.row.live_trades) == (False, "", 20)
    third = [one for n, one in enumerate(facts) if one in twins or n % 3 == 0]
    assert not known(in_order(third), at)["a"].is_on_paper


def is_shadow(fact: Fact) -> bool:
    return not isinstance(fact, Decision) and fact.book == "shadow"


def test_a_twin_that_does_not_say_what_it_risked_makes_no_pair() -> None:
    facts = every_hour([{"champion": 1.0, "a": 1.0}] * 40)
    silent = [
        one._replace(risk=None) if not isinstance(one, Decision) and one.book == "twin" else one
        for one in facts
    ]
    rows = [known(one, START + 3 * DAY)["champion"].row for one in (facts, silent)]
    assert [row.pairs for row in rows] == [40, 0]
    assert rows[1].optimism == pytest.approx(0.05), "as before anything is seen"


def test_an_opportunity_of_which_a_result_is_not_known_is_left_out() -> None:
    facts = every_hour([{"champion": 1.0, "a": 3.0}] * 20, given_to="a")
    for lost, signals in (("a", 19), ("champion", 19)):
        first = next(one for one in facts if getattr(one, "policy", "") == lost and not (
            isinstance(one, Decision) or one.book == "twin"
        ))  # fmt: skip
        some = [one._replace(risk=None) if one is first else one for one in facts]
        row = known(some, START + 3 * DAY, {**ARMS, lost: START + 5 * HOUR})["a"].row
        assert (row.signals, row.difference) == (signals, 2.0)


def test_a_pair_counts_by_what_the_twin_risked() -> None:
    """Ten of each hundred at risk are lost to the fill, and the live trade risked twice as much."""
    facts: list[Fact] = []
    for one in every_hour([{"champion": 1.0, "a": 1.0}] * 40):
        if not isinstance(one, Decision) and one.book == "live":
            one = one._replace(risk=Money(2 * RISK), pnl=Money(one.pnl - RISK // 10))  # noqa: PLW2901
        facts.append(one)
    row = known(facts, START + 3 * DAY)["champion"].row
    assert row.paper_more / row.pairs == pytest.approx(0.1)


def test_a_trade_whose_stop_lay_very_near_counts_for_six() -> None:
    facts = every_hour([{"champion": 1.0, "a": 57.0 if n == 3 else 2.0} for n in range(10)], "a")
    row = known(facts, START + 3 * DAY)["a"].row
    assert row.live_mean == pytest.approx((9 * 2 + 6) / 10)


def test_without_a_loss_there_is_no_profit_factor() -> None:
    for result in (1.0, 0.0):
        facts = every_hour([{"champion": 1.0, "a": result}] * 40, given_to="a")
        assert isnan(known(facts, START + 5 * DAY)["a"].row.pf_30)


def test_who_is_asked_on_a_day_without_facts_changes_nothing() -> None:
    facts = drawn(4, 40, every=3 * HOUR)
    later = [moved(one, 9 * DAY) for one in drawn(5, 40, every=3 * HOUR)]
    often, once = following(facts), following([*facts, *later])
    for day in range(6, 9):
        often.known("champion", ARMS, START + day * DAY)
    for one in later:
        often.decide(one) if isinstance(one, Decision) else often.close(one)
    at = START + 30 * DAY
    assert repr(often.known("champion", ARMS, at)) == repr(once.known("champion", ARMS, at))


def moved(fact: Fact, by: timedelta) -> Fact:
    """The same, later, under another name."""
    if isinstance(fact, Decision):
        return fact._replace(episode_id=f"later {fact.episode_id}", decided_at=fact.decided_at + by)
    return fact._replace(
        trade_id=f"later {fact.trade_id}", episode_id=f"later {fact.episode_id}",
        opened_at=fact.opened_at + by, closed_at=fact.closed_at + by,
    )  # fmt: skip


def test_where_nobody_says_a_risk_percent_counts_by_what_the_champion_usually_loses() -> None:
    results = [{"champion": -1.8 if n % 2 else 2.0, "a": 4.0} for n in range(80)]
    facts, at = without_risk(every_hour(results)), START + 6 * DAY
    row = known(facts, at)["a"].row
    in_r = known(every_hour([{k: v / 2 for k, v in one.items()} for one in results]), at)["a"].row
    assert row.difference == pytest.approx(in_r.difference)
    assert row.live_trades == in_r.live_trades


def test_nothing_is_known_until_the_champion_has_lost_often_enough_or_says_its_capital() -> None:
    results = [{"champion": -1.0 if n % 2 else 2.0, "a": 4.0} for n in range(40)]
    few = known(without_risk(every_hour(results)), START + 6 * DAY)["a"]
    assert few.lacks == (
        "trades do not say what they risked, and the champion has 20 of 30 losing trades that "
        "would say what one usually loses"
    )
    blind = known(without_risk(every_hour(results), capital=False), START + 6 * DAY)["champion"]
    assert blind.lacks == "40 of its trades do not say what they risked"
