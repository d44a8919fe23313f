"""Errors, registries and undefined values say what a person needs to know."""

import pytest

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.kernel.registry import Registry, did_you_mean
from tiltyard.kernel.undefined import Undefined, twelve_digits


@pytest.mark.parametrize(
    ("remedy", "text"),
    [
        ("", "POLICY_UNKNOWN eee02a74: no policy ends so"),
        ("try policy list", "POLICY_UNKNOWN eee02a74: no policy ends so. try policy list"),
    ],
)
def test_an_error_is_code_subject_facts_and_remedy(remedy: str, text: str) -> None:
    error = TiltyardError("POLICY_UNKNOWN", "eee02a74", "no policy ends so", remedy)
    assert str(error) == text
    assert (error.code, error.subject, error.facts, error.remedy) == (
        "POLICY_UNKNOWN", "eee02a74", "no policy ends so", remedy
    )  # fmt: skip


@pytest.mark.parametrize(
    ("faults", "total", "text"),
    [
        (1, None, "BAD a.csv: 1 fault\n  odd 0 @ row 0"),
        (2, None, "BAD a.csv: 2 faults\n  odd 0 @ row 0\n  odd 1 @ row 1"),
        (1, 1, "BAD a.csv: 1 fault\n  odd 0 @ row 0"),
        (1, 2, "BAD a.csv: 2 faults\n  odd 0 @ row 0\n  … and 1 more"),
        (1, 5001, "BAD a.csv: 5,001 faults\n  odd 0 @ row 0\n  … and 5,000 more"),
        (0, 0, "BAD a.csv: 0 faults"),
    ],
)
def test_faults_are_counted_and_told_in_order(faults: int, total: int | None, text: str) -> None:
    told = [Fault(f"row {index}", f"odd {index}") for index in range(faults)]
    assert str(Faults("BAD", "a.csv", told, total=total)) == text


def test_the_remedy_of_faults_has_a_line_of_its_own() -> None:
    error = Faults("BAD", "a.csv", [Fault("row 0", "odd")], remedy="mend it")
    assert str(error) == "BAD a.csv: 1 fault\n  odd @ row 0\nmend it"
    assert isinstance(error, TiltyardError)


def rules() -> Registry[int]:
    registry: Registry[int] = Registry("rule")
    registry.add("ladder", 1)
    registry.add("static", 2)
    return registry


def test_a_registry_keeps_its_order() -> None:
    assert list(rules()) == ["ladder", "static"]
    assert list(rules().items()) == [("ladder", 1), ("static", 2)]
    assert rules().get("static") == 2
    assert "ladder" in rules()
    assert "lader" not in rules()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lader", "RULE_UNKNOWN lader: no such rule. did you mean 'ladder'?"),
        ("zzz", "RULE_UNKNOWN zzz: no such rule. known: ladder, static"),
    ],
)
def test_an_unknown_name_meets_the_nearest_or_all(name: str, text: str) -> None:
    with pytest.raises(TiltyardError) as caught:
        rules().get(name)
    assert str(caught.value) == text


def test_a_name_is_given_once() -> None:
    registry = rules()
    with pytest.raises(TiltyardError, match="RULE_TWICE ladder: registered twice"):
        registry.add("ladder", 3)
    assert registry.get("ladder") == 1


@pytest.mark.parametrize(
    ("word", "hint"), [("statik", "did you mean 'static'?"), ("zzz", ""), ("", "")]
)
def test_a_hint_is_given_only_where_one_is_near(word: str, hint: str) -> None:
    assert did_you_mean(word, ["ladder", "static"]) == hint


def test_an_undefined_value_says_why() -> None:
    assert str(Undefined("warming", "12 of 30 trades")) == "undefined (warming: 12 of 30 trades)"
    assert Undefined("stale", "x").samples == 0


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        (0.1 + 0.2, 0.3),
        (1.0000000000004, 1.0),
        (1.00000000001, 1.00000000001),
        (123456789012345.0, 123456789012000.0),
        (0.0, 0.0),
        (-2.5e-20, -2.5e-20),
    ],
)
def test_numbers_are_kept_to_twelve_significant_digits(number: float, rounded: float) -> None:
    assert twelve_digits(number) == rounded
