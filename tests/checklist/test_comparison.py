"""Comparisons mean what their signs say, at the limit and on either side of it."""

import pytest

from tiltyard.checklist.comparison import Comparison
from tiltyard.kernel.errors import TiltyardError

BELOW, AT, ABOVE = 1.5999, 1.6, 1.6001


@pytest.mark.parametrize(
    ("text", "below", "at", "above"),
    [
        ("< 1.6", True, False, False),
        ("<= 1.6", True, True, False),
        ("> 1.6", False, False, True),
        (">= 1.6", False, True, True),
        ("== 1.6", False, True, False),
    ],
)
def test_a_sign_decides_below_at_and_above_its_limit(
    text: str, *, below: bool, at: bool, above: bool
) -> None:
    comparison = Comparison.parse(text)
    assert [comparison.holds(number) for number in (BELOW, AT, ABOVE)] == [below, at, above]


@pytest.mark.parametrize(
    ("text", "sign", "number", "metric", "written"),
    [
        ("<1.6", "<", 1.6, "", "< 1.6"),
        ("  >=   5  ", ">=", 5.0, "", ">= 5"),
        ("== 0", "==", 0.0, "", "== 0"),
        ("> -2.5", ">", -2.5, "", "> -2.5"),
        ("<= +.5", "<=", 0.5, "", "<= 0.5"),
        ("> 1.", ">", 1.0, "", "> 1"),
        ("< 0.6 * pf_prod", "<", 0.6, "pf_prod", "< 0.6 * pf_prod"),
        ("< 0.6*pf_150_shadow", "<", 0.6, "pf_150_shadow", "< 0.6 * pf_150_shadow"),
    ],
)
def test_comparisons_are_read_as_people_write_them(
    text: str, sign: str, number: float, metric: str, written: str
) -> None:
    comparison = Comparison.parse(text)
    assert comparison == Comparison(sign, number, metric)
    assert str(comparison) == written


def test_a_factor_multiplies_the_other_metric() -> None:
    comparison = Comparison.parse("< 0.6 * pf_prod")
    assert comparison.limit(2.5) == 1.5
    assert comparison.holds(1.49, 2.5)
    assert not comparison.holds(1.5, 2.5)


def test_the_product_is_rounded_so_that_equal_facts_compare_equal() -> None:
    assert 0.1 * 3 != 0.3
    assert Comparison.parse("== 0.1 * pf_prod").holds(0.3, 3.0)


def test_a_plain_number_ignores_other_metrics() -> None:
    assert Comparison.parse("< 1.6").limit(2.5) == 1.6


@pytest.mark.parametrize(
    "text",
    ["", "1.6", "< ", "<< 1.6", "< 1.6 %", "< x", "=< 1", "!= 1", "< 1e3", "< nan", "< 1 * 2"],
)
def test_what_is_no_comparison_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(TiltyardError) as caught:
        Comparison.parse(text)
    assert str(caught.value) == (
        f'COMPARISON_INVALID {text!r}: expected a comparison such as "< 1.6" or "< 0.6 * pf_prod"'
    )


def test_a_long_mistake_is_quoted_in_part() -> None:
    with pytest.raises(TiltyardError) as caught:
        Comparison.parse("x" * 500)
    assert len(caught.value.subject) == 60


def test_a_factor_of_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(TiltyardError, match=r"METRIC_UNKNOWN pf_prd: .* did you mean 'pf_prod'\?"):
        Comparison.parse("< 0.6 * pf_prd")


@pytest.mark.parametrize(
    ("clear", "trip", "beyond"),
    [
        (">= 1.9", "< 1.6", True),
        ("> 1.7", "<= 1.6", True),
        (">= 1.6", "< 1.6", False),
        ("> 1.5", "< 1.6", False),
        ("< 1.9", "< 1.6", False),
        ("<= 2", "> 5", True),
        ("< 2", ">= 5", True),
        ("<= 5", "> 5", False),
        ("< 6", ">= 5", False),
        ("> 4", "> 5", False),
        ("== 5", "> 5", False),
        ("== 5", "< 5", False),
        ("> 0", "== 0", True),
        ("== 1", "== 0", True),
        ("== 0", "== 0", False),
        (">= 0", "== 0", False),
        (">= 0.8 * pf_prod", "< 0.6 * pf_prod", True),
        (">= 0.6 * pf_prod", "< 0.6 * pf_prod", False),
        (">= 0.1 * pf_prod", "< 1.6", True),
        ("<= 9 * pf_prod", "> 1.6", True),
        ("< 9 * pf_prod", "< 1.6", False),
        ("> 0.1 * pf_prod", "> 1.6", False),
        ("== 0.1 * pf_prod", "== 0.1", True),
    ],
)
def test_a_clear_level_lies_strictly_on_the_safe_side(
    clear: str, trip: str, *, beyond: bool
) -> None:
    assert Comparison.parse(clear).beyond(Comparison.parse(trip)) is beyond
