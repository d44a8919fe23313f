"""A rule that is played on a record does what it does in the arena, and keeps the limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.scaling.catalogue import RULES, RuleEntry
from tiltyard.scaling.contender import RETIRE, TIME_OUT, Contender, Rows
from tiltyard.scaling.counterfactual import (
    Deed,
    Setting,
    Stay,
    by_salt,
    play,
)
from tiltyard.scaling.lines import lines
from tiltyard.scaling.opportunities import Cell, Opportunity
from tiltyard.simulation import arena
from tiltyard.simulation.population import CHAMPION, challengers
from tiltyard.simulation.weather import USUAL, shifts, volatilities
from tiltyard.simulation.world import World

START = datetime(2025, 1, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
PLAYED = [entry for name, entry in RULES.items() if name != "oracle"]
by_rule = pytest.mark.parametrize("entry", PLAYED, ids=lambda entry: entry.name)


def cell(live: float, paper: float, risk: float = 0.0025) -> Cell:
    return Cell(live, paper, live, live * risk, risk)


@dataclass
class Watched:
    """What happened in the arena: its signals, who got them, and the shares at each."""

    entry: RuleEntry
    world: World
    books: Any
    opportunities: list[Opportunity] = field(default_factory=list)
    routed: dict[str, str] = field(default_factory=dict)
    parts: list[dict[str, float]] = field(default_factory=list)
    stays: dict[str, list[Stay]] = field(default_factory=dict)
    promoted: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    paused: dict[str, bool] = field(default_factory=dict)

    def see(
        self, rows: Rows, routed: int, live: list[float], paper: list[float], rule: object
    ) -> None:
        number = len(self.opportunities)
        day = START + number // self.world.signals_a_day * DAY
        at = day + number % self.world.signals_a_day * SECOND
        names = {n: str(row.true_mean) for n, row in enumerate(rows) if row.present}
        cells = {
            name: cell(float(live[n]), float(paper[n]), self.world.risk)
            for n, name in names.items()
        }
        for n, name in names.items():
            if n:
                self.stays.setdefault(name, [Stay(day)])
        self.opportunities.append(Opportunity(str(number), at, at, cells))
        self.routed[str(number)] = names[routed] if routed else ""
        self.parts.append(
            {
                name: float(rows[n].share)
                for n, name in names.items()
                if n and rows[n].share and not self.paused.get(name)
            }
        )
        self.paused = {
            name: arena.is_below(self.books[n], self.world.pause_below) for n, name in names.items()
        }
        self.entry.see(rows, routed, live, paper, rule)

    def night(self, rows: Rows, rule: object) -> None:
        self.entry.night(rows, rule)
        fates = {str(row.true_mean): row.fate for row in rows if row.present}
        assert TIME_OUT not in fates.values(), "the arena ends it there, and a record does not"
        self.retired += [name for name, fate in fates.items() if fate == RETIRE]

    def crowned(self, rows: Rows, heir: int, rule: object) -> None:
        self.promoted.append(str(rows[heir].true_mean))
        self.entry.crowned(rows, heir, rule)


def in_the_arena(entry: RuleEntry, *, days: int, signals: int, seed: int) -> Watched:
    """A run of the arena, in plain Python; nobody makes room, and no time is up, as on a record."""
    world = entry.world._replace(
        days=days, signals_a_day=signals, purges=False, makes_room=False, own_optimism=0.05
    )
    rng = np.random.default_rng(seed)
    rows, fresh = (lines(count).view(np.recarray) for count in (entry.slots + 1, 1))
    books = np.zeros(len(rows), arena.BOOK).view(np.recarray)
    outcome = np.zeros(1, arena.OUTCOME).view(np.recarray)[0]
    watched = Watched(entry, world, books)
    queue = challengers(days // 7 + 1, rng)
    queue[:, 0] += 1e-6 * np.arange(1, len(queue) + 1)  # arms are told apart by their true means
    arena.play(
        watched.see, watched.night, watched.crowned, entry.settings, world,
        np.array([CHAMPION.factor, CHAMPION.wins]), queue,
        shifts(days, USUAL, rng), volatilities(days, USUAL, rng), rows, fresh, books, rng, outcome,
    )  # fmt: skip
    return watched


@by_rule
def test_on_the_signals_of_the_arena_it_gives_the_same_shares_step_by_step(
    entry: RuleEntry,
) -> None:
    seen = in_the_arena(entry, days=60, signals=60, seed=4)
    champion = str(CHAMPION.mean)
    assert champion in seen.opportunities[0].cells
    nights = [START + day * DAY for day in range(1, 60)]
    setting = Setting(seen.opportunities, nights, champion, seen.stays)
    found = play(setting, replace(entry, world=seen.world), lambda one, _: seen.routed[one.episode])
    leader = champion
    for mine, its in zip(found.parts, seen.parts, strict=True):
        given = {name: part for name, part in mine.items() if name in its}
        assert given == its
        (leader,) = mine.keys() - its.keys()
        assert mine[leader] == pytest.approx(1 - sum(its.values()))
    assert [deed.policy for deed in found.deeds if deed.kind == "promote"] == seen.promoted
    assert [deed.policy for deed in found.deeds if deed.kind == "retire"] == seen.retired
    assert any(seen.parts), "somebody had traffic"


def hours(count: int, cells: Callable[[int], Mapping[str, float | None]]) -> list[Opportunity]:
    """One opportunity an hour that closes at once; who made nothing there began none."""
    found = []
    for number in range(count):
        at = START + number * timedelta(hours=1)
        made = {
            name: cell(r, r) for name, r in cells(number).items() if r is not None
        }  # fmt: skip
        found.append(Opportunity(str(number), at, at, made))
    return found


def setting(opportunities: Sequence[Opportunity], *challengers: str) -> Setting:
    """The champion and these challengers, from the beginning to the end."""
    last = opportunities[-1].began
    nights = [START + day * DAY for day in range(1, (last - START).days + 1)]
    return Setting(opportunities, nights, "prod", {name: [Stay(START)] for name in challengers})


def earned(parts: Sequence[Mapping[str, float]], opportunities: Sequence[Opportunity]) -> float:
    return sum(
        part * one.cells[name].live
        for one, mine in zip(opportunities, parts, strict=True)
        for name, part in mine.items()
        if name in one.cells
    )


def winning(better: float) -> Callable[[int], dict[str, float | None]]:
    """The champion makes .1 R an hour on average, the bot so much more on the same signal."""

    def cells(number: int) -> dict[str, float | None]:
        made = (1.2, -1.0, 0.4, -0.2)[number % 4]
        return {"prod": made, "bot": made + better}

    return cells


def test_ten_percent_for_the_bot_earn_a_tenth_of_what_it_makes_more() -> None:
    seen = hours(2_000, winning(0.3))
    found = play(setting(seen, "bot"), RULES.get("static"), by_salt("a"))
    alone = [{"prod": 1.0}] * len(seen)
    assert earned(found.parts, seen) - earned(alone, seen) == pytest.approx(0.1 * 2_000 * 0.3)
    assert found.deeds == []


@by_rule
def test_names_play_no_part(entry: RuleEntry) -> None:
    """The same two arms under each other's names end where the other did."""
    rng = np.random.default_rng(5)
    made = rng.normal([0.3, 0.5, 0.1], 1.0, size=(1_500, 3))
    other = {"prod": "prod", "one": "two", "two": "one"}
    seen = hours(1_500, lambda n: dict(zip(("prod", "one", "two"), made[n], strict=True)))
    mirrored = hours(1_500, lambda n: dict(zip(("prod", "two", "one"), made[n], strict=True)))
    mine = play(setting(seen, "one", "two"), entry, by_salt("a"))
    its = play(setting(mirrored, "two", "one"), entry, by_salt("a"))
    assert its.parts == [{other[name]: p for name, p in parts.items()} for parts in mine.parts]
    assert its.deeds == [deed._replace(policy=other[deed.policy]) for deed in mine.deeds]


