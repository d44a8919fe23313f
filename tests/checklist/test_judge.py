"""Judging: answers, trips once an episode, escalates only what was lost sight of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.guard import Guard, OnUnknown, WayBack
from tiltyard.checklist.judge import FRESH, Memory, judge
from tiltyard.checklist.patience import Patience
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.money import Money, money
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.metrics.panel import Panel

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
CAPITAL = money(1000)
DRIFT = "encoder_kl_divergence"
ARM = "arm_a"

PLAIN = Guard("drift_high", "arm", DRIFT, Comparison.parse("> 5"), "review", 10)
HARD = replace(PLAIN, stale_after=600, on_unknown="freeze_ramp_then_throttle")
NAN, INFINITE = float("nan"), float("inf")


class Bench:
    """A guard, a panel and the guard's memory, one answer after the other."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.panel = Panel(floors=[guard.when.number])
        self.memory = FRESH
        self.now = NOON
        self.seen = 0

    def sees(
        self, number: float, metric: str = DRIFT, samples: int = 1, *, policy: str = ARM
    ) -> None:
        self.seen += 1
        self.panel.observe(Observation(metric, number, self.now, policy, samples, self.seen))

    def closes(
        self, *results: float, capital: Money | None = CAPITAL, risk: Money | None = None
    ) -> None:
        for result in results:
            self.now += SECOND
            self.panel.record(
                Trade(
                    "bot", str(self.now), ARM, "SOL", "long", self.now, self.now, money(result),
                    capital=capital, risk=risk, seq=self.panel.up_to_seq + 1,
                )
            )  # fmt: skip

    def judges(self, after: timedelta = timedelta(0)) -> Verdict:
        self.now += after
        verdict, self.memory = judge(self.guard, self.panel, ARM, ARM, self.memory, self.now)
        return verdict

    def answers(self, *numbers: float) -> list[Verdict]:
        verdicts = []
        for number in numbers:
            self.now += MINUTE
            self.sees(number)
            verdicts.append(self.judges())
        return verdicts


@pytest.mark.parametrize(
    ("when", "number", "answer"),
    [
        ("> 5", 5.1, "breach"),
        ("> 5", 5.0, "pass"),
        (">= 5", 5.0, "breach"),
        (">= 5", 4.9, "pass"),
        ("< 5", 4.9, "breach"),
        ("< 5", 5.0, "pass"),
        ("<= 5", 5.0, "breach"),
        ("<= 5", 5.1, "pass"),
        ("== 5", 5.0, "breach"),
        ("== 5", 5.1, "pass"),
    ],
)
def test_a_number_beyond_the_limit_is_a_breach(when: str, number: float, answer: str) -> None:
    bench = Bench(replace(PLAIN, when=Comparison.parse(when)))
    bench.sees(number)
    verdict = bench.judges()
    assert (verdict.answer, verdict.limit, verdict.reason) == (answer, 5.0, "")


def test_a_verdict_says_what_it_was_made_from() -> None:
    bench = Bench(PLAIN)
    bench.closes(-1)
    bench.sees(7.5)
    verdict, memory = judge(PLAIN, bench.panel, ARM, "Arm A", FRESH, bench.now)
    assert verdict == Verdict(
        "drift_high", "arm", "Arm A", "breach", Value(7.5, 1), 5.0, confirmed=True, tripped=True,
        cleared=False, escalated=False, reason="", at=bench.now, up_to_seq=1,
    )  # fmt: skip
    assert memory == Memory((True,), 1, bench.now, None, bench.now)


def test_nobody_having_reported_is_unknown_and_no_pass() -> None:
    verdict = Bench(PLAIN).judges()
    assert (verdict.answer, verdict.limit) == ("unknown", 5.0)
    assert verdict.reason == "undefined (unobserved: nobody has reported it)"
    assert not any((verdict.confirmed, verdict.tripped, verdict.cleared, verdict.escalated))


@pytest.mark.parametrize("number", [NAN, INFINITE, -INFINITE])
def test_a_number_that_is_not_finite_is_an_error_and_no_pass(number: float) -> None:
    bench = Bench(PLAIN)
    bench.sees(number)
    verdict = bench.judges()
    assert (verdict.answer, verdict.confirmed, verdict.tripped) == ("error", False, False)
    assert verdict.reason == "encoder_kl_divergence is not a finite number"


@pytest.mark.parametrize(
    ("samples", "answer", "reason"),
    [
        (19, "unknown", "undefined (warming: 19 of 20 samples)"),
        (20, "breach", ""),
        (21, "breach", ""),
    ],
)
def test_fewer_samples_than_wanted_are_not_judged(samples: int, answer: str, reason: str) -> None:
    bench = Bench(replace(PLAIN, min_samples=20))
    bench.sees(9, samples=samples)
    verdict = bench.judges()
    assert (verdict.answer, verdict.reason) == (answer, reason)
    assert verdict.reading == Value(9.0, samples), "a verdict shows what was measured"


