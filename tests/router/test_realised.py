"""What arms were given against what they were to be given: a known truth, and how often it errs."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tiltyard.facts.decision import Decision
from tiltyard.router.realised import RealisedTraffic, chi_square_tail
from tiltyard.router.split import Split

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
SHARES = (
    {"prod": 0.55, "a": 0.3, "b": 0.15},
    {"prod": 0.9, "a": 0.05, "b": 0.05},
    {"prod": 0.395, "a": 0.6, "b": 0.005},
)


def decided(number: int, policy: str, share: float, revision: int = 1, **said: object) -> Decision:
    at = said.get("at", NOON)
    assert isinstance(at, datetime)
    return Decision(str(number), "SOL", policy, share, revision, at, None, 12)


def of_counts(counts: list[dict[str, int]], shares: tuple[dict[str, float], ...]) -> float | None:
    """The p-value of so many decisions under each revision."""
    traffic = RealisedTraffic()
    for revision, (given, share) in enumerate(zip(counts, shares, strict=True)):
        for name, count in given.items():
            for number in range(count):
                traffic.see(decided(number, name, share[name], revision))
    return traffic.at(NOON).p_value()


@pytest.mark.parametrize(
    ("statistic", "degrees", "tail"),
    [(10.828, 1, 0.001), (13.816, 2, 0.001), (16.266, 3, 0.001), (29.588, 10, 0.001),
     (63.167, 40, 0.0112), (0, 3, 1), (5.991, 2, 0.05)],
)  # fmt: skip
def test_the_tail_is_that_of_the_tables(statistic: float, degrees: int, tail: float) -> None:
    assert chi_square_tail(statistic, degrees) == pytest.approx(tail, rel=5e-3)


def test_honest_choices_are_told_a_small_p_value_as_seldom_as_it_says() -> None:
    """10,000 days of 150 decisions under three revisions of three shares."""
    rng = np.random.default_rng(6)
    names = list(SHARES[0])
    days = 10_000
    drawn = [rng.multinomial(50, list(share.values()), size=days) for share in SHARES]
    found = []
    for day in range(days):
        counts = [
            {name: int(n) for name, n in zip(names, each[day], strict=True) if n} for each in drawn
        ]
        found.append(of_counts(counts, SHARES))
    told = np.array(found, dtype=float)
    assert not np.isnan(told).any()
    assert (told < 0.05).mean() < 0.06
    assert (told < 0.01).mean() < 0.013
    assert (told < 0.001).mean() < 0.002


def test_choices_by_other_shares_are_found() -> None:
    wrong = [{"prod": 700, "a": 200, "b": 100}]
    told = of_counts(wrong, SHARES[:1])
    assert told is not None
    assert told < 1e-6


def test_an_arm_that_is_never_chosen_is_found() -> None:
    told = of_counts([{"prod": 700, "a": 300}], SHARES[:1])
    assert told is not None
    assert told < 1e-6


def test_shares_that_change_are_expected_as_they_were() -> None:
    counts = [{"prod": 550, "a": 300, "b": 150}, {"prod": 900, "a": 50, "b": 50}]
    told = of_counts(counts, SHARES[:2])
    assert told == pytest.approx(1.0)
    traffic = RealisedTraffic()
    for revision, given in enumerate(counts):
        for name, count in given.items():
            for number in range(count):
                traffic.see(decided(number, name, SHARES[revision][name], revision))
    assert traffic.at(NOON).ratio("a") == 350 / 2000
    assert traffic.at(NOON).expected == pytest.approx({"prod": 1450, "a": 350, "b": 200})


def test_the_choices_of_a_split_are_honest() -> None:
    split, traffic = Split(SHARES[0], revision=3, salt="salt"), RealisedTraffic()
    for number in range(5000):
        choice = split.choose(f"SOL {number}")
        traffic.see(decided(number, choice.policy, choice.propensity, choice.revision))
    told = traffic.at(NOON).p_value()
    assert told is not None
    assert told > 0.01


def test_nothing_is_said_of_fewer_than_100_decisions() -> None:
    traffic = RealisedTraffic()
    for number in range(99):
        traffic.see(decided(number, "a", 0.5))
    assert (traffic.at(NOON).ratio("a"), traffic.at(NOON).p_value()) == (None, None)
    traffic.see(decided(99, "b", 0.5))
    assert traffic.at(NOON).ratio("b") == 0.01
    assert traffic.at(NOON).ratio("nobody") == 0
    assert traffic.at(NOON).p_value() is not None


def test_one_arm_that_gets_everything_is_no_mismatch() -> None:
    traffic = RealisedTraffic()
    for number in range(200):
        traffic.see(decided(number, "a", 1.0))
    assert traffic.at(NOON).p_value() is None
    assert traffic.at(NOON).ratio("a") == 1


def test_probabilities_that_do_not_add_up_prove_nothing() -> None:
    traffic = RealisedTraffic()
    for number in range(200):
        traffic.see(decided(number, "ab"[number % 2], 0.9))
    assert traffic.at(NOON).p_value() is None


def test_what_is_older_than_a_day_is_over_and_forgotten() -> None:
    traffic = RealisedTraffic()
    for hour in range(24 * 30):
        for number in range(40):
            traffic.see(decided(number, "a", 0.5, hour, at=NOON + timedelta(hours=hour)))
    now = NOON + timedelta(hours=24 * 30 - 1)
    assert traffic.at(now).decisions == 25 * 40
    assert len(traffic._slots) == len(traffic._whole) == 25
    assert traffic.at(now + 2 * timedelta(hours=24)).decisions == 0
    assert (traffic._slots, traffic._whole) == ({}, {})
    traffic.see(decided(1, "b", 0.5, at=NOON))
    assert "b" not in traffic.at(now).given
