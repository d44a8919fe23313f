"""The statement: receipts by month and cause, and what they come to together."""

from datetime import UTC, datetime, timedelta
from random import Random
from statistics import mean

import pytest
from numpy.random import default_rng

from tiltyard.actions.movement import Movement
from tiltyard.actions.receipt import Settled, Worth
from tiltyard.actions.receipt_book import ReceiptBook
from tiltyard.actions.statement import MOST_STEPS, Statement, Tally, growth
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.trade import Trade
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.money import Money, money
from tiltyard.simulation.outcomes import MEAN_LOSS
from tiltyard.simulation.streams import SimulatedPolicy, closed_trades

START = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SEED = 20250707
RISK = 1_000_000


def moved(
    number: int, at: datetime, shift: float, kind: Kind = "halt", cause: str = "guard",
    mode: Mode = "enforce",
) -> Movement:  # fmt: skip
    before, after = (-shift, 0.0) if shift < 0 else (0.0, shift)
    action = Action(kind, "new", cause, mode, at)
    return Movement(number, action, before, after, {"new": shift, "good": -shift})


def exact(book: ReceiptBook) -> None:
    for name in ("new", "good"):
        for pair in range(40):
            at = START - (100 - pair) * DAY
            for kind in ("twin", "live"):
                book.see(
                    Trade("floor", f"{name} {pair} {kind}", name, "SOL/USDT", "long", at, at,
                          Money(0), book=kind, risk=Money(RISK), episode_id=f"pair {pair}")
                )  # fmt: skip


def stated(movements: list[Movement], trades: list[Trade]) -> Statement:
    """The statement of these, in the order of their times."""
    book, statement = ReceiptBook(), Statement()
    exact(book)
    waiting = list(movements)
    for trade in trades:
        while waiting and waiting[0].action.at <= trade.closed_at:
            book.open(waiting.pop(0))
        for final in book.see(trade):
            statement.add(final)
    for one in book.pending():
        statement.wait(one)
    return statement


def settled(movements: list[Movement], trades: list[Trade]) -> list[Settled]:
    """Those that are final, in the order of their actions."""
    book = ReceiptBook()
    exact(book)
    for one in movements:
        book.open(one)
    final = [one for trade in trades for one in book.see(trade)]
    return sorted(final, key=lambda one: one.receipt.movement.number)


def noisy(hours: int, seed: int = SEED, pace: timedelta = HOUR) -> list[Trade]:
    """A bad and a good arm, an opportunity an hour, or faster."""
    rng = Random(seed)  # noqa: S311 a simulation
    return [
        Trade("floor", f"{name} {hour}", name, "SOL/USDT", "long", START + hour * pace,
              START + (hour + 1) * pace, Money(round(rng.gauss(usual, 0.5) * RISK)), book="shadow",
              risk=Money(RISK), episode_id=str(hour))
        for hour in range(hours)
        for name, usual in (("new", -0.2), ("good", 0.3))
    ]  # fmt: skip


def only(tally: Tally) -> Worth:
    (net,) = tally.nets()
    return net


def width(worth: Worth) -> float:
    return worth.high - worth.low


def test_actions_are_told_by_month_and_by_cause_and_what_is_observed_apart() -> None:
    statement = stated(
        [
            moved(1, START + DAY, -0.1),
            moved(2, START + 10 * DAY, 0.1, "resume"),
            moved(3, START + 35 * DAY, -0.1, "throttle", "person"),
            moved(4, START + 36 * DAY, -0.1, "halt", "other", "observe"),
            moved(5, START + 49 * DAY, -0.1),
        ],
        noisy(24 * 50),
    )
    lines = {(one.mode, one.month, one.cause): one.tally for one in statement.lines()}
    assert set(lines) == {
        *(("enforce", "", cause) for cause in ("", "guard", "person")),
        *(("enforce", "2025-01", cause) for cause in ("", "guard")),
        *(("enforce", "2025-02", cause) for cause in ("", "guard", "person")),
        *(("observe", month, cause) for month in ("", "2025-02") for cause in ("", "other")),
    }
    assert lines["enforce", "2025-01", ""].kinds == {"halt": 1, "resume": 1}
    assert lines["enforce", "2025-01", ""].words == {"right": 1, "mistake": 1}
    assert lines["enforce", "2025-02", ""].words == {"right": 1, "pending": 1}
    assert lines["observe", "", "other"].words == {"right": 1}
    whole = statement.whole()
    assert whole.kinds == {"halt": 2, "resume": 1, "throttle": 1}
    parts = [only(lines["enforce", month, ""]).number for month in ("2025-01", "2025-02")]
    assert only(whole).number == pytest.approx(sum(parts)), "and not what was observed"


def test_one_receipt_alone_is_worth_what_it_says() -> None:
    trades = noisy(200)
    book = ReceiptBook()
    exact(book)
    book.open(moved(1, START, -0.1))
    (final,) = [one for trade in trades for one in book.see(trade)]
    assert stated([moved(1, START, -0.1)], trades).whole().nets() == [final.receipt.worth]


def test_nothing_final_is_no_worth() -> None:
    assert not Statement().whole().nets()
    assert not stated([moved(1, START, -0.1)], noisy(50)).whole().nets()