@pytest.mark.parametrize(
    ("age", "answer", "reason"),
    [
        (timedelta(seconds=599), "breach", ""),
        (timedelta(seconds=600), "breach", ""),
        (timedelta(seconds=601), "unknown", "undefined (stale: last seen 10 min ago)"),
        (timedelta(seconds=659), "unknown", "undefined (stale: last seen 10 min ago)"),
        (timedelta(seconds=660), "unknown", "undefined (stale: last seen 11 min ago)"),
    ],
)
def test_an_observation_is_too_old_one_second_after_its_time(
    age: timedelta, answer: str, reason: str
) -> None:
    bench = Bench(replace(PLAIN, stale_after=600))
    bench.sees(9)
    verdict = bench.judges(after=age)
    assert (verdict.answer, verdict.reason) == (answer, reason)


@pytest.mark.parametrize("stale_after", [0, 600])
@pytest.mark.parametrize(
    ("ahead", "answer", "reason"),
    [
        (60, "breach", ""),
        (61, "unknown", "undefined (stale: stamped 1 min ahead of the clock)"),
        (7200, "unknown", "undefined (stale: stamped 120 min ahead of the clock)"),
    ],
)
def test_an_observation_of_more_than_a_minute_ahead_is_none_of_now(
    stale_after: int, ahead: int, answer: str, reason: str
) -> None:
    bench = Bench(replace(PLAIN, stale_after=stale_after))
    bench.sees(9)
    verdict = bench.judges(after=timedelta(seconds=-ahead))
    assert (verdict.answer, verdict.reason) == (answer, reason)


def test_what_is_lost_because_the_clock_was_set_back_is_lost_from_then_on() -> None:
    bench = Bench(HARD)
    bench.sees(4)
    assert bench.judges(after=timedelta(hours=-2)).answer == "unknown"
    assert bench.memory.lost_since == bench.now
    assert not bench.judges(after=timedelta(seconds=899)).escalated
    assert bench.judges(after=SECOND).escalated


def test_a_clock_that_is_set_back_takes_no_time_from_what_was_lost_before() -> None:
    bench = Bench(HARD)
    bench.sees(4)
    assert bench.judges(after=timedelta(seconds=601)).answer == "unknown"
    bench.judges(after=timedelta(hours=-2))
    assert bench.judges(after=timedelta(seconds=900)).escalated


def test_a_clock_that_is_set_back_takes_no_time_from_a_breach_that_lasts() -> None:
    bench = Bench(replace(PLAIN, confirm=Patience(seconds=600)))
    bench.sees(6)
    bench.judges()
    bench.now -= timedelta(hours=2)
    bench.sees(6)
    bench.panel = Panel()
    bench.sees(6)
    assert not bench.judges().tripped
    bench.sees(6)
    assert bench.judges(after=timedelta(seconds=600)).tripped


def test_a_value_is_read_as_of_one_time_and_its_age_told_by_another() -> None:
    bench = Bench(HARD)
    bench.sees(9)
    earlier = NOON - timedelta(hours=1)
    for now, answer in ((NOON, "breach"), (earlier, "unknown")):
        verdict, _ = judge(HARD, bench.panel, ARM, ARM, FRESH, now, read_at=earlier)
        assert (verdict.answer, verdict.at) == (answer, now)


def test_without_a_time_limit_an_observation_never_ages() -> None:
    bench = Bench(PLAIN)
    bench.sees(9)
    assert bench.judges(after=timedelta(days=900)).answer == "breach"


def test_closed_trades_do_not_age_with_the_clock() -> None:
    bench = Bench(replace(HARD, metric="net_pnl", when=Comparison.parse("< 0")))
    bench.closes(-1)
    assert bench.judges(after=timedelta(days=900)).answer == "breach"


def test_a_mark_of_open_positions_ages() -> None:
    bench = Bench(replace(HARD, metric="dd_challenger_pct", when=Comparison.parse("> 4")))
    bench.closes(-1)
    bench.panel.value_open(Mark(ARM, bench.now, money(-20), 1, CAPITAL))
    assert bench.judges().answer == "pass"
    assert bench.judges(after=timedelta(seconds=601)).answer == "unknown"


def test_a_drawdown_beyond_its_limit_stays_a_breach_when_its_mark_is_old() -> None:
    bench = Bench(replace(HARD, metric="dd_challenger_pct", when=Comparison.parse("> 4")))
    bench.closes(-1)
    bench.panel.value_open(Mark(ARM, bench.now, money(-50), 1, CAPITAL))
    assert bench.judges().answer == "breach"
    assert bench.judges(after=timedelta(seconds=601)).answer == "breach"