outcomes = st.one_of(st.none(), st.floats(-20, 20), st.sampled_from([-1.0, 0.0, 2.0]))
patterns = st.lists(st.tuples(outcomes, outcomes, outcomes, outcomes), min_size=1, max_size=40)


@by_rule
@settings(max_examples=25, deadline=None)
@given(pattern=patterns, salt=st.text(max_size=3))
def test_no_rule_gives_more_than_it_may(
    entry: RuleEntry, pattern: list[tuple[float | None, ...]], salt: str
) -> None:
    """Together .6, beyond that only whoever has 500 live trades; nothing to who is stopped."""
    arms = ("prod", "a", "b", "c")
    seen = hours(1_200, lambda n: dict(zip(arms, pattern[n % len(pattern)], strict=True)))
    live = dict.fromkeys(arms, 0)
    choose = by_salt(salt)

    def route(one: Opportunity, shares: Sequence[tuple[str, float]]) -> str:
        for name, share in shares:
            assert 0 < share <= (1 if live[name] >= 500 else 0.6) + 1e-9
        if all(live[name] < 500 for name, _ in shares):
            assert sum(share for _, share in shares) <= 0.6 + 1e-9
        routed = choose(one, shares)
        live[routed or "prod"] += (routed or "prod") in one.cells
        return routed

    found = play(setting(seen, *arms[1:]), entry, route)
    for parts in found.parts:
        assert sum(parts.values()) <= 1 + 1e-9
        assert all(0 <= part <= 1 for part in parts.values())
    for deed in found.deeds:
        if deed.kind not in ("promote", "time_out"):
            after = (p for o, p in zip(seen, found.parts, strict=True) if o.began > deed.at)
            assert not any(deed.policy in parts for parts in after), "it was stopped"


