"""Every rule there is: how it is played in the benchmark, and how a desk is run by it.

A rule that lets a challenger trade without a checklist is there to be compared with, not to be
recommended. The literal ladder lives by the literal checklist: a throttle that nobody lifts and
the halt. The evidence rule has the halt and, instead of the throttle, a pause for as long as the
profit factor of the last 30 trades, live and on paper, is too low.

On a desk the rules live by the desk's own checklist, and the ladder is that of
:mod:`tiltyard.scaling.ladder`. Variants of a rule that only show what a part of it is worth are
for the benchmark, and so is the careful one: a desk obeys no sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tiltyard.kernel.registry import Registry
from tiltyard.scaling import (
    epsilon_greedy,
    evidence,
    literal,
    oracle,
    sayings,
    sprt,
    static,
    thompson,
)
from tiltyard.scaling.epsilon_greedy import EpsilonGreedyRule
from tiltyard.scaling.evidence import EvidenceRule
from tiltyard.scaling.ladder import LADDER, ShareRules
from tiltyard.scaling.sprt import SprtRule
from tiltyard.scaling.static import StaticRule
from tiltyard.scaling.thompson import ThompsonRule
from tiltyard.simulation.world import World

HALT, FLOOR = 4.0, 1.6
"""Drawdown in percent, and profit factor of 30 trades, of the default checklist."""
SLOTS = 5
"""Challengers in the shadow book of the evidence rule."""


class OnDesk(NamedTuple):
    """How a rule stands on a desk.

    Attributes:
        terms: What it goes by, within the bounds of shares that the settings give.
        says: What it has to say of a row; see :mod:`tiltyard.scaling.sayings`.
        judges: It goes by what the arms made; else everybody is given the same.
        compares_on_paper: It compares what arms made of every opportunity, on paper as well, and
            gives real traffic to one challenger at a time.
    """

    terms: Callable[[ShareRules], Any]
    says: Callable[[Any, bool, Any], str]
    judges: bool = True
    compares_on_paper: bool = False


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One rule.

    Attributes:
        name: As it is chosen.
        story: What it does, in a few words.
        see: See :mod:`tiltyard.scaling.contender`.
        night: Likewise.
        crowned: Likewise.
        settings: What it goes by where it is played.
        world: There, by which limits, and how challengers turn up and leave.
        slots: Challengers at a time.
        on_desk: How a desk is run by it; None where none is.
    """

    name: str
    story: str
    see: Callable[..., None]
    night: Callable[..., None]
    crowned: Callable[..., None]
    settings: Any
    world: World
    slots: int = 1
    on_desk: OnDesk | None = None


_BARE = World(start=0.0, purges=False)
_BY_EVIDENCE = World(start=0.0, dd_limit=HALT, pause_below=FLOOR, purges=False, makes_room=True)


def _evidence(
    name: str,
    story: str,
    rule: EvidenceRule = EvidenceRule(),  # noqa: B008 it never changes
    *,
    world: World = _BY_EVIDENCE,
    slots: int = SLOTS,
    on_desk: OnDesk | None = None,
) -> RuleEntry:
    return RuleEntry(
        name, story, evidence.see, evidence.night, evidence.crowned, rule, world, slots, on_desk
    )


_ENTRIES = [
    RuleEntry(
        "oracle", "knows who is better", oracle.see, oracle.night, oracle.crowned,
        oracle.OracleRule(), _BARE,
    ),
    RuleEntry(
        "static", "ten percent for sixty days", static.see, static.night, static.crowned,
        StaticRule(), World(),
        on_desk=OnDesk(
            lambda bounds: StaticRule(bounds.start), sayings.everybody_has_the_same, judges=False
        ),
    ),
    RuleEntry(
        LADDER, "x 1.5 a night, literal checklist", literal.see, literal.night,
        literal.crowned, literal.LiteralLadder(), World(dd_limit=HALT, throttle_below=FLOOR),
    ),
    RuleEntry(
        "thompson_beta", "share = P(wins more often)", thompson.see, thompson.night,
        thompson.crowned, ThompsonRule(by_wins=1.0), World(purges=False),
        on_desk=OnDesk(
            lambda bounds: ThompsonRule(bounds.start, bounds.cap, by_wins=1.0),
            sayings.how_probably_better,
        ),
    ),
    RuleEntry(
        "thompson", "share = P(earns more)", thompson.see, thompson.night, thompson.crowned,
        ThompsonRule(), World(purges=False),
        on_desk=OnDesk(
            lambda bounds: ThompsonRule(bounds.start, bounds.cap), sayings.how_probably_better
        ),
    ),
    RuleEntry(
        "epsilon_greedy", "sixty percent for who leads", epsilon_greedy.see, epsilon_greedy.night,
        epsilon_greedy.crowned, EpsilonGreedyRule(), World(),
        on_desk=OnDesk(
            lambda bounds: EpsilonGreedyRule(bounds.start, bounds.cap), sayings.what_it_makes
        ),
    ),
    RuleEntry(
        "sprt", "ten percent until proven", sprt.see, sprt.night, sprt.crowned, SprtRule(),
        World(),
        on_desk=OnDesk(lambda bounds: SprtRule(bounds.start), sayings.what_the_odds_are),
    ),
    _evidence(
        "evidence_no_shadow", "live trades alone, one slot",
        EvidenceRule(has_shadow=0.0), world=_BY_EVIDENCE._replace(pause_below=0.0), slots=1,
    ),
    _evidence(
        "evidence_reset", "one slot, pauses reset the share",
        EvidenceRule(keeps_share=0.0), slots=1,
    ),
    _evidence("evidence_one_slot", "evidence, one slot", slots=1),
    _evidence(
        "evidence", "live and paper, five slots",
        on_desk=OnDesk(
            lambda bounds: EvidenceRule(bounds.start, bounds.cap), sayings.what_the_evidence_is,
            compares_on_paper=True,
        ),
    ),
    _evidence("evidence_careful", "smaller near the halt, surer of the first trade",
              evidence.CAREFUL),
]  # fmt: skip

RULES: Registry[RuleEntry] = Registry("rule")
"""By name, in the order of the benchmark's table."""

for _entry in _ENTRIES:
    RULES.add(_entry.name, _entry)

FOR_A_DESK = (LADDER, *(one.name for one in _ENTRIES if one.on_desk))
"""The rules that a desk can be run by."""