def test_a_drawdown_beyond_its_limit_stays_a_breach_when_capital_is_lost() -> None:
    guard = replace(HARD, metric="dd_challenger_pct", when=Comparison.parse("> 4"))
    for loss, answer in ((-50, "breach"), (-40, "unknown")):
        bench = Bench(guard)
        bench.closes(loss)
        assert bench.judges().answer == ("breach" if loss == -50 else "pass")
        bench.closes(1, capital=None)
        verdict = bench.judges()
        assert (verdict.answer, isinstance(verdict.reading, Undefined)) == (answer, True)


def test_capital_was_lost_when_the_trade_closed_and_not_when_somebody_looked() -> None:
    bench = Bench(replace(HARD, metric="dd_challenger_pct", when=Comparison.parse("> 4")))
    bench.closes(1)
    bench.closes(1, capital=None)
    lost = bench.now
    assert not bench.judges(after=timedelta(seconds=899)).escalated
    assert bench.memory.lost_since == lost
    assert bench.judges(after=SECOND).escalated


def test_a_drawdown_is_not_lost_before_anything_has_closed() -> None:
    bench = Bench(replace(HARD, metric="dd_challenger_pct", when=Comparison.parse("> 4")))
    verdict = bench.judges(after=timedelta(days=1))
    assert (verdict.answer, verdict.escalated) == ("unknown", False)


@pytest.mark.parametrize("metric", ["dd_challenger_pct", "dd_150"])
def test_a_drawdown_without_capital_is_lost_from_the_first_trade_on(metric: str) -> None:
    bench = Bench(replace(HARD, metric=metric, when=Comparison.parse("> 4")))
    bench.closes(-50, capital=None)
    lost = bench.now
    bench.closes(*[1] * 149)
    verdict = bench.judges(after=lost + timedelta(seconds=899) - bench.now)
    assert (verdict.answer, verdict.escalated, bench.memory.lost_since) == ("unknown", False, lost)
    assert bench.judges(after=SECOND).escalated


def test_what_is_known_to_have_been_lost_beside_a_trade_without_capital_is_a_breach() -> None:
    guard = replace(HARD, metric="dd_challenger_pct", when=Comparison.parse("> 4"))
    for losses, answer in (((-30, -30), "breach"), ((-30, -10), "unknown")):
        bench = Bench(guard)
        bench.closes(1, capital=None)
        bench.closes(*losses)
        assert bench.judges().answer == answer


def test_a_gain_of_unknown_size_may_have_made_up_for_what_was_lost_before_it() -> None:
    bench = Bench(replace(HARD, metric="dd_challenger_pct", when=Comparison.parse("> 4")))
    bench.closes(-30)
    bench.closes(1, capital=None)
    bench.closes(-30)
    assert bench.judges().answer == "unknown"
    bench.panel.value_open(Mark(ARM, bench.now, money(-30), 1, CAPITAL))
    assert bench.judges().answer == "breach", "6 % since"


def test_a_breach_trips_once_and_again_only_after_it_has_ended() -> None:
    verdicts = Bench(PLAIN).answers(4, 6, 7, 6, 5, 4, 8, 9)
    assert [verdict.tripped for verdict in verdicts] == [
        False, True, False, False, False, False, True, False
    ]  # fmt: skip
    assert [verdict.confirmed for verdict in verdicts] == [
        False, True, True, True, False, False, True, True
    ]  # fmt: skip


def test_an_unknown_answer_does_not_end_a_breach() -> None:
    bench = Bench(replace(PLAIN, min_samples=2))
    bench.sees(9, samples=2)
    assert bench.judges().tripped
    bench.sees(9, samples=1)
    assert bench.judges().answer == "unknown"
    bench.sees(9, samples=2)
    verdict = bench.judges()
    assert (verdict.confirmed, verdict.tripped) == (True, False)


def test_m_of_n_trips_on_the_answer_that_makes_it_m() -> None:
    bench = Bench(replace(PLAIN, confirm=Patience(2, 3)))
    verdicts = bench.answers(6, 4, 4, 6, 4, 6, 6)
    assert [verdict.tripped for verdict in verdicts] == [
        False, False, False, False, False, True, False
    ]  # fmt: skip
    assert bench.memory.recent == (False, True, True), "only the last three are remembered"


def test_one_reading_judged_often_counts_once() -> None:
    bench = Bench(replace(PLAIN, confirm=Patience(2, 3)))
    bench.sees(6)
    assert not any(bench.judges(after=MINUTE).confirmed for _ in range(5))
    bench.sees(6)
    assert bench.judges().tripped


def test_an_arms_own_gauge_is_a_new_reading_after_that_of_the_account() -> None:
    bench = Bench(replace(PLAIN, confirm=Patience(2, 2)))
    bench.sees(6, policy="")
    assert not bench.judges().confirmed
    bench.sees(7)
    assert bench.judges().tripped


