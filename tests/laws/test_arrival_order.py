"""Facts arrive in any order; what the panel says depends on the facts alone.

Hypothesis plays the bots and the ledger: it reports trades, corrects them, holds some
back, repeats others, values open positions, and says which episodes an arm was given. The
ledger's part is small. It keeps the highest revision of each trade, and hands the panel only
what is current. Whenever the panel answers False, it has the arm rebuilt. After every step a
second panel is fed once, in judged order, with everything current; both must give the same
readings, every metric of every arm, and the same gap between live and paper in every symbol
and volatility, and the same evidence against a floor.

The game is played with panels that keep nothing, three facts and a hundred of each arm, so
that late facts are put in their place, lie too far back, and lie just at the edge. The last
three decisions of an arm are kept there, or as many as a running desk keeps.
"""

from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tiltyard.facts.correction import Correction
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Book, Trade, judged_order
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Reading
from tiltyard.metrics import terciles
from tiltyard.metrics.account import AccountMeasures
from tiltyard.metrics.catalogue import METRICS, SHADOW, TRADE_METRICS
from tiltyard.metrics.panel import Panel
from tiltyard.metrics.recent import KEPT

START = datetime(2025, 7, 7, tzinfo=UTC)
NOW = START + timedelta(days=400)
CAPITAL = Money(10**11)
CHAMPION = "champion"
ARMS = (CHAMPION, "challenger")
FLOORS = (0.9, 1.6)
COMPARED = (*METRICS, *(name + SHADOW for name in TRADE_METRICS))

arms = st.sampled_from(ARMS)
sources = st.sampled_from(["bot-a", "bot-b"])
books: st.SearchStrategy[Book] = st.sampled_from(["live", "live", "live", "shadow"])
identifiers = st.integers(0, 40).map("{:03d}".format)
moments = st.integers(0, 8).map(lambda number: START + timedelta(hours=97 * number))
results = st.integers(-20, 20).map(lambda number: Money(number * 10**9))
trial_starts = st.one_of(st.none(), moments)
episodes = st.integers(0, 4)
Telling = tuple[Literal["decision"] | Book, int, int | None]
tellings: st.SearchStrategy[Telling] = st.tuples(
    st.sampled_from(["decision", "live", "twin"]),
    st.sampled_from([-199, -98, 0, 1]),
    st.sampled_from([0, 1, 2, None]),
)
"""Which of the three; when it was decided, in hours from its end; how wild it was then."""