@pytest.mark.parametrize("name", ["evidence", "ladder"])
@settings(max_examples=25, deadline=None)
@given(pattern=patterns)
def test_beyond_the_drawdown_of_the_checklist_nobody_has_traffic(
    name: str, pattern: list[tuple[float | None, ...]]
) -> None:
    arms = ("prod", "a", "b", "c")
    seen = hours(800, lambda n: dict(zip(arms, pattern[n % len(pattern)], strict=True)))
    nav, peak = dict.fromkeys(arms, 1.0), dict.fromkeys(arms, 1.0)
    choose = by_salt("a")

    def route(one: Opportunity, shares: Sequence[tuple[str, float]]) -> str:
        assert all(nav[arm] >= 0.96 * peak[arm] - 1e-9 for arm, _ in shares)
        routed = choose(one, shares)
        if routed in one.cells:
            nav[routed] *= 1 + 0.0025 * one.cells[routed].live
            peak[routed] = max(peak[routed], nav[routed])
        return routed

    play(setting(seen, *arms[1:]), RULES.get(name), route)


TIMING = [entry for entry in PLAYED if entry.name.startswith("evidence")]


@pytest.mark.parametrize("entry", TIMING, ids=lambda entry: entry.name)
def test_whose_time_is_up_is_noted_once_and_goes_on_as_if_it_were_not(entry: RuleEntry) -> None:
    """For 90 days no better than the champion, and much better afterwards."""
    same, good = winning(0.0), winning(0.9)
    seen = hours(24 * 150, lambda n: same(n) if n < 24 * 90 else good(n))
    timeless = entry.settings._replace(stuck_days=inf, most_days=inf)
    found = play(setting(seen, "bot"), entry, by_salt("a"))
    without = play(setting(seen, "bot"), replace(entry, settings=timeless), by_salt("a"))
    assert found.parts == without.parts
    noted, *others = found.deeds
    assert (noted.kind, noted.policy) == ("time_out", "bot")
    assert noted.at >= START + 60 * DAY
    assert [deed.kind for deed in others] == ["promote"], "it grew and was proven afterwards"
    assert others == without.deeds


PROMOTING = [entry for entry in PLAYED if entry.name not in ("static", "ladder")]
promoting = pytest.mark.parametrize("entry", PROMOTING, ids=lambda entry: entry.name)


def promotions(entry: RuleEntry, seen: Sequence[Opportunity]) -> list[Deed]:
    found = play(setting(seen, "bot"), entry, by_salt("a"))
    return [deed for deed in found.deeds if deed.kind == "promote"]


@promoting
def test_who_is_much_better_is_promoted(entry: RuleEntry) -> None:
    (deed,) = promotions(entry, hours(6_000, winning(0.9)))
    assert deed.policy == "bot"
    assert deed.at.hour == 0, "by night"


@promoting
@pytest.mark.parametrize("what", ["capital", "losses", "trades"])
def test_what_is_not_known_never_promotes(entry: RuleEntry, what: str) -> None:
    seen = hours(6_000, winning(0.9))
    if what == "capital":
        seen = [
            one._replace(
                cells={n: c._replace(risk=nan, of_capital=nan) for n, c in one.cells.items()}
            )
            for one in seen
        ]
    elif what == "losses":
        seen = hours(6_000, winning(1.1))
    else:
        seen = hours(6_000, lambda n: {"prod": winning(0)(n)["prod"], "bot": None})
    assert promotions(entry, seen) == []