def test_what_is_in_r_and_what_is_in_percent_of_capital_are_two_sums_and_never_one() -> None:
    trades = noisy(24 * 40)
    silent = [
        one._replace(risk=None, capital=Money(50 * RISK))
        if one.opened_at > START + 20 * DAY
        else one
        for one in trades
    ]
    movements = [moved(1, START, -0.1), moved(2, START + 2 * DAY, -0.1)]
    late = moved(3, START + 21 * DAY, -0.1)
    in_r, in_percent = stated([*movements, late], silent).whole().nets()
    assert (in_r.unit, in_percent.unit) == ("R", "%")
    assert in_r == only(stated(movements, silent).whole())
    assert in_percent == only(stated([late], silent).whole())
    assert in_percent.number == pytest.approx(2 * only(stated([late], trades).whole()).number), (
        "an R is two percent here"
    )


def test_the_net_worth_grows_action_by_action_and_by_what_was_done_alone() -> None:
    trades = noisy(24 * 30)
    movements = [
        moved(1, START, -0.1),
        moved(2, START + 2 * DAY, -0.1, mode="observe"),
        moved(3, START + 4 * DAY, 0.1, "resume"),
    ]
    finals = settled(movements, trades)
    steps = list(growth(finals))
    assert [at for at, _ in steps] == [START, START + 4 * DAY]
    assert [net for _, net in steps] == [
        only(stated(done, trades).whole()) for done in (movements[:1], movements)
    ]
    many = [finals[0]] * (3 * MOST_STEPS + 1)
    grown = list(growth(many))
    assert len(grown) <= MOST_STEPS
    assert grown[-1][1].number == pytest.approx(len(many) * steps[0][1].number), "the last is all"


def test_a_halt_and_the_resume_soon_after_it_cancel_but_for_what_lies_between() -> None:
    """Added as if they knew nothing of each other, the interval would be wider."""
    halt, resume = moved(1, START, -0.1), moved(2, START + 10 * HOUR, 0.1, "resume")
    trades = noisy(300)
    one, other = (only(stated([it], trades).whole()) for it in (halt, resume))
    together = only(stated([halt, resume], trades).whole())
    assert together.number == pytest.approx(one.number + other.number)
    assert width(together) < 0.75 * (width(one) ** 2 + width(other) ** 2) ** 0.5


def test_a_guard_on_one_arm_that_freezes_everybody_has_a_net_worth() -> None:
    """The share of who tripped it may stay as it is, or rise."""
    nets = []
    for tripped in ("", "new", "good", "other"):
        frozen = []
        for number in (1, 2):
            action = Action(
                "freeze_challengers", tripped, "guard", "enforce", START + number * HOUR
            )
            shifts = {"new": -0.1, "good": 0.1}
            frozen.append(Movement(number, action, 0.1, 0.0, shifts))
        nets.append(only(stated(frozen, noisy(200)).whole()))
    assert width(nets[0]) > 0
    assert nets == nets[:1] * 4


def test_a_halt_of_the_one_and_a_crown_of_the_other_are_added_as_they_were() -> None:
    """Either way the one loses what the other gains, whichever of them it was done to."""
    one = moved(1, START, -0.1)
    other = Action("rearm", "good", "guard", "enforce", START + HOUR)
    gained = Movement(2, other, 0.0, 0.1, {"new": -0.1, "good": 0.1})
    assert only(stated([one, gained], noisy(200)).whole()) == only(
        stated([one, moved(2, START + HOUR, -0.1)], noisy(200)).whole()
    )


@pytest.mark.parametrize("seconds", [5, 60, 86_400])
def test_the_net_interval_holds_the_known_truth_at_every_pace(seconds: int) -> None:
    """Four stops, five opportunities apart; .95, give or take three standard errors of 120."""
    pace, replicates, held = timedelta(seconds=seconds), 120, 0
    movements = [moved(number, START + 5 * number * pace, -0.1) for number in range(4)]
    truth = 4 * 0.1 * 100 * 0.5
    for seed in range(SEED, SEED + replicates):
        net = only(stated(movements, noisy(150, seed, pace)).whole())
        held += net.low <= truth <= net.high
    assert held / replicates >= 0.89


def test_the_net_interval_holds_the_known_truth() -> None:
    """Twenty overlapping stops in market regimes; 300 replicates, fixed seed."""
    replicates, wins, factors = 300, 0.6, {"new": 1.1, "good": 2.3}
    movements = [moved(number, START + (1 + 3 * number) * DAY, -0.1) for number in range(20)]
    nets = []
    for seed in range(SEED, SEED + replicates):
        policies = [
            SimulatedPolicy(name, factor, factor, wins, 10) for name, factor in factors.items()
        ]
        rng = default_rng(seed)
        trades = closed_trades(
            policies, start=START, days=80, capital=money(10_000), risk=0.01, rng=rng
        )
        told = [one._replace(book="shadow") for one in trades]
        nets.append(only(stated(movements, told).whole()))
    means = {name: (1 - wins) * MEAN_LOSS * (factor - 1) for name, factor in factors.items()}
    truth = 20 * 0.1 * 50 * (means["good"] - means["new"])
    spread = mean((one.number - truth) ** 2 for one in nets) ** 0.5
    assert mean(one.number for one in nets) == pytest.approx(
        truth, abs=3 * spread / replicates**0.5
    )
    assert mean(one.low <= truth <= one.high for one in nets) >= 0.912