class Arrival(RuleBasedStateMachine):
    """A panel that is fed as facts arrive, beside the ledger of all facts."""

    kept = 0
    decisions_kept = terciles.MOST

    def __init__(self) -> None:
        super().__init__()
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(terciles, "MOST", self.decisions_kept)
        self.decisions: dict[str, Decision] = {}
        self.current: dict[tuple[str, str], Trade] = {}
        self.marks: dict[str, list[Mark]] = {arm: [] for arm in ARMS}
        self.trial_starts: dict[str, datetime | None] = {}
        self.throttles: dict[str, datetime] = {}
        self.panel = Panel()

    @initialize(challenger=trial_starts, champion=trial_starts)
    def arms_are_registered(self, challenger: datetime | None, champion: datetime | None) -> None:
        self.trial_starts = {"challenger": challenger, CHAMPION: champion}
        self.panel = self.empty_panel(self.kept)

    @rule(
        arm=arms,
        source=sources,
        identifier=identifiers,
        at=moments,
        hours=st.sampled_from([1, 97, 200]),
        pnl=results,
        book=books,
        revision=st.sampled_from([1, 1, 1, 2, 3]),
    )
    def a_trade_is_reported(
        self,
        arm: str,
        source: str,
        identifier: str,
        at: datetime,
        hours: int,
        pnl: Money,
        book: Book,
        revision: int,
    ) -> None:
        self.arrives(
            Trade(
                source=source,
                trade_id=identifier,
                policy=arm,
                symbol="BTC/USDT",
                side="long",
                opened_at=at - timedelta(hours=hours),
                closed_at=at,
                pnl=pnl,
                risk=Money(10**9),
                book=book,
                revision=revision,
            )
        )

    @rule(arm=arms, told=st.lists(st.tuples(episodes, tellings), min_size=6, max_size=20))
    def episodes_are_told(self, arm: str, told: list[tuple[int, Telling]]) -> None:
        """What was decided, what was filled for real and what on paper, in any order."""
        for number, (what, hours, tercile) in told:
            name, at = f"episode {number}", START + timedelta(hours=97 * number)
            if what == "decision":
                at += timedelta(hours=hours)
                self.decided(Decision(name, "SOL/USDT", arm, 0.5, 1, at, tercile, at.hour))
            else:
                closed = loss(f"{arm}-{name}-{what}", 0)._replace(closed_at=at, book=what)
                self.arrives(closed._replace(policy=arm, risk=Money(7), episode_id=name))

    @rule(
        told=st.lists(
            st.tuples(
                arms, episodes, st.sampled_from([-199, -98, 0, 1]), st.sampled_from([0, 1, None])
            ),
            min_size=2,
            max_size=20,
        )
    )
    def decisions_are_told_in_one_look(self, told: list[tuple[str, int, int, int | None]]) -> None:
        """A desk gathers those that pairs have overtaken, and takes the others in order."""
        late: list[Decision] = []
        due: list[Decision] = []
        for arm, number, hours, tercile in told:
            at = START + timedelta(hours=97 * number + hours)
            one = Decision(f"episode {number}", "SOL/USDT", arm, 0.5, 1, at, tercile, at.hour)
            if one.episode_id not in self.decisions:
                (late if self.panel.is_overtaken(one) else due).append(one)
        self.decisions |= {one.episode_id: one for one in late}
        for arm in self.panel.decide_late(late):
            self.rebuild(arm)
        for one in sorted(due, key=lambda one: one.decided_at):
            self.decided(one)

    @rule(arm=arms, count=st.sampled_from([30, 150]), backwards=st.booleans())
    def a_bot_reports_a_long_stretch(self, arm: str, count: int, *, backwards: bool) -> None:
        numbers = range(count)
        for number in reversed(numbers) if backwards else numbers:
            at = START + timedelta(hours=number // 2)
            self.arrives(
                Trade(
                    source="bot-c",
                    trade_id=f"{arm}-{number}",
                    policy=arm,
                    symbol="ETH/USDT",
                    side="short",
                    opened_at=at,
                    closed_at=at,
                    pnl=Money((number * 7919 % 23 - 10) * 10**8),
                )
            )

    @rule(arm=arms, at=moments, names=st.permutations("abcd"), results=st.permutations(range(4)))
    def trades_close_at_one_moment(
        self, arm: str, at: datetime, names: list[str], results: list[int]
    ) -> None:
        for name, result in zip(names, results, strict=True):
            self.arrives(
                loss(f"{arm}-{at:%j}-{name}", 0)._replace(
                    policy=arm, closed_at=at, pnl=Money((2 * result - 3) * 10**9)
                )
            )

    @rule(which=st.integers(0, 999), at=moments, pnl=results)
    def a_trade_is_corrected(self, which: int, at: datetime, pnl: Money) -> None:
        if self.current:
            trade = list(self.current.values())[which % len(self.current)]
            self.arrives(trade._replace(revision=trade.revision + 1, closed_at=at, pnl=pnl))

    @rule(arm=arms, unrealised=results, pnl=results)
    def a_trade_closes_at_the_very_moment_of_a_mark(
        self, arm: str, unrealised: Money, pnl: Money
    ) -> None:
        at = max((trade.closed_at for trade in self.of(arm)), default=START) + timedelta(hours=1)
        self.open_positions_are_valued(arm, at, unrealised, 1)
        self.arrives(loss(f"{arm}-{at:%j%H}", 0)._replace(policy=arm, closed_at=at, pnl=pnl))

    @rule(arm=arms, at=moments, unrealised=results, open_positions=st.integers(0, 2))
    def open_positions_are_valued(
        self, arm: str, at: datetime, unrealised: Money, open_positions: int
    ) -> None:
        """One mark of an arm at a time; it may come late, as trades may."""
        if any(mark.marked_at == at for mark in self.marks[arm]):
            return
        mark = Mark(arm, at, unrealised, open_positions)
        self.marks[arm].append(mark)
        self.marks[arm].sort(key=lambda one: one.marked_at)
        if not self.panel.value_open(mark):
            self.rebuild(arm)

    @rule(arm=arms)
    def a_new_trial_starts(self, arm: str) -> None:
        """Trials start now: after everything that was seen, which may not be all there was."""
        seen = [
            *(trade.closed_at for trade in self.of(arm)),
            *(mark.marked_at for mark in self.marks[arm]),
        ]
        now = max(seen, default=START) + timedelta(hours=1)
        before = self.trial_starts[arm]
        if before is None or before < now:
            self.trial_starts[arm] = now
            self.panel.start_trial(arm, now)

    @rule(arm=arms)
    def an_arm_is_throttled(self, arm: str) -> None:
        now = max((trade.closed_at for trade in self.of(arm)), default=START)
        self.throttles[arm] = now
        self.panel.arm(arm).throttle(now)

    @invariant()
    def every_reading_is_that_of_a_panel_fed_once_in_judged_order(self) -> None:
        fresh = self.empty_panel()
        marks = {arm: list(self.marks[arm]) for arm in ARMS}
        given = self.given_to(*ARMS)
        for trade in sorted(self.current.values(), key=judged_order):
            while given and given[0].decided_at <= trade.closed_at:
                assert fresh.decide(given.pop(0)), "nor a late decision"
            ahead = marks[trade.policy]
            while ahead and ahead[0].marked_at < trade.closed_at:
                fresh.value_open(ahead.pop(0))
            assert fresh.record(trade), "a sorted ledger has no late trade"
        for mark in chain(*marks.values()):
            assert fresh.value_open(mark)
        assert self.readings(self.panel) == self.readings(fresh)
        for arm in ARMS:
            seen, expected = self.panel.arm(arm), fresh.arm(arm)
            assert seen.lifetime_trades == expected.lifetime_trades
            assert seen.live.trades == expected.live.trades
            assert seen.since_throttle == expected.since_throttle
            assert seen.valued_at == expected.valued_at
            assert seen.gap._sums == expected.gap._sums
            for floor in FLOORS:
                assert seen.live.doubt(floor) == expected.live.doubt(floor)
                evidence = seen.live._doubts[floor].log()
                assert evidence == expected.live._doubts[floor].log(), "to the last bit"
        assert self.panel.last_marks() == fresh.last_marks()

    def arrives(self, trade: Trade) -> None:
        """The ledger's part."""
        key = (trade.source, trade.trade_id)
        before = self.current.get(key)
        if before is not None and (
            before.revision >= trade.revision or before.policy != trade.policy
        ):
            return  # the ledger refuses a trade that is another policy's
        self.current[key] = trade
        if before is None:
            is_measured = self.panel.record(trade)
        else:
            is_measured = self.panel.correct(Correction(before, trade))
        if not is_measured:
            self.rebuild(trade.policy)

    def decided(self, decision: Decision) -> None:
        """The ledger has one of an episode."""
        if decision.episode_id in self.decisions:
            return
        self.decisions[decision.episode_id] = decision
        if not self.panel.decide(decision):
            self.rebuild(decision.policy)

    def rebuild(self, arm: str) -> None:
        self.panel.rebuild(arm, self.of(arm), self.marks[arm], self.given_to(arm))

    def given_to(self, *names: str) -> list[Decision]:
        """The decisions for some arms in time order."""
        given = [one for one in self.decisions.values() if one.policy in names]
        return sorted(given, key=lambda one: one.decided_at)

    def teardown(self) -> None:
        self.patched.undo()

    def of(self, arm: str) -> list[Trade]:
        """An arm's current trades in judged order."""
        return sorted(
            (trade for trade in self.current.values() if trade.policy == arm), key=judged_order
        )

    def empty_panel(self, kept: int = 0) -> Panel:
        panel = Panel(account=AccountMeasures(capital=CAPITAL), kept=kept, floors=FLOORS)
        for arm in ARMS:
            panel.add_arm(arm, CAPITAL, self.trial_starts.get(arm))
            throttled_at = self.throttles.get(arm)
            if throttled_at is not None:
                panel.arm(arm).throttle(throttled_at)
        panel.crown(CHAMPION)
        return panel

    @staticmethod
    def readings(panel: Panel) -> dict[tuple[str, str], object]:
        return {(arm, name): _value(panel, name, arm) for arm in ARMS for name in COMPARED}


def _value(panel: Panel, name: str, arm: str) -> tuple[Reading, datetime | None]:
    at = NOW if name != "account_daily_loss_pct" else START + timedelta(hours=97 * 8)
    measured = panel.read(name, arm, at)
    return measured.reading, measured.as_of


def loss(identifier: str, hour: int) -> Trade:
    at = START + timedelta(hours=hour)
    return Trade("bot", identifier, CHAMPION, "BTC/USDT", "long", at, at, Money(-(10**9)))


@pytest.mark.parametrize(
    ("seen", "arrives", "is_late"),
    [
        (loss("b", 5), loss("c", 6), False),
        (loss("b", 5), loss("a", 6), False),
        (loss("b", 5), loss("c", 5), False),
        (loss("b", 5), loss("a", 5), True),
        (loss("b", 5), loss("b", 5), True),
        (loss("b", 5), loss("c", 4), True),
        (loss("b", 5), loss("c", 6)._replace(revision=2), False),
        (loss("b", 5), loss("c", 5)._replace(source="another"), True),
        (Mark(CHAMPION, START, Money(-1), 1), loss("a", 1), False),
        (Mark(CHAMPION, START, Money(-1), 1), loss("a", 0), True),
        (Mark(CHAMPION, START, Money(-1), 1), loss("a", -1), True),
        (Mark(CHAMPION, START, Money(-1), 1), loss("a", -1)._replace(book="shadow"), False),
    ],
    ids=[
        "a later close",
        "a later close with an earlier name",
        "the same close with a later name",
        "the same close with an earlier name",
        "the same trade again",
        "an earlier close",
        "a later close that was corrected before anybody saw it",
        "the same close of an earlier source",
        "a close after a mark",
        "a close at the time of a mark",
        "a close before a mark",
        "a shadow close before a mark, which marks do not touch",
    ],
)
def test_what_the_panel_takes_for_late(seen: Trade | Mark, arrives: Trade, is_late: bool) -> None:  # noqa: FBT001 a column of the table
    panel = Panel(capital=CAPITAL)
    if isinstance(seen, Mark):
        panel.value_open(seen)
    else:
        panel.record(seen)
    assert panel.record(arrives) != is_late


class ArrivalAtTheEdge(Arrival):
    """The same with a panel that keeps the last three facts, up to six, and three decisions."""

    kept, decisions_kept = 3, 3


class ArrivalInReach(Arrival):
    """The same with a panel that keeps as many facts as a running desk."""

    kept = KEPT


PLAYED = settings(max_examples=50, stateful_step_count=25, deadline=None, derandomize=True)
TestArrival = Arrival.TestCase
TestArrival.settings = PLAYED
TestArrivalAtTheEdge = ArrivalAtTheEdge.TestCase
TestArrivalAtTheEdge.settings = PLAYED
TestArrivalInReach = ArrivalInReach.TestCase
TestArrivalInReach.settings = PLAYED
