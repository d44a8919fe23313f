"""Which models may go, by who refers to them and what was made from them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.facts.arm import Arm, Review, Roster, State
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.models.unused import fates_of, retirements
from tiltyard.shell.models.versions import Origin, Version

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
DAY = timedelta(days=1)
KEEP = 90 * DAY
OLD = NOW - KEEP


def digest(sha8: str) -> str:
    return sha8 + 56 * "0"


def version(sha8: str, made: datetime = OLD, *parents: str, harmed: bool = False) -> Version:
    name = f"tabnet_{made:%Y%m%d_%H%M%S}_{sha8}"
    if harmed:
        return Version(name, made, TiltyardError("SNAPSHOT_TAMPERED", name, "harmed"))
    every = [digest(one) for one in parents]
    return Version(name, made, Origin("tabnet", digest(sha8), [], None, every, None, [], None,
                                      is_partial=False))  # fmt: skip


def arm(sha8: str, state: State = "live", **more: str) -> Arm:
    named = Arm(f"bot_{sha8}", "challenger", state, 0, 0.1, 0, None, OLD, digest=digest(sha8))
    return replace(named, **more)  # type: ignore[arg-type] # of an arm


def why(versions: Sequence[Version], *arms: Arm, left: dict[str, datetime] | None = None,
        reviews: tuple[Review, ...] = ()) -> list[str]:  # fmt: skip
    roster = Roster({one.name: one for one in arms}, reviews)
    return [fate.why_it_stays for fate in fates_of(versions, roster, left or {}, KEEP, NOW)]


@pytest.mark.parametrize(
    ("state", "reason"),
    [(state, f"bot_aaaaaaaa is {state}")
     for state in ("candidate", "probation", "live", "champion", "throttled", "halted", "deposed")],
)  # fmt: skip
def test_what_an_arm_refers_to_stays(state: State, reason: str) -> None:
    assert why([version("aaaaaaaa")], arm("aaaaaaaa", state)) == [reason]
    assert why([version("aaaaaaaa")], arm("bbbbbbbb", state)) == [""]


def test_an_arm_refers_by_its_name_too_whatever_its_digest() -> None:
    old = version("aaaaaaaa")
    assert why([old], arm("aaaaaaaa", name=old.name, digest="")) == [f"{old.name} is live"]
    assert why([old], arm("bbbbbbbb", name=old.name)) == [f"{old.name} is live"]


def test_the_younger_of_a_name_its_files_and_what_it_knows_counts() -> None:
    old = version("aaaaaaaa")
    assert isinstance(old.origin, Origin)
    young = ["it is younger than 90 days"]
    assert why([old._replace(written_at=NOW - 89 * DAY)]) == young
    assert why([old._replace(written_at=OLD - 400 * DAY)]) == [""]
    assert why([old._replace(origin=old.origin._replace(knows_until=NOW - 89 * DAY))]) == young
    assert why([version("aaaaaaaa", NOW)._replace(written_at=OLD)]) == young


def test_what_may_be_made_from_what_is_by_either_of_their_times() -> None:
    """A name may say that what cannot be read was made before what it was made from."""
    harmed = version("bbbbbbbb", OLD - 9 * DAY, harmed=True)
    before = version("aaaaaaaa", OLD)
    assert why([harmed, before])[1] == ""
    says = f"{harmed.name} cannot be read, and may have been made from it"
    assert why([harmed._replace(written_at=OLD + DAY), before])[1] == says
    assert why([harmed, before._replace(written_at=OLD - 10 * DAY)])[1] == says


def test_a_day_is_called_one() -> None:
    one = fates_of([version("aaaaaaaa", NOW - DAY / 2)], Roster({}), {}, DAY, NOW)[0]
    assert one.why_it_stays == "it is younger than 1 day"


def test_what_is_young_stays_and_what_is_old_goes() -> None:
    assert why([version("aaaaaaaa", NOW - 89 * DAY)]) == ["it is younger than 90 days"]
    assert why([version("aaaaaaaa")]) == [""]


def test_who_was_retired_lately_or_nobody_knows_when_keeps_its_model() -> None:
    gone, waits = arm("aaaaaaaa", "retired"), "bot_aaaaaaaa has not been retired for 90 days"
    assert why([version("aaaaaaaa")], gone) == [waits]
    assert why([version("aaaaaaaa")], gone, left={gone.name: NOW - 89 * DAY}) == [waits]
    assert why([version("aaaaaaaa")], gone, left={gone.name: NOW - 90 * DAY}) == [""]


def test_a_review_that_nobody_has_acknowledged_keeps_the_model_of_who_has_left() -> None:
    gone = arm("aaaaaaaa", "retired")
    left = {gone.name: OLD}
    review = Review(1, gone.name, "drawdown", OLD)
    says = "bot_aaaaaaaa has a review that nobody has acknowledged"
    assert why([version("aaaaaaaa")], gone, left=left, reviews=(review,)) == [says]
    seen = replace(review, acknowledged_at=NOW)
    assert why([version("aaaaaaaa")], gone, left=left, reviews=(seen,)) == [""]


def test_what_something_that_stays_was_made_from_stays_and_so_on() -> None:
    first, second = version("aaaaaaaa"), version("bbbbbbbb", OLD, "aaaaaaaa")
    third, other = version("cccccccc", OLD, "bbbbbbbb"), version("dddddddd")
    stay = why([first, second, third, other], arm("cccccccc"))
    assert stay == [
        f"{second.name} was made from it, and stays", f"{third.name} was made from it, and stays",
        "bot_cccccccc is live", "",
    ]  # fmt: skip
    assert why([first, second, third]) == ["", "", ""]


def test_what_cannot_be_read_stays_and_all_that_it_may_be_made_from() -> None:
    before, harmed = version("aaaaaaaa", OLD - DAY), version("bbbbbbbb", OLD - DAY, harmed=True)
    after = version("cccccccc", OLD)
    assert why([before, harmed, after]) == [
        f"{harmed.name} cannot be read, and may have been made from it",
        "it cannot be read: SNAPSHOT_TAMPERED", "",
    ]  # fmt: skip
    unnamed = harmed._replace(trained_at=None)
    assert all(why([before, unnamed, after])), "nobody knows when it was made"


def test_a_retirement_that_was_only_observed_is_none() -> None:
    event = {"event": "retire", "mode": "enforce", "policy": "bot", "at": "2026-11-29T03:00:00Z"}
    halt = {**event, "event": "halt", "policy": "other"}
    assert retirements([event, halt, {**event, "mode": "observe", "policy": "c"}]) == {"bot": NOW}


sha8s = st.sampled_from(["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"])


@given(
    st.lists(st.tuples(sha8s, st.integers(0, 200), st.lists(sha8s, max_size=2), st.booleans()),
             unique_by=lambda one: one[0]),
    st.lists(st.tuples(sha8s, st.sampled_from(["live", "deposed", "retired"])),
             unique_by=lambda one: one[0]),
)  # fmt: skip
def test_nothing_that_goes_is_needed_by_anything_that_stays(
    made: list[tuple[str, int, list[str], bool]], held: list[tuple[str, State]]
) -> None:
    versions = [
        version(sha8, NOW - days * DAY, *parents, harmed=harmed)
        for sha8, days, parents, harmed in made
    ]
    arms = {one.name: one for one in (arm(sha8, state) for sha8, state in held)}
    left = {name: OLD for name, one in arms.items() if one.state == "retired"}
    fates = fates_of(versions, Roster(arms), left, KEEP, NOW)
    goes = [fate.version for fate in fates if not fate.why_it_stays]
    stays = [fate.version for fate in fates if fate.why_it_stays]
    used = {one.digest for one in arms.values() if one.state != "retired"}
    for one in goes:
        assert isinstance(one.origin, Origin)
        assert one.trained_at is not None
        assert one.trained_at <= OLD
        assert one.origin.digest not in used
        for other in stays:
            if isinstance(other.origin, Origin):
                assert one.origin.digest not in other.origin.parents
            else:
                assert other.trained_at is not None
                assert other.trained_at < one.trained_at


@pytest.mark.parametrize("named", ["0a11ce55", "models/tabnet_20260101_000000_0a11ce55"])
def test_that_whose_encoder_the_settings_name_stays(named: str) -> None:
    one, other = version("0a11ce55"), version("77c0ffee")
    fates = fates_of([one, other], Roster({}), {}, KEEP, NOW, named.replace("20260101_000000",
                     f"{OLD:%Y%m%d_%H%M%S}"))  # fmt: skip
    assert [fate.why_it_stays for fate in fates] == ["jobs.encoder names it", ""]