def test_one_reading_stands_by_its_latest_answer() -> None:
    guard = replace(PLAIN, confirm=Patience(2, 3), when=Comparison.parse("> 2 * account_balance"))
    bench = Bench(guard)
    bench.sees(5, "account_balance")
    bench.sees(6)
    assert bench.judges().answer == "pass"
    bench.sees(1, "account_balance")
    assert (bench.judges().answer, bench.memory.recent) == ("breach", (True,))
    bench.sees(7)
    assert bench.judges().tripped


def test_a_trade_is_a_new_reading_and_a_mark_is_none_for_what_it_does_not_change() -> None:
    guard = replace(PLAIN, metric="net_pnl", when=Comparison.parse("< 0"), confirm=Patience(2, 2))
    bench = Bench(guard)
    bench.closes(-1)
    assert not bench.judges().confirmed
    bench.panel.value_open(Mark(ARM, bench.now, money(-1), 1))
    assert not bench.judges().confirmed
    bench.closes(-1)
    assert bench.judges().tripped


def test_an_effect_does_not_end_before_its_cool_down() -> None:
    way_back = WayBack(Comparison.parse("<= 2"))
    bench = Bench(replace(PLAIN, clear=way_back, cool_down=600))
    bench.sees(9)
    assert bench.judges().tripped
    bench.sees(1)
    assert not bench.judges(after=timedelta(seconds=599)).cleared
    assert bench.judges(after=SECOND).cleared
    bench.sees(9)
    assert bench.judges().tripped, "it had ended"


def test_an_unknown_answer_neither_counts_nor_ends_m_of_n() -> None:
    bench = Bench(replace(PLAIN, confirm=Patience(2, 2), min_samples=2))
    bench.sees(6, samples=2)
    assert not bench.judges().confirmed
    bench.sees(6, samples=1)
    assert not bench.judges().confirmed
    bench.sees(6, samples=2)
    assert bench.judges().tripped


def test_a_sustained_breach_trips_exactly_when_it_has_lasted() -> None:
    bench = Bench(replace(PLAIN, confirm=Patience(seconds=600)))
    bench.sees(6)
    assert not bench.judges().tripped
    assert not bench.judges(after=timedelta(seconds=599)).tripped
    assert bench.judges(after=SECOND).tripped


@pytest.mark.parametrize(("number", "samples"), [(4.0, 2), (6.0, 1), (NAN, 2)])
def test_anything_but_a_breach_starts_a_sustained_one_anew(number: float, samples: int) -> None:
    bench = Bench(replace(PLAIN, confirm=Patience(seconds=600), min_samples=2))
    bench.sees(6, samples=2)
    bench.judges()
    bench.sees(number, samples=samples)
    bench.judges(after=timedelta(seconds=300))
    bench.sees(6, samples=2)
    assert not bench.judges(after=timedelta(seconds=300)).confirmed
    assert not bench.judges(after=timedelta(seconds=599)).confirmed
    assert bench.judges(after=SECOND).confirmed


