"""Which snapshots expire: a table, and laws over whatever there may be."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.facts.arm import FLAT, Arm, Review, Role, Roster, State
from tiltyard.shell.archive.manifest import File, Manifest
from tiltyard.shell.archive.retention import Needed, expired, needed_by

SUNDAY = datetime(2026, 11, 29, 3, tzinfo=UTC)
WEEK = timedelta(weeks=1)
TWELVE = 12 * WEEK
OURS, THEIRS = "0f" * 32, "1e" * 32
NOBODY = Needed(OURS, frozenset(), frozenset())


def digest(of: str) -> str:
    return sha256(of.encode()).hexdigest()


def taken(weeks_ago: int, *models: str) -> Manifest:
    """A snapshot of so many weeks ago that holds these models."""
    files = {f"models/{name}/manifest.json": File(digest(name), 1) for name in models}
    files["tiltyard.db"] = File(digest(str(weeks_ago)), 1)
    return Manifest(
        SUNDAY - weeks_ago * WEEK, "1.0", "sqlite", "ab" * 32, 1, "", files, ledger=OURS
    )


def weeks_gone(there: list[Manifest], needed: Needed | None, now: datetime = SUNDAY) -> list[int]:
    """How many weeks ago those were taken that expire, oldest first."""
    when = {one.name: (SUNDAY - one.taken_at) // WEEK for one in there}
    return [when[name] for name in expired(there, needed, now, TWELVE)]


A_BY_DIGEST = Needed(OURS, frozenset({digest("a")}), frozenset())
A_BY_NAME = Needed(OURS, frozenset(), frozenset({"a"}))


@pytest.mark.parametrize(
    ("there", "needed", "gone"),
    [
        ([], NOBODY, []),
        ([taken(0)], NOBODY, []),
        ([taken(0), taken(12)], NOBODY, []),
        ([taken(0), taken(12), taken(13)], NOBODY, [13]),
        ([taken(0), taken(13), taken(20)], NOBODY, [20, 13]),
        ([taken(0), taken(13, "a")], NOBODY, [13]),
        ([taken(0), taken(13, "a")], A_BY_DIGEST, []),
        ([taken(0), taken(13, "a")], A_BY_NAME, []),
        ([taken(0), taken(13, "b")], A_BY_DIGEST, [13]),
        ([taken(0), taken(13, "a"), taken(14, "a")], A_BY_DIGEST, [14]),
        ([taken(0), taken(5, "a"), taken(14, "a")], A_BY_DIGEST, [14]),
        ([taken(0), taken(13), taken(14, "a", "b"), taken(15, "a")], A_BY_NAME, [15, 13]),
        ([taken(0), taken(13)], None, []),
    ],
    ids=[
        "none there", "the only one", "on the day", "a week past", "the oldest first",
        "a model that nobody needs", "a model that an arm needs by digest", "by name",
        "another model", "a newer one past its weeks holds it", "a newer one holds it",
        "the newest that holds it", "the ledger cannot be read",
    ],
)  # fmt: skip
def test_what_is_past_its_weeks_goes_unless_it_is_needed(
    there: list[Manifest], needed: Needed | None, gone: list[int]
) -> None:
    assert weeks_gone(there, needed) == gone


@pytest.mark.parametrize(
    ("newest", "now", "gone"),
    [(0, SUNDAY, [20, 13]), (8, SUNDAY, []), (0, SUNDAY + 500 * WEEK, [20, 13]),
     (-500, SUNDAY, [20, 13])],
    ids=["this week", "none was taken for eight weeks", "the clock is ahead", "it was ahead then"],
)  # fmt: skip
def test_weeks_are_counted_from_the_newest_where_that_is_older(
    newest: int, now: datetime, gone: list[int]
) -> None:
    assert weeks_gone([taken(newest), taken(13), taken(20)], NOBODY, now) == gone


_names = st.sampled_from("abcd")
_snapshots = st.lists(
    st.builds(
        lambda weeks, names: taken(weeks, *sorted(names)), st.integers(-5, 60), st.sets(_names)
    ),
    max_size=12,
    unique_by=lambda one: one.name,
)
_needed = st.builds(
    lambda digests, names: Needed(OURS, frozenset(map(digest, digests)), frozenset(names)),
    st.sets(_names),
    st.sets(_names),
)


@given(_snapshots, _needed, st.integers(-10, 100))
def test_whatever_is_needed_is_held_by_what_stays_and_what_stays_needs_its_place(
    there: list[Manifest], needed: Needed, ahead: int
) -> None:
    now = SUNDAY + ahead * WEEK
    gone = set(expired(there, needed, now, TWELVE))
    stays = [one for one in there if one.name not in gone]
    for held, wanted in (("model_digests", needed.digests), ("models", needed.names)):
        before, after = ({x for one in some for x in getattr(one, held)} for some in (there, stays))
        assert before & wanted == after & wanted
    assert not there or max(there, key=lambda one: (one.taken_at, one.name)) in stays
    assert all(one.taken_at < now - TWELVE for one in there if one.name in gone)
    assert expired(stays, needed, now, TWELVE) == []


_owned = st.lists(
    st.builds(
        lambda weeks, names, ledger: taken(weeks, *sorted(names))._replace(ledger=ledger),
        st.integers(-5, 60), st.sets(_names), st.sampled_from([OURS, THEIRS, ""]),
    ),
    max_size=12,
    unique_by=lambda one: one.name,
)  # fmt: skip


@given(_owned, _needed, _needed, st.integers(-10, 100))
def test_of_two_ledgers_in_one_place_each_lets_go_what_it_would_alone(
    there: list[Manifest], ours: Needed, theirs: Needed, ahead: int
) -> None:
    now, gone = SUNDAY + ahead * WEEK, set[str]()
    for needed in (ours, theirs._replace(ledger=THEIRS)):
        left = [one for one in there if one.name not in gone]
        alone = [one for one in there if one.ledger == needed.ledger]
        found = expired(left, needed, now, TWELVE)
        assert found == expired(alone, needed, now, TWELVE)
        assert set(found) <= {one.name for one in alone}
        gone |= set(found)


@pytest.mark.parametrize("ledger", [THEIRS, ""], ids=["another's", "nobody's"])
def test_what_is_not_its_own_a_ledger_neither_counts_nor_lets_go(ledger: str) -> None:
    others = [taken(0)._replace(ledger=ledger), taken(30)._replace(ledger=ledger)]
    assert weeks_gone([taken(20), taken(21), *others], NOBODY) == []
    assert weeks_gone([taken(20), taken(40), *others], NOBODY) == [40]
    assert weeks_gone(others, NOBODY) == []


def test_a_ledger_that_has_no_name_lets_nothing_go() -> None:
    for nameless in (taken(0), taken(30)), (taken(0, "a"), taken(30)):
        there = [one._replace(ledger="") for one in nameless]
        assert weeks_gone([*there, taken(40)], NOBODY._replace(ledger="")) == []


def arm(name: str, state: State, role: Role = "challenger", sha: str = "") -> Arm:
    return Arm(name, role, state, 0, 0.1, 0, None, SUNDAY, digest=sha)


def test_arms_that_may_trade_again_or_are_asked_about_need_their_models() -> None:
    states: list[State] = ["candidate", "probation", "live", "throttled", "halted", "deposed"]
    arms = [
        arm("crowned", "champion", "champion"), *(arm(f"is_{one}", one) for one in states),
        arm("over", "retired"), arm("asked", "retired", sha=digest("asked")),
        arm("settled", "retired"), arm(FLAT, "deposed"),
    ]  # fmt: skip
    reviews = (
        Review(1, "asked", "drawdown", SUNDAY),
        Review(2, "settled", "drawdown", SUNDAY, acknowledged_at=SUNDAY),
    )
    needed = needed_by(Roster({one.name: one for one in arms}, reviews), OURS)
    assert needed.digests == {digest("asked")}
    assert needed.names == {"crowned", FLAT, *(f"is_{one}" for one in states)}
