"""What each rule would have made of a record, beside what was done, and which to propose.

Comes in: a record of paper as rules are played on it, the shares as they truly were, and the
rules. Goes out: a line for each, what it would have earned beyond all for the first champion and
beyond what was done, with intervals of 95 %, and what it would have decided; and the rule that did
better beyond chance, if there is one. It is proposed to a person, and never adopted.

**Hard limits.** Every rule is played within the bounds of shares that the desk has, and with the
halt and the throttle of the default checklist, whether the benchmark plays it with them or not.
The evidence rule has the halt, and its own pause instead of the throttle; on a desk the checklist's
throttle comes on top.

**Earned** is, over all opportunities, the part that an arm has times what it made there, an R from
-2.5 to 6, so who happened to be given which one plays no part in it. A sum of differences is as
sure as its blocks agree: a block is as many days as nine of ten trades last, since trades that are
open together meet one market. How well each arm's gap is known widens the interval.

**Beyond chance**: of so many rules one may look better by luck alone. So the chance that a rule
is no better must be below 2.5 % divided by the number of rules that were looked at (Bonferroni).
That is of looking once: whoever asks every day until a rule is proposed is wrong more often.

**Nothing is proposed** on what is not known. Who has no book on paper might have made anything
elsewhere, unless it was given everything; and a challenger that does not say its capital might
have been halted at any time. With any of them the lines describe.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from math import sqrt
from typing import NamedTuple

from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.blocks import NEEDED as BLOCKS_NEEDED
from tiltyard.metrics.blocks import chance_above_zero, deviation, sigmas
from tiltyard.metrics.off_policy import Estimate
from tiltyard.metrics.unit import Unit
from tiltyard.scaling.catalogue import FOR_A_DESK, RULES, RuleEntry
from tiltyard.scaling.counterfactual import Kind, Parts, Play, Setting, by_salt, play
from tiltyard.scaling.ladder import LADDER, ShareRules
from tiltyard.scaling.live_less_paper import UNKNOWN_GAP
from tiltyard.scaling.opportunities import Found

SALTS = 8
"""So many times each rule is played."""
BY_LUCK = 0.025
"""How probable it may be that any of the rules is proposed by luck."""


class Done(NamedTuple):
    """What a rule would have done to an arm.

    Attributes:
        kind: What.
        policy: To whom.
        plays: In how many of its plays.
        at: When for the first time, in the middle one of them, UTC.
    """

    kind: Kind
    policy: str
    plays: int
    at: datetime


class Month(NamedTuple):
    """How much of the opportunities of a month the challengers would have had.

    Attributes:
        month: As ``2025-07``.
        shares: Mean part of each arm, 0..1.
    """

    month: str
    shares: Mapping[str, float]


class RuleLine(NamedTuple):
    """One rule.

    Attributes:
        rule: Its name.
        beyond_champion: What it would have earned beyond all for the first champion.
        beyond_done: And beyond what was done.
        better: How probable it is that this is more than nothing, 0..1; 0 while not known.
        done: What it would have decided, by the time of the decision.
        months: The shares over time.
    """

    rule: str
    beyond_champion: Estimate | Undefined
    beyond_done: Estimate | Undefined
    better: float
    done: Sequence[Done]
    months: Sequence[Month]


class OtherRules(NamedTuple):
    """What all of them would have made.

    Attributes:
        enforced: The rule that was in force.
        champion: The first one.
        began: Of the first opportunity, UTC.
        ended: When the last one had closed.
        opportunities: How many there were.
        unit: Of everything earned: R-multiples, or percent of the arms' capital.
        was_done: What was earned in truth beyond all for the first champion.
        lines: A line for each other rule.
        without_paper: Arms of which nobody knows what they would have made elsewhere: with any of
            them the lines describe, and nothing is proposed.
        without_capital: Challengers of which nobody knows when they would have been halted;
            likewise.
    """

    enforced: str
    champion: str
    began: datetime
    ended: datetime
    opportunities: int
    unit: Unit
    was_done: Estimate | Undefined
    lines: Sequence[RuleLine]
    without_paper: Sequence[str]
    without_capital: Sequence[str]

    @property
    def best(self) -> RuleLine | None:
        """The one that is proposed, else the one that did most; None where nothing is known."""
        known = [line for line in self.lines if isinstance(line.beyond_done, Estimate)]
        return self.proposed or max(known, key=_more, default=None)

    @property
    def proposed(self) -> RuleLine | None:
        """The rule that did better beyond chance, and most of all; None for none."""
        if self.without_paper or self.without_capital:
            return None
        enough = 1 - BY_LUCK / max(1, len(self.lines))
        better = [line for line in self.lines if line.better > enough]
        return max(better, key=_more, default=None)


def weigh(
    found: Found,
    setting: Setting,
    was_done: Sequence[Parts],
    enforced: str,
    *,
    progress: Callable[[int], object] = lambda _: None,
) -> OtherRules:
    """Play all other rules on a record.

    Args:
        found: The opportunities, with all that is known about them.
        setting: The same for playing.
        was_done: What part each arm truly had of each opportunity.
        enforced: The rule that is in force; it is not played, since what it did is known.
        progress: Told the number of plays that are over.
    """
    alone: list[Parts] = [{setting.champion: 1.0}] * len(found.each)
    lines: list[RuleLine] = []
    for name in FOR_A_DESK:
        if name == enforced:
            continue
        plays, entry = [], as_on_a_desk(name, setting.bounds)
        for salt in range(SALTS):
            plays.append(play(setting, entry, by_salt(str(salt))))
            progress(len(lines) * SALTS + salt + 1)
        lines.append(_line(found, name, plays, alone, was_done))
    without_paper = [name for name in found.without_paper if not _has_everything(name, was_done)]
    without_capital = [name for name in found.without_capital if name in setting.stays]
    return OtherRules(
        enforced, setting.champion, found.each[0].began, max(one.ended for one in found.each),
        len(found.each), found.unit, _beyond(found, was_done, alone)[0], lines, without_paper,
        without_capital,
    )  # fmt: skip


def as_on_a_desk(name: str, bounds: ShareRules) -> RuleEntry:
    """A rule with the bounds of shares and the hard limits of a desk."""
    entry, limits = RULES.get(name), RULES.get(LADDER).world
    if entry.on_desk is None:
        terms = entry.settings._replace(start=bounds.start, cap=bounds.cap)
    else:
        terms = entry.on_desk.terms(bounds)
    world = entry.world
    if world.start:
        world = world._replace(start=bounds.start)
    if entry.on_desk is None or not entry.on_desk.compares_on_paper:
        world = world._replace(dd_limit=limits.dd_limit, throttle_below=limits.throttle_below)
    return replace(entry, settings=terms, world=world)


def _has_everything(name: str, was_done: Sequence[Parts]) -> bool:
    """Whether an arm was given all there is, so that there is no elsewhere."""
    return all(parts.get(name, 0.0) == 1 for parts in was_done)


def _line(
    found: Found, name: str, plays: Sequence[Play], alone: Sequence[Parts], done: Sequence[Parts]
) -> RuleLine:
    parts = [_mean(each) for each in zip(*(one.parts for one in plays), strict=True)]
    beyond_done, better = _beyond(found, parts, done)
    months = list(_months(found, parts))
    return RuleLine(
        name, _beyond(found, parts, alone)[0], beyond_done, better, _decided(plays), months
    )  # fmt: skip


def _mean(each: Sequence[Parts]) -> Parts:
    mean: dict[str, float] = defaultdict(float)
    for parts in each:
        for name, part in parts.items():
            mean[name] += part / len(each)
    return dict(mean)


def _beyond(
    found: Found, own: Sequence[Parts], other: Sequence[Parts]
) -> tuple[Estimate | Undefined, float]:
    """What one way to share earned beyond another, and how probable it is that it is better."""
    length = found.block_days
    blocks: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    on_paper: dict[str, float] = defaultdict(float)
    for one, mine, its in zip(found.each, own, other, strict=True):
        made = 0.0
        for name, cell in one.cells.items():
            more = mine.get(name, 0.0) - its.get(name, 0.0)
            made += more * cell.earned
            on_paper[name] += more * cell.trades
        sums = blocks[one.began.toordinal() // length]
        sums[0] += made
        sums[1] += 1
    if len(blocks) < BLOCKS_NEEDED:
        told = f"{len(blocks)} of {BLOCKS_NEEDED} blocks of {_days(length)}"
        return Undefined("warming", told, len(found.each)), 0.0
    total = sum(made for made, _ in blocks.values())
    each = total / len(found.each)
    gaps = (much * found.gaps.get(name, UNKNOWN_GAP).spread for name, much in on_paper.items())
    error = sqrt(
        deviation(made - each * count for made, count in blocks.values()) ** 2
        + sum(gap * gap for gap in gaps)
    )
    away = sigmas(len(blocks)) * error
    ends = (round(found.scale * end, 6) for end in (total, total - away, total + away))
    return Estimate(*ends), round(chance_above_zero(total, error, len(blocks)), 6)


def _days(length: int) -> str:
    return "a day" if length == 1 else f"{length} days"


def _decided(plays: Sequence[Play]) -> Sequence[Done]:
    times: dict[tuple[Kind, str], list[datetime]] = defaultdict(list)
    for one in plays:
        first: dict[tuple[Kind, str], datetime] = {}
        for deed in one.deeds:
            first.setdefault((deed.kind, deed.policy), deed.at)
        for key, at in first.items():
            times[key].append(at)
    done = [
        Done(kind, policy, len(at), sorted(at)[len(at) // 2])
        for (kind, policy), at in times.items()
    ]
    return sorted(done, key=lambda one: (one.at, one.kind, one.policy))


def _months(found: Found, parts: Sequence[Parts]) -> Iterator[Month]:
    sums: dict[date, list[Parts]] = defaultdict(list)
    for one, mine in zip(found.each, parts, strict=True):
        sums[one.began.date().replace(day=1)].append(mine)
    for month, each in sorted(sums.items()):
        shares = {name: round(share, 6) for name, share in sorted(_mean(each).items())}
        yield Month(f"{month:%Y-%m}", shares)


def _more(line: RuleLine) -> float:
    return line.beyond_done.value if isinstance(line.beyond_done, Estimate) else 0.0