class TestEscalation:
    """A value that was lost for 15 minutes: the guard acts as if breached."""

    def test_it_comes_exactly_15_minutes_after_the_value_went_stale(self) -> None:
        bench = Bench(HARD)
        bench.sees(1)
        assert bench.judges().answer == "pass"
        lost = bench.judges(after=timedelta(seconds=601))
        assert (lost.answer, lost.escalated, lost.tripped) == ("unknown", False, False)
        early = bench.judges(after=timedelta(seconds=898))
        assert (early.escalated, early.tripped) == (False, False)
        late = bench.judges(after=SECOND)
        assert (late.answer, late.escalated, late.tripped) == ("unknown", True, True)
        assert not late.confirmed
        still = bench.judges(after=timedelta(hours=1))
        assert (still.escalated, still.tripped) == (True, False)

    def test_the_clock_runs_from_the_loss_and_not_from_the_first_look(self) -> None:
        bench = Bench(HARD)
        bench.sees(1)
        assert bench.judges().answer == "pass"
        verdict = bench.judges(after=timedelta(seconds=600 + 900))
        assert (verdict.answer, verdict.escalated, verdict.tripped) == ("unknown", True, True)

    def test_a_guard_that_pages_on_unknown_does_at_once(self) -> None:
        bench = Bench(replace(HARD, on_unknown="page"))
        bench.sees(1)
        assert not bench.judges(after=timedelta(seconds=600)).escalated
        verdict = bench.judges(after=SECOND)
        assert (verdict.answer, verdict.escalated, verdict.tripped) == ("unknown", True, True)
        assert not bench.judges(after=MINUTE).tripped, "one page an episode"
        bench.sees(9)
        assert bench.judges().tripped, "what is seen when it is back is news"

    def test_a_guard_that_pages_does_so_at_once_for_a_number_that_is_none(self) -> None:
        bench = Bench(replace(HARD, on_unknown="page"))
        bench.sees(NAN)
        verdict = bench.judges()
        assert (verdict.answer, verdict.escalated, verdict.tripped) == ("error", True, True)
        bench.sees(9)
        assert bench.judges().tripped

    @pytest.mark.parametrize("lost", ["limit", "second"])
    def test_any_number_that_takes_part_can_be_lost(self, lost: str) -> None:
        if lost == "limit":
            guard = replace(HARD, when=Comparison.parse("> 2 * account_balance"))
        else:
            guard = replace(HARD, only_if=("account_balance", Comparison.parse("> 0")))
        bench = Bench(guard)
        bench.sees(3, "account_balance")
        bench.now += timedelta(seconds=601)
        bench.sees(9)
        assert (bench.judges().answer, bench.memory.lost_since) == (
            "unknown", bench.now - SECOND
        )  # fmt: skip
        bench.now += timedelta(seconds=899)
        bench.sees(9)
        verdict = bench.judges()
        assert (verdict.answer, verdict.escalated, verdict.tripped) == ("unknown", True, True)

    def test_a_limit_nobody_reported_yet_is_not_lost(self) -> None:
        bench = Bench(replace(HARD, when=Comparison.parse("> 2 * account_balance")))
        bench.sees(9)
        bench.judges()
        bench.now += timedelta(days=1)
        bench.sees(9)
        verdict = bench.judges()
        assert (verdict.answer, verdict.escalated) == ("unknown", False)

    def test_a_second_number_that_is_lost_does_not_matter_to_a_pass(self) -> None:
        bench = Bench(replace(HARD, only_if=("account_balance", Comparison.parse("> 0"))))
        bench.sees(3, "account_balance")
        bench.now += timedelta(days=1)
        bench.sees(1)
        verdict = bench.judges()
        assert (verdict.answer, verdict.escalated) == ("pass", False)

    @pytest.mark.parametrize("on_unknown", ["report", "freeze_ramp"])
    def test_a_soft_guard_never_does(self, on_unknown: OnUnknown) -> None:
        bench = Bench(replace(HARD, on_unknown=on_unknown))
        bench.sees(1)
        bench.judges(after=timedelta(seconds=601))
        verdict = bench.judges(after=timedelta(days=1))
        assert (verdict.answer, verdict.escalated, verdict.tripped) == ("unknown", False, False)

    def test_numbers_that_are_not_finite_are_a_loss_of_sight_too(self) -> None:
        bench = Bench(replace(HARD, stale_after=0))
        bench.sees(NAN)
        assert not bench.judges().escalated
        assert bench.judges(after=15 * MINUTE).escalated

    def test_too_few_trades_never_do(self) -> None:
        bench = Bench(replace(HARD, metric="pf_challenger_30"))
        bench.closes(1, -1)
        bench.judges()
        verdict = bench.judges(after=timedelta(days=1))
        assert (verdict.answer, verdict.escalated) == ("unknown", False)
        assert isinstance(verdict.reading, Undefined)
        assert verdict.reading.state == "warming"

    def test_too_few_samples_never_do(self) -> None:
        bench = Bench(replace(HARD, stale_after=0, min_samples=2))
        bench.sees(9)
        bench.judges()
        assert not bench.judges(after=timedelta(days=1)).escalated

    def test_no_losses_never_do(self) -> None:
        bench = Bench(replace(HARD, metric="profit_factor"))
        bench.closes(1, 1)
        bench.judges()
        verdict = bench.judges(after=timedelta(days=1))
        assert (verdict.answer, verdict.escalated) == ("unknown", False)
        assert isinstance(verdict.reading, Undefined)
        assert verdict.reading.state == "no_losses"

    def test_never_having_been_observed_never_does(self) -> None:
        bench = Bench(HARD)
        bench.judges()
        assert not bench.judges(after=timedelta(days=1)).escalated

    def test_the_clock_starts_anew_when_the_value_comes_back(self) -> None:
        bench = Bench(HARD)
        bench.sees(1)
        bench.judges(after=timedelta(seconds=601))
        bench.sees(1)
        assert bench.judges().answer == "pass"
        bench.judges(after=timedelta(seconds=601))
        assert not bench.judges(after=timedelta(seconds=898)).escalated
        assert bench.judges(after=SECOND).escalated

    def test_the_clock_starts_anew_when_the_value_is_unknown_for_another_reason(self) -> None:
        bench = Bench(replace(HARD, min_samples=2))
        bench.sees(1, samples=2)
        bench.judges(after=timedelta(seconds=601))
        bench.sees(1, samples=1)
        assert bench.judges().answer == "unknown"
        bench.judges(after=timedelta(seconds=601))
        assert not bench.judges(after=timedelta(seconds=898)).escalated
        assert bench.judges(after=SECOND).escalated

    @pytest.mark.parametrize("back_by", ["breach", "pass", "warming"])
    def test_a_breach_seen_after_blindness_trips_anew(self, back_by: str) -> None:
        way_back = WayBack(Comparison.parse("< 2"))
        bench = Bench(replace(HARD, min_samples=2, clear=way_back))
        bench.sees(1, samples=2)
        bench.judges(after=timedelta(seconds=601))
        assert bench.judges(after=15 * MINUTE).tripped
        if back_by == "pass":
            bench.sees(3, samples=2)
            assert bench.judges().answer == "pass"
        elif back_by == "warming":
            bench.sees(9, samples=1)
            assert bench.judges().answer == "unknown"
        bench.sees(9, samples=2)
        verdict = bench.judges()
        assert (verdict.answer, verdict.tripped) == ("breach", True)
        assert not bench.judges().tripped

    def test_a_breach_that_was_seen_before_blindness_does_not_trip_twice(self) -> None:
        bench = Bench(HARD)
        bench.sees(9)
        assert bench.judges().tripped
        bench.judges(after=timedelta(seconds=601))
        blind = bench.judges(after=15 * MINUTE)
        assert (blind.escalated, blind.tripped) == (True, False)
        bench.sees(9)
        verdict = bench.judges()
        assert (verdict.confirmed, verdict.tripped) == (True, False)

    def test_a_breach_and_a_loss_at_one_instant_are_one_episode(self) -> None:
        bench = Bench(HARD)
        bench.sees(9)
        assert bench.judges().tripped
        bench.sees(NAN)
        assert bench.judges().answer == "error"
        bench.sees(9)
        assert not bench.judges().tripped


