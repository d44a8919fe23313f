from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.split import Split

SHARES = {"champion": 0.6, "good": 0.25, "new": 0.1, "bad": 0.05, "halted": 0.0}
MANY = 1_000_000
DEVIATIONS = 4.5
"""Four shares outside as many standard deviations: once in 37,000 salts."""


@st.composite
def shares(draw: st.DrawFn) -> dict[str, float]:
    parts = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(any))
    return {f"arm{n}": part / sum(parts) for n, part in enumerate(parts)}


@given(shares(), st.text(max_size=20))
def test_the_choice_is_an_arm_with_traffic_and_its_share_is_the_propensity(
    traffic: dict[str, float], episode: str
) -> None:
    choice = Split(traffic, revision=1, salt="s").choose(episode)
    assert traffic[choice.policy] == choice.propensity > 0


@given(shares(), st.text(max_size=20), st.integers(0, 9), st.text(max_size=5))
def test_the_choice_does_not_depend_on_who_asks_when_or_in_what_order_arms_are_named(
    traffic: dict[str, float], episode: str, revision: int, salt: str
) -> None:
    split = Split(traffic, revision=revision, salt=salt)
    for other in range(3):
        split.choose(f"another {other}")
    turned = Split(dict(reversed(traffic.items())), revision=revision, salt=salt)
    assert split.choose(episode) == split.choose(episode) == turned.choose(episode)


def test_a_million_episodes_are_split_as_the_shares_say() -> None:
    """Counts are binomial; a fixed salt, so the test always sees the same million."""
    split = Split(SHARES, revision=7, salt="a million")
    counts = dict.fromkeys(SHARES, 0)
    for number in range(MANY):
        counts[split.choose(f"SOL/USDT {number}").policy] += 1
    for name, share in SHARES.items():
        spread = sqrt(MANY * share * (1 - share))
        assert abs(counts[name] - MANY * share) <= DEVIATIONS * spread, name


def test_another_revision_or_salt_draws_anew() -> None:
    episodes = [f"episode {number}" for number in range(2000)]
    chosen = [
        [Split(SHARES, revision=revision, salt=salt).choose(one).policy for one in episodes]
        for revision, salt in ((1, "a"), (2, "a"), (1, "b"))
    ]
    alike = 0.6**2 + 0.25**2 + 0.1**2 + 0.05**2
    for a, b in ((0, 1), (0, 2), (1, 2)):
        same = sum(x == y for x, y in zip(chosen[a], chosen[b], strict=True)) / len(episodes)
        assert abs(same - alike) < 0.05  # 4.5 standard deviations


def test_choices_are_the_same_in_every_version() -> None:
    """A client checks what the server chose, perhaps years later: these never change."""
    split = Split({"a": 0.5, "b": 0.3, "c": 0.2}, revision=3, salt="pinned")
    chosen = "".join(split.choose(f"episode {number}").policy for number in range(24))
    assert chosen == PINNED


PINNED = "ababbcbbcbbbcabaababacbb"


@pytest.mark.parametrize(
    "traffic",
    [{}, {"a": 0.0}, {"a": 0.5}, {"a": 0.7, "b": 0.7}, {"a": 1.2, "b": -0.2}],
    ids=["nobody", "nobody with traffic", "half of it", "too much", "less than nothing"],
)
def test_what_is_no_whole_is_refused(traffic: dict[str, float]) -> None:
    with pytest.raises(TiltyardError, match="SHARES_INVALID"):
        Split(traffic, revision=1, salt="s")
