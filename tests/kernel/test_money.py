"""Money is exact: what comes in is what was meant, and sums do not depend on order."""

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import LARGEST, UNITS, Money, format_money, money, money_text

amounts = st.integers(-LARGEST, LARGEST).map(Money)


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (0, 0),
        (1, 100_000_000),
        (-3, -300_000_000),
        (0.1, 10_000_000),
        (-0.0, 0),
        (1e-8, 1),
        (0.29, 29_000_000),
        ("12.50", 1_250_000_000),
        (" -1.5 ", -150_000_000),
        ("+.5", 50_000_000),
        ("5.", 500_000_000),
        ("1e3", 100_000_000_000),
        ("2.5E-8", 2),
        ("3.5e-8", 4),
        ("0.000000005", 0),
        ("0.000000015", 2),
        (1.5e-8, 2),
        (2.5e-8, 2),
        (Decimal("0.3"), 30_000_000),
        (123456789.12345678, 12_345_678_912_345_678),
        (90_000_000_000, 9 * 10**18),
        ("-90000000000", -9 * 10**18),
    ],
)
def test_a_number_means_its_shortest_decimal_form(value: float | str | Decimal, units: int) -> None:
    assert money(value) == units


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), float("inf"), -float("inf"), 1e300, 90_000_000_001, "90000000000.00000001",
        "", "ten", "1,5", "1 000", "0x1", "nan", "Infinity", "1e9999", "١", "1" * 65, "--1",
        Decimal("NaN"), Decimal("-Infinity"), Decimal("1e13"), True, None, b"1", [1],
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(value: float) -> None:
    with pytest.raises(TiltyardError) as caught:
        money(value)
    assert caught.value.code == "MONEY_INVALID"
    assert caught.value.subject == repr(value)[:40]


@pytest.mark.parametrize(
    ("value", "plain", "people"),
    [
        ("0", "0", "0.00"),
        ("12.50", "12.5", "12.50"),
        ("-1234.5", "-1234.5", "-1,234.50"),
        ("-0.00000001", "-0.00000001", "-0.00"),
        ("100", "100", "100.00"),
        ("90000000000", "90000000000", "90,000,000,000.00"),
    ],
)
def test_amounts_are_written_for_programs_and_for_people(
    value: str, plain: str, people: str
) -> None:
    assert money_text(money(value)) == plain
    assert format_money(money(value)) == people


@given(amounts)
def test_what_is_written_is_read_back(amount: Money) -> None:
    assert money(money_text(amount)) == amount


@given(st.floats(-1e10, 1e10))
def test_a_float_and_its_text_are_the_same_amount(number: float) -> None:
    assert money(number) == money(repr(number)) == money(Decimal(repr(number)))


@given(st.floats(-1e10, 1e10))
def test_an_amount_is_the_nearest_to_the_decimal_form(number: float) -> None:
    assert abs(Fraction(money(number)) - Fraction(repr(number)) * UNITS) <= Fraction(1, 2)


@given(st.lists(st.floats(-1e6, 1e6), max_size=30), st.randoms(use_true_random=False))
def test_a_sum_does_not_depend_on_the_order_of_arrival(numbers: list[float], rng: Random) -> None:
    total = sum(map(money, numbers))
    rng.shuffle(numbers)
    assert sum(map(money, numbers)) == total