class TestSecondCondition:
    """A breach counts only while a second comparison holds."""

    GUARD = replace(PLAIN, only_if=("learner_progress", Comparison.parse("<= 0")), stale_after=300)

    @pytest.mark.parametrize(
        ("second", "answer", "reason"),
        [(0.0, "breach", ""), (-1.0, "breach", ""), (1.0, "pass", "learner_progress is 1")],
    )
    def test_it_decides_a_breach(self, second: float, answer: str, reason: str) -> None:
        bench = Bench(self.GUARD)
        bench.sees(9)
        bench.sees(second, "learner_progress")
        verdict = bench.judges()
        assert (verdict.answer, verdict.reason, verdict.limit) == (answer, reason, 5.0)

    def test_it_is_not_asked_when_the_first_passes(self) -> None:
        bench = Bench(self.GUARD)
        bench.sees(1)
        assert bench.judges().answer == "pass"

    def test_unknown_it_makes_the_breach_unknown(self) -> None:
        bench = Bench(self.GUARD)
        bench.sees(9)
        verdict = bench.judges()
        assert verdict.answer == "unknown"
        assert verdict.reason == (
            "learner_progress is undefined (unobserved: nobody has reported it)"
        )

    def test_stale_it_makes_the_breach_unknown(self) -> None:
        bench = Bench(self.GUARD)
        bench.sees(1, "learner_progress")
        bench.now += timedelta(seconds=301)
        bench.sees(9)
        verdict = bench.judges()
        assert verdict.answer == "unknown"
        assert verdict.reason == "learner_progress is undefined (stale: last seen 5 min ago)"

    def test_not_finite_it_makes_the_breach_unknown(self) -> None:
        bench = Bench(self.GUARD)
        bench.sees(9)
        bench.sees(NAN, "learner_progress")
        verdict = bench.judges()
        assert verdict.answer == "unknown"
        assert verdict.reason == "learner_progress is not a finite number"

    @pytest.mark.parametrize(("balance", "answer"), [(99.0, "breach"), (101.0, "pass")])
    def test_it_may_compare_with_another_metric(self, balance: float, answer: str) -> None:
        second = ("account_balance", Comparison.parse("< 50 * api_error_rate"))
        bench = Bench(replace(PLAIN, only_if=second))
        bench.sees(9)
        bench.sees(2, "api_error_rate")
        bench.sees(balance, "account_balance")
        assert bench.judges().answer == answer

    def test_compared_with_an_unknown_metric_it_is_unknown(self) -> None:
        second = ("account_balance", Comparison.parse("< 50 * api_error_rate"))
        bench = Bench(replace(PLAIN, only_if=second))
        bench.sees(9)
        bench.sees(1, "account_balance")
        verdict = bench.judges()
        assert verdict.answer == "unknown"
        assert verdict.reason.startswith("api_error_rate is undefined (unobserved")


