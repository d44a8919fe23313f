"""Every rule there is, and by which limits of the checklist it lives in the benchmark.

A rule that lets a challenger trade without a checklist is there to be compared with, not to be
recommended. The literal ladder lives by the literal checklist: a throttle that nobody lifts and
the halt. The evidence rule has the halt and, instead of the throttle, a pause for as long as the
profit factor of the last 30 trades, live and on paper, is too low.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tiltyard.kernel.registry import Registry
from tiltyard.scaling import (
    epsilon_greedy,
    evidence,
    literal,
    oracle,
    sprt,
    static,
    thompson,
)
from tiltyard.simulation.arena import World

HALT, FLOOR = 4.0, 1.6
"""Drawdown in percent, and profit factor of 30 trades, of the default checklist."""
SLOTS = 5
"""Challengers in the shadow book of the evidence rule."""


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One rule, ready to play.

    Attributes:
        name: As it is chosen.
        story: What it does, in a few words.
        see: See :mod:`tiltyard.scaling.contender`.
        night: Likewise.
        crowned: Likewise.
        settings: What it goes by.
        world: By which limits, and how challengers turn up and leave.
        slots: Challengers at a time.
    """

    name: str
    story: str
    see: Callable[..., None]
    night: Callable[..., None]
    crowned: Callable[..., None]
    settings: Any
    world: World
    slots: int = 1


_BARE = World(start=0.0, purges=False)
_BY_EVIDENCE = World(start=0.0, dd_limit=HALT, pause_below=FLOOR, purges=False, makes_room=True)


def _evidence(
    name: str,
    story: str,
    rule: evidence.EvidenceRule = evidence.EvidenceRule(),  # noqa: B008 it never changes
    *,
    world: World = _BY_EVIDENCE,
    slots: int = SLOTS,
) -> RuleEntry:
    return RuleEntry(
        name, story, evidence.see, evidence.night, evidence.crowned, rule, world, slots
    )


_ENTRIES = [
    RuleEntry(
        "oracle", "knows who is better", oracle.see, oracle.night, oracle.crowned,
        oracle.OracleRule(), _BARE,
    ),
    RuleEntry(
        "static", "ten percent for sixty days", static.see, static.night, static.crowned,
        static.StaticRule(), World(),
    ),
    RuleEntry(
        "ladder", "x 1.5 a night, literal checklist", literal.see, literal.night,
        literal.crowned, literal.LiteralLadder(), World(dd_limit=HALT, throttle_below=FLOOR),
    ),
    RuleEntry(
        "thompson_beta", "share = P(wins more often)", thompson.see, thompson.night,
        thompson.crowned, thompson.ThompsonRule(by_wins=1.0), World(purges=False),
    ),
    RuleEntry(
        "thompson", "share = P(earns more)", thompson.see, thompson.night, thompson.crowned,
        thompson.ThompsonRule(), World(purges=False),
    ),
    RuleEntry(
        "epsilon_greedy", "sixty percent for who leads", epsilon_greedy.see, epsilon_greedy.night,
        epsilon_greedy.crowned, epsilon_greedy.EpsilonGreedyRule(), World(),
    ),
    RuleEntry(
        "sprt", "ten percent until proven", sprt.see, sprt.night, sprt.crowned, sprt.SprtRule(),
        World(),
    ),
    _evidence(
        "evidence_no_shadow", "live trades alone, one slot",
        evidence.EvidenceRule(has_shadow=0.0), world=_BY_EVIDENCE._replace(pause_below=0.0),
        slots=1,
    ),
    _evidence(
        "evidence_reset", "one slot, pauses reset the share",
        evidence.EvidenceRule(keeps_share=0.0), slots=1,
    ),
    _evidence("evidence_one_slot", "evidence, one slot", slots=1),
    _evidence("evidence", "live and paper, five slots"),
    _evidence("evidence_careful", "smaller near the halt, surer of the first trade",
              evidence.CAREFUL),
]  # fmt: skip

RULES: Registry[RuleEntry] = Registry("rule")
"""By name, in the order of the benchmark's table."""

for _entry in _ENTRIES:
    RULES.add(_entry.name, _entry)
