"""The gap of an arm is that of its facts in time order, in whatever order they are told.

Of some episodes it is told when they were decided, what was filled for real and what on paper;
or not all of that. Between them positions are valued. After every fact the panel has the same
sums as one that was told everything so far in time order, however few facts and decisions it
keeps.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.metrics import terciles
from tiltyard.metrics.panel import Panel
from tiltyard.metrics.recent import KEPT, ArmFact, place_of
from tiltyard.metrics.shadow_gap import Sums

START = datetime(2025, 7, 7, tzinfo=UTC)
ARM = "arm"


class Episode(NamedTuple):
    """Hours after the start; None where nobody tells."""

    decided: int | None
    closed: int
    apart: int
    tercile: int | None
    is_marked: bool


hours = st.integers(0, 9)
episodes = st.builds(
    Episode, hours | st.none(), hours, st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 1, 2, None]), st.booleans(),
)  # fmt: skip


def facts_of(number: int, episode: Episode) -> Iterable[ArmFact]:
    name = f"episode {number}"
    if episode.decided is not None:
        at = START + timedelta(hours=episode.decided)
        yield Decision(name, "SOL", ARM, 0.5, 1, at, episode.tercile, at.hour)
    at = START + timedelta(hours=episode.closed)
    on_paper = at + timedelta(hours=episode.apart)
    yield _trade(name, at)._replace(book="live", trade_id=f"{name} live", pnl=Money(number))
    yield _trade(name, on_paper)._replace(book="twin", trade_id=f"{name} twin")
    if episode.is_marked:
        yield Mark(ARM, at + timedelta(minutes=number), Money(0), 1)


def _trade(episode: str, at: datetime) -> Trade:
    return Trade(
        "bot", "", ARM, "SOL", "long", START, at, Money(0), risk=Money(1), episode_id=episode
    )


def tell(panel: Panel, fact: ArmFact) -> bool:
    if isinstance(fact, Decision):
        return panel.decide(fact)
    return panel.value_open(fact) if isinstance(fact, Mark) else panel.record(fact)


def told_at_once(facts: Iterable[ArmFact]) -> dict[tuple[str, int | None], Sums]:
    fresh = Panel()
    for fact in sorted(facts, key=place_of):
        assert tell(fresh, fact), "nothing is late in time order"
    return fresh.arm(ARM).gap._sums["R"]


def rebuild(panel: Panel, facts: Sequence[ArmFact]) -> None:
    ordered = sorted(facts, key=place_of)
    panel.rebuild(
        ARM,
        [one for one in ordered if isinstance(one, Trade)],
        [one for one in ordered if isinstance(one, Mark)],
        [one for one in ordered if isinstance(one, Decision)],
    )


@pytest.mark.parametrize("decisions", [2, terciles.MOST], ids=["two decisions", "all decisions"])
@pytest.mark.parametrize("kept", [0, 3, KEPT])
@settings(
    max_examples=100, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(data=st.data(), played=st.lists(episodes, min_size=1, max_size=8))
def test_a_pair_counts_by_its_decision_whatever_is_told_first(
    monkeypatch: pytest.MonkeyPatch, decisions: int, kept: int, played: list[Episode],
    data: st.DataObject,
) -> None:  # fmt: skip
    monkeypatch.setattr(terciles, "MOST", decisions)
    every = [fact for number, one in enumerate(played) for fact in facts_of(number, one)]
    play(data.draw(st.permutations(every)), kept)


def play(facts: Iterable[ArmFact], kept: int) -> Panel:
    """Tell a panel, and compare it after every fact."""
    panel, so_far = Panel(kept=kept), list[ArmFact]()
    for fact in facts:
        so_far.append(fact)
        if not tell(panel, fact):
            rebuild(panel, so_far)
        assert panel.arm(ARM).gap._sums["R"] == told_at_once(so_far)
    return panel


@pytest.mark.parametrize("kept", [0, 3])
def test_what_is_forgotten_for_later_decisions_counts_for_a_trade_before_them(
    monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(terciles, "MOST", 2)
    decision, live, twin = facts_of(0, Episode(1, 5, 0, 2, is_marked=False))
    later = [next(iter(facts_of(n, Episode(5 + n, 9, 0, 0, is_marked=False)))) for n in (1, 2)]
    panel = play([live, decision, *later, twin], kept)
    assert panel.arm(ARM).gap._sums["R"] == {("SOL", 2): {START.date(): (1, 0)}}