class TestAnotherMetricAsLimit:
    """``> 2 * api_error_rate``: the limit moves with the other metric."""

    GUARD = replace(PLAIN, when=Comparison.parse("> 2 * api_error_rate"), stale_after=300)

    @pytest.mark.parametrize(("number", "answer"), [(6.0, "pass"), (6.1, "breach")])
    def test_the_limit_is_the_factor_times_the_other(self, number: float, answer: str) -> None:
        bench = Bench(self.GUARD)
        bench.sees(3, "api_error_rate")
        bench.sees(number)
        verdict = bench.judges()
        assert (verdict.answer, verdict.limit) == (answer, 6.0)

    def test_an_unknown_other_leaves_no_limit_and_no_pass(self) -> None:
        bench = Bench(self.GUARD)
        bench.sees(1)
        verdict = bench.judges()
        assert (verdict.answer, verdict.limit) == ("unknown", None)
        assert verdict.reason == "api_error_rate is undefined (unobserved: nobody has reported it)"

    def test_both_unknown_the_guards_own_reason_is_told(self) -> None:
        verdict = Bench(self.GUARD).judges()
        assert (verdict.answer, verdict.limit) == ("unknown", None)
        assert verdict.reason == "undefined (unobserved: nobody has reported it)"

    @pytest.mark.parametrize("other", [NAN, INFINITE])
    def test_an_other_that_is_not_finite_is_no_pass(self, other: float) -> None:
        bench = Bench(self.GUARD)
        bench.sees(other, "api_error_rate")
        bench.sees(1)
        verdict = bench.judges()
        assert (verdict.answer, verdict.limit) == ("unknown", None)
        assert verdict.reason == "api_error_rate is not a finite number"

    def test_a_stale_other_is_no_pass(self) -> None:
        bench = Bench(self.GUARD)
        bench.sees(3, "api_error_rate")
        bench.now += timedelta(seconds=301)
        bench.sees(1)
        assert bench.judges().answer == "unknown"


class TestWayBack:
    """An effect ends beyond the clear level, not just inside the trip level."""

    def test_between_trip_and_clear_nothing_ends_and_nothing_trips_again(self) -> None:
        bench = Bench(replace(PLAIN, clear=WayBack(Comparison.parse("<= 2"))))
        verdicts = bench.answers(6, 4, 6, 2.1, 6, 2, 6)
        assert [verdict.tripped for verdict in verdicts] == [
            True, False, False, False, False, False, True
        ]  # fmt: skip
        assert [verdict.cleared for verdict in verdicts] == [
            False, False, False, False, False, True, False
        ]  # fmt: skip

    def test_a_latched_guard_never_clears(self) -> None:
        verdicts = Bench(PLAIN).answers(6, 1)
        assert [verdict.cleared for verdict in verdicts] == [False, False]

    def test_too_few_samples_do_not_clear(self) -> None:
        bench = Bench(replace(PLAIN, min_samples=2, clear=WayBack(Comparison.parse("<= 2"))))
        bench.sees(1)
        assert not bench.judges().cleared

    def test_the_level_may_be_a_factor_of_another_metric(self) -> None:
        bench = Bench(replace(PLAIN, clear=WayBack(Comparison.parse("<= 1 * api_error_rate"))))
        bench.sees(2)
        assert not bench.judges().cleared
        bench.sees(1.9, "api_error_rate")
        assert not bench.judges().cleared
        bench.sees(2, "api_error_rate")
        assert bench.judges().cleared

    @pytest.mark.parametrize(
        ("number", "cleared"), [(1.9, True), (1.89, False), (NAN, False), (INFINITE, False)]
    )
    def test_another_metric_clears_while_the_guards_own_stands_still(
        self, number: float, *, cleared: bool
    ) -> None:
        way_back = WayBack(Comparison.parse(">= 1.9"), "account_balance")
        bench = Bench(replace(PLAIN, clear=way_back, stale_after=300))
        bench.sees(9)
        bench.sees(number, "account_balance")
        verdict = bench.judges()
        assert (verdict.answer, verdict.cleared) == ("breach", cleared)

    def test_another_metric_that_is_stale_or_unknown_does_not_clear(self) -> None:
        way_back = WayBack(Comparison.parse(">= 1.9"), "account_balance")
        bench = Bench(replace(PLAIN, clear=way_back, stale_after=300))
        bench.sees(9)
        assert not bench.judges().cleared
        bench.sees(5, "account_balance")
        assert bench.judges().cleared
        bench.now += timedelta(seconds=301)
        bench.sees(9)
        assert not bench.judges().cleared

    def test_a_breach_that_is_cleared_by_another_metric_has_not_ended(self) -> None:
        way_back = WayBack(Comparison.parse(">= 1.9"), "account_balance")
        bench = Bench(replace(PLAIN, clear=way_back))
        bench.sees(2, "account_balance")
        assert [v.tripped for v in bench.answers(9, 9, 4, 9)] == [True, False, False, True]