def test_a_rule_hears_of_an_opportunity_when_everything_of_it_has_closed() -> None:
    heard: list[tuple[int, int]] = []
    entry, nights = RULES.get("static"), [0]

    def see(rows: Rows, routed: int, live: list[float], paper: list[float], rule: object) -> None:
        heard.append((nights[0], round(paper[0])))
        entry.see(rows, routed, live, paper, rule)

    def night(rows: Rows, rule: object) -> None:
        nights[0] = round(rows[0].age)
        entry.night(rows, rule)

    seen = hours(100, lambda n: {"prod": float(n), "bot": 0.5})
    seen = [one._replace(ended=one.began + 2 * DAY * (n % 2)) for n, one in enumerate(seen)]
    play(setting(seen, "bot"), replace(entry, see=see, night=night), by_salt("a"))
    assert (0, 2) in heard
    assert (0, 1) not in heard
    assert (2, 1) in heard, "it ran for two days"
    assert all(night == number // 24 + 2 * (number % 2) for night, number in heard)


def test_an_opportunity_at_which_an_arm_began_none_is_no_trade_of_it() -> None:
    rows: list[Contender] = []
    entry = RULES.get("evidence")

    def see(now: Rows, routed: int, live: list[float], paper: list[float], rule: object) -> None:
        rows[:] = now
        entry.see(now, routed, live, paper, rule)

    seen = hours(
        400, lambda n: {"prod": 1.0 if n % 2 else -0.5, "bot": 2.0 if n % 8 == 0 else None}
    )
    play(setting(seen, "bot"), replace(entry, see=see), lambda _, __: "bot")
    champion, bot = rows
    assert bot.live_trades == bot.pairs == 50
    assert bot.live_mean == 2
    assert champion.live_trades == 0
    assert bot.signals == 399, "of the last one nobody has heard"
    made, its = 50 * 2, 199 * 1.0 - 200 * 0.5
    assert bot.difference == pytest.approx((made - its) / 399), "0 where it began none"


def test_paper_does_not_flatter_an_arm_that_began_nothing() -> None:
    rows: list[Contender] = []
    entry = RULES.get("evidence")

    def see(now: Rows, routed: int, live: list[float], paper: list[float], rule: object) -> None:
        rows[:] = now
        entry.see(now, routed, live, paper, rule)

    seen = hours(100, lambda _: {"other": 1.0})
    play(setting(seen, "bot", "other"), replace(entry, see=see), lambda _, __: "")
    _, bot, other = rows
    assert bot.wealth == [1.0] * 6
    assert min(other.wealth) > 1


def test_an_arm_that_joins_later_is_told_nothing_of_before_and_one_that_leaves_has_no_part() -> (
    None
):
    seen = hours(240, winning(0.3))
    stays = {"bot": [Stay(START + 2 * DAY, START + 5 * DAY)]}
    found = play(setting(seen)._replace(stays=stays), RULES.get("static"), by_salt("a"))
    has = ["bot" in parts for parts in found.parts]
    assert has == [2 * 24 <= n < 5 * 24 for n in range(240)]


def test_an_arm_that_joins_is_told_nothing_of_what_is_open() -> None:
    rows: list[Contender] = []
    entry = RULES.get("evidence")

    def see(now: Rows, routed: int, live: list[float], paper: list[float], rule: object) -> None:
        rows[:] = now
        entry.see(now, routed, live, paper, rule)

    seen = [one._replace(ended=one.began + DAY) for one in hours(72, winning(0.3))]
    stays = {"bot": [Stay(START + DAY)]}
    play(setting(seen)._replace(stays=stays), replace(entry, see=see), lambda _, __: "")
    champion, bot = rows
    assert champion.live_trades == 48, "all that have closed by the last hour"
    assert bot.signals == 24, "those that began while it was there"


def test_before_it_is_known_how_large_an_r_is_no_rule_is_asked() -> None:
    seen = hours(24 * 20, winning(0.9))
    asked = setting(seen, "bot")._replace(asked_since=START + 10 * DAY)
    parts = play(asked, RULES.get("evidence"), by_salt("a")).parts
    has = ["bot" in part for part in parts]
    assert has == [number >= 24 * 10 for number in range(len(seen))]
    assert "bot" in play(setting(seen, "bot"), RULES.get("evidence"), by_salt("a")).parts[24 * 3]


def test_an_arm_that_comes_back_is_a_newcomer_and_is_told_nothing_of_what_was_open() -> None:
    rows: list[Contender] = []
    entry = RULES.get("static")

    def see(now: Rows, routed: int, live: list[float], paper: list[float], rule: object) -> None:
        rows[:] = now
        entry.see(now, routed, live, paper, rule)

    seen = [one._replace(ended=one.began + DAY) for one in hours(24 * 10, winning(0.3))]
    stays = {"bot": [Stay(START, START + 5 * DAY), Stay(START + 5 * DAY + DAY / 2)]}
    played = setting(seen)._replace(stays=stays)
    found = play(played, replace(entry, see=see), lambda _, shares: "bot" if shares else "")
    away = [number for number, parts in enumerate(found.parts) if "bot" not in parts]
    assert away == list(range(24 * 5, 24 * 5 + 12))
    champion, first, again = rows
    assert (first.present, again.present) == (0, 1)
    assert again.live_trades == 24 * 10 - (24 * 5 + 12) - 24, "that began and closed since then"
    assert champion.live_trades == 12


def test_another_salt_gives_other_opportunities_and_the_same_salt_the_same() -> None:
    seen = hours(500, winning(0.1))

    def given_to(salt: str) -> list[str]:
        choose = by_salt(salt)
        return [choose(one, [("bot", 0.5)]) for one in seen]

    assert given_to("a") == given_to("a") != given_to("b")
    assert given_to("a").count("bot") == pytest.approx(250, abs=4 * 11.2)
