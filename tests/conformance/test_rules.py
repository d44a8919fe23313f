"""A desk that is run by another rule than the ladder, on every store."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest

from conformance.desks import (
    CAPITAL,
    CHAMPION,
    DAY,
    FIRST,
    GUARDED,
    MINUTE,
    NOW,
    SECOND_ARM,
    UNGUARDED,
    asked,
    challenger,
    desk_on,
    employ,
    events,
    set_share,
    shares,
)
from opportunities import Fact, in_order, opportunity
from tiltyard.actions.record import registered
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.scaling.catalogue import FOR_A_DESK
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.desk import Desk
from tiltyard.shell.live import WRITTEN, LiveDesk
from tiltyard.shell.nights import read_ahead
from tiltyard.shell.ruling import Ruling
from tiltyard.shell.settings import PolicySettings, ScalingSettings, Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.unwritten import Unwritten

ARMS = (CHAMPION, FIRST, SECOND_ARM)
TODAY = GUARDED.schedule.day_begins(NOW)
COUNT = 300


def ruled_by(rule: str) -> Settings:
    return UNGUARDED.model_copy(update={"scaling": ScalingSettings(rule=rule)})


EVIDENCE = ruled_by("evidence")


def lived(count: int = COUNT, until: datetime = TODAY) -> list[Fact]:
    """So many opportunities until then, an hour apart: the first challenger is the better one."""
    rng = Random(count)  # noqa: S311 no secret
    facts: list[Fact] = []
    for number in range(count):
        luck = rng.gauss(0, 1)
        made = {CHAMPION: 0.3 + luck, FIRST: 0.7 + luck, SECOND_ARM: 0.1 + luck}
        at = until - (count - number) * timedelta(hours=1)
        given_to = ARMS[1 + number // 10 % 2] if number % 10 == 0 else CHAMPION
        facts += opportunity(number, at, given_to, made, optimism=0.1, capital=CAPITAL)
    return in_order(facts)


def tell(ledger: Ledger, facts: Iterable[Fact], now: datetime = NOW) -> None:
    every = list(facts)
    ledger.append_decisions((one for one in every if isinstance(one, Decision)), known_at=now)
    with ledger.staging() as staging:
        trades = (one for one in every if isinstance(one, Trade))
        staging.add([(row, one, False) for row, one in enumerate(trades)])
        staging.commit(now=now, known_at=now)


@pytest.fixture(autouse=True)
def floor(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1), challenger(SECOND_ARM, 0.1))


def known(ledger: Ledger, at: datetime = NOW, ruling: Ruling | None = None) -> str:
    """What the rule knows of every arm, to the last bit."""
    ruling = ruling or Ruling(EVIDENCE, in_order=False)
    ruling.read_on(ledger, at)
    return repr(ruling.known(ledger.roster(), at))


def test_a_night_by_evidence_gives_to_the_better_one_alone_and_says_why(ledger: Ledger) -> None:
    tell(ledger, lived())
    outcome = asked(ledger, "scale", settings=EVIDENCE)
    rule, *lines = outcome.text.splitlines()
    assert rule == "by the rule evidence:"
    assert any(
        line.startswith(f"{FIRST}: 10.0 % to 20.0 %, better with over 99 % by 300 opportunities")
        for line in lines
    )
    assert any(
        line.startswith(f"{SECOND_ARM}: 10.0 % to 0.0 %, better with under 1 % by 300")
        for line in lines
    )
    assert shares(ledger)[CHAMPION] == 0.8
    (asks,) = events(ledger, "review")
    assert (asks["policy"], asks["cause"]) == (SECOND_ARM, "evidence")
    again = asked(ledger, "scale", settings=EVIDENCE)
    assert "20.0 % to 20.0 %, its share has changed on this trading day already" in again.text


def allot(ledger: Ledger, capital: Money | None) -> None:
    roster = ledger.roster()
    for arm in list(roster.arms.values()):
        roster = roster.with_arm(replace(arm, capital=capital))
    joined = [registered(arm, NOW, "test") for arm in roster.arms.values()]
    ledger.save_roster(roster, joined, at=NOW)


def test_a_rule_counts_by_the_capital_that_was_registered_or_set_whenever_that_was(
    ledger: Ledger,
) -> None:
    bare = [
        one._replace(capital=None, risk=None) if isinstance(one, Trade) else one for one in lived()
    ]
    allot(ledger, None)
    tell(ledger, bare)
    ruling = Ruling(EVIDENCE, in_order=False)
    assert "trades do not say what they risked" in known(ledger, ruling=ruling)
    configured = EVIDENCE.model_copy(update={"policies": PolicySettings(capital=100_000)})
    by_setting = known(ledger, ruling=Ruling(configured, in_order=False))
    assert "do not say" not in by_setting
    allot(ledger, CAPITAL)
    assert known(ledger, ruling=ruling) == known(ledger) == by_setting


@pytest.mark.parametrize("rule", FOR_A_DESK[1:])
def test_a_night_by_any_rule_leaves_the_champion_its_floor(ledger: Ledger, rule: str) -> None:
    tell(ledger, lived())
    outcome = asked(ledger, "scale", settings=ruled_by(rule))
    assert outcome.text.startswith(f"by the rule {rule}:\n")
    after = shares(ledger)
    assert after[CHAMPION] >= 0.4 - 1e-9
    assert sum(after.values()) == pytest.approx(1)


def test_the_ladder_says_nothing_of_rules(ledger: Ledger) -> None:
    tell(ledger, lived())
    assert "by the rule" not in asked(ledger, "scale").text


def test_whenever_the_facts_came_the_rule_knows_the_same(ledger: Ledger) -> None:
    """Day after day some come late, and one of long ago is corrected."""
    facts = lived()
    ruling = Ruling(EVIDENCE, in_order=False)
    late: Sequence[Fact] = facts[100:180]
    tell(ledger, [one for one in facts[:400] if one not in late])
    for days in (9, 8, 7):
        known(ledger, NOW - days * DAY, ruling)
    tell(ledger, late)
    wrong = next(one for one in facts if isinstance(one, Trade) and one.policy == FIRST)
    tell(ledger, [*facts[400:], wrong._replace(pnl=Money(-3 * wrong.pnl), revision=2)])
    assert known(ledger, NOW - 5 * DAY, ruling) == known(ledger, NOW - 5 * DAY)
    before = known(ledger, ruling=ruling)
    assert before == known(ledger)
    tell(ledger, [wrong._replace(pnl=Money(2 * wrong.pnl), revision=3)])
    assert before != known(ledger, ruling=ruling) == known(ledger)


def test_what_happens_in_the_course_of_a_day_counts_when_the_next_one_begins(
    ledger: Ledger,
) -> None:
    tell(ledger, lived())
    morning = known(ledger)
    tell(ledger, opportunity(COUNT, NOW - 60 * MINUTE, FIRST, {CHAMPION: -2, FIRST: 9}))
    assert known(ledger) == morning
    assert known(ledger, NOW + DAY) != morning


class KilledError(Exception):
    """The process is gone."""


def test_a_desk_that_is_killed_in_a_night_does_not_run_it_twice(ledger: Ledger) -> None:
    tell(ledger, lived())
    with desk_on(ledger, TODAY - MINUTE, settings=EVIDENCE) as desk:
        desk.step(TODAY - MINUTE)

    def kill(stage: str) -> None:
        if stage == WRITTEN:
            raise KilledError

    token = take(ledger, "first", TODAY + MINUTE)
    assert token is not None
    desk = LiveDesk(ledger, EVIDENCE, token, on_stage=kill)
    desk.start()
    with pytest.raises(KilledError):
        desk.step(TODAY + MINUTE)
    assert events(ledger, "scale") == [], "its transaction was not committed"
    give_back(ledger, token)
    for minutes in (2, 3):
        with desk_on(ledger, TODAY + minutes * MINUTE, settings=EVIDENCE) as desk:
            desk.step(TODAY + minutes * MINUTE)
    scaled = [(one["policy"], one["after"]) for one in events(ledger, "scale")]
    assert scaled == [(SECOND_ARM, "0"), (FIRST, "0.2")]


def test_a_share_that_was_doubled_is_the_most_that_sql_may_give_on_that_day(
    ledger: Ledger,
) -> None:
    tell(ledger, lived())
    asked(ledger, "scale", settings=EVIDENCE)
    set_share(ledger, FIRST, "traffic_allocation * 1.5")
    set_share(ledger, SECOND_ARM, "0.05")
    assert (shares(ledger)[FIRST], shares(ledger)[SECOND_ARM]) == (0.2, 0.0)


def test_a_night_is_read_ahead_while_others_may_write(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiltyard.shell.holding.PAUSE_AFTER", 100)
    tell(ledger, lived())
    pauses: list[int] = []

    def write_beside() -> None:
        with ledger.transaction():
            pauses.append(len(pauses))

    desk, unwritten = Desk(EVIDENCE, ledger.roster(), live=True), Unwritten()
    read_ahead(ledger, desk, unwritten, NOW, write_beside, nights=True)
    assert len(pauses) > 5, "somebody wrote in between"
    assert not desk.ruling.lags(NOW)
    assert known(ledger, ruling=desk.ruling) == known(ledger)
    read_ahead(ledger, desk, unwritten, NOW, write_beside, nights=True)
    unwritten.note_night(desk.trading_day(NOW + DAY).isoformat())
    read_ahead(ledger, desk, unwritten, NOW + DAY, write_beside, nights=True)
    assert desk.ruling.lags(NOW + DAY), "that night was run already"


def test_whoever_is_interrupted_in_reading_reads_everything_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiltyard.shell.holding.PAUSE_AFTER", 100)
    tell(ledger, lived())
    pauses: list[int] = []

    def fail_in_the_middle() -> None:
        pauses.append(len(pauses))
        if len(pauses) == 4:
            raise TiltyardError("DATABASE_AWAY", "ledger", "it was there a moment ago")

    ruling = Ruling(EVIDENCE, in_order=False)
    with pytest.raises(TiltyardError), ledger.snapshot() as still:
        ruling.read_on(still, NOW, fail_in_the_middle)
    assert known(ledger, ruling=ruling) == known(ledger)