def test_a_judgement_leaves_the_memory_it_was_given_alone() -> None:
    bench = Bench(PLAIN)
    bench.sees(9)
    memory = Memory((False,))
    judge(PLAIN, bench.panel, ARM, ARM, memory, bench.now)
    assert memory == Memory((False,))


PROVEN = Guard(
    "losing", "arm", "profit_factor", Comparison.parse("< 1.6"), "throttle", 20,
    confirm=Patience.parse("sequential 20 % in 150 trades"),
)  # fmt: skip


def test_a_breach_counts_once_there_is_evidence_enough() -> None:
    bench = Bench(PROVEN)
    bench.closes(1, risk=money(1))
    verdicts = []
    for _ in range(30):
        bench.closes(-1, risk=money(1))
        verdicts.append(bench.judges())
    assert {verdict.answer for verdict in verdicts} == {"breach"}
    first = next(at for at, verdict in enumerate(verdicts) if verdict.confirmed)
    assert 5 < first < 29, "neither at once nor never"
    assert [verdict.tripped for verdict in verdicts] == [at == first for at in range(30)]
    assert verdicts[0].reason == "evidence 0.07, wanted 1.38"
    assert verdicts[first].reason == (
        f"profit_factor < 1.6, confirmed by {first + 2} trades, 20 % in 150"
    )
    assert verdicts[-1].confirmed


def test_evidence_of_an_earlier_time_is_no_breach_while_the_metric_passes() -> None:
    bench = Bench(PROVEN)
    bench.closes(100, *[-1] * 30, risk=money(1))
    verdict = bench.judges()
    assert (verdict.answer, verdict.confirmed, verdict.reason) == ("pass", False, "")
    assert isinstance(reading := bench.panel.doubt(ARM, 1.6), Value)
    assert reading.number > PROVEN.confirm.threshold


def test_no_losing_trade_is_unknown_with_or_without_evidence() -> None:
    bench = Bench(PROVEN)
    bench.closes(1, risk=money(1))
    assert bench.judges().reason == "undefined (no_losses: no losing trade has closed yet)"


def test_a_breach_that_nothing_can_prove_is_unknown_and_lost_from_when_it_is_seen() -> None:
    bench = Bench(replace(PROVEN, on_unknown="freeze_ramp_then_throttle"))
    bench.closes(5, -1)
    assert bench.judges().answer == "pass", "a profit factor above the limit needs no proof"
    bench.closes(-9)
    verdict = bench.judges()
    assert (verdict.answer, verdict.confirmed, verdict.escalated) == ("unknown", False, False)
    assert verdict.reason == (
        "the evidence is undefined (no_risk: 3 of 3 trades do not say what they risked)"
    )
    assert not bench.judges(timedelta(minutes=14)).escalated
    assert bench.judges(MINUTE).escalated, "15 minutes after it was seen"


def test_a_new_trial_begins_without_evidence() -> None:
    bench = Bench(PROVEN)
    bench.closes(*[-1] * 30, risk=money(1))
    assert bench.judges().confirmed
    bench.panel.start_trial(ARM, bench.now)
    bench.closes(-1, risk=money(1))
    assert bench.judges().reason == "evidence 0.07, wanted 1.38"


@pytest.mark.parametrize(
    ("drift", "lower", "answer"),
    [
        (0.40, 0.31, "breach"),
        (0.40, 0.30, "pass"),
        (0.40, 0.12, "pass"),
        (0.25, 0.10, "pass"),
        (-0.02, -0.10, "pass"),
        (0.31, None, "breach"),
        (0.30, None, "pass"),
        (-0.02, None, "pass"),
        (None, 0.40, "unknown"),
    ],
)
def test_an_encoder_has_drifted_when_the_lower_end_of_its_interval_says_so_too(
    drift: float | None, lower: float | None, answer: str
) -> None:
    bench = Bench(DEFAULT_CHECKLIST.guard("encoder_kl_divergence_high"))
    for number, name in ((drift, DRIFT), (lower, f"{DRIFT}_lower")):
        if number is not None:
            bench.sees(number, name)
    assert bench.judges().answer == answer


def test_a_lower_end_of_the_day_before_neither_holds_a_drift_back_nor_proves_it() -> None:
    bench = Bench(DEFAULT_CHECKLIST.guard("encoder_kl_divergence_high"))
    bench.sees(0.40)
    bench.sees(0.12, f"{DRIFT}_lower")
    assert bench.judges().reason == "encoder_kl_divergence_lower is 0.12"
    bench.now += timedelta(days=1)
    bench.sees(0.40)
    assert bench.judges().tripped
