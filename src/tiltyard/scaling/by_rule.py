"""The night by another rule than the ladder: what it wants, within what it may.

Comes in: the roster, what is known of each arm, and what stands in its way. Goes out: steps as the
ladder's. The rule says what share it wants for each challenger. Nobody grows by what is unknown,
on a hold, an open review, a breached or unknown hard guard, beyond the cap, or beyond the room
that the champion's floor leaves; and nobody's share changes twice in a trading day. A share may
shrink also while the ramp is frozen, but not while challengers or entries are on hold. Room that
does not suffice for all goes first to whoever is most probably better. Whom the rule would retire
loses its traffic, and a person is asked. Whom it would promote is proposed, unless something stands
in the way of its growth, or it has hardly lost yet.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import floor, isnan, nan

from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.router.lifecycle import TRADING
from tiltyard.scaling.contender import PROMOTE, RETIRE, TIME_OUT, Contender, Rows
from tiltyard.scaling.in_force import Rule
from tiltyard.scaling.ladder import (
    FEWEST_LOSSES,
    ShareRules,
    Standing,
    Step,
    guard_obstacle,
)
from tiltyard.scaling.overtime import ask_beyond_time
from tiltyard.scaling.reading import SHORT, Known
from tiltyard.scaling.sayings import proposal

MILLION, MARGIN = 1_000_000, 1e-6
"""Shares have six decimals, like those in the audit."""
LEAST_SPREAD = 1e-9
FEWEST = 2
"""Live trades of either arm before they are compared by these alone: one has no spread."""


def steps_by(
    rule: Rule,
    roster: Roster,
    known: Mapping[str, Known],
    standings: Mapping[str, Standing],
    bounds: ShareRules,
    only: str = "",
) -> list[Step]:
    """The night's steps: those that shrink, then those that grow, then the others.

    Args:
        rule: The one in force.
        roster: As it is before.
        known: Of the champion and every challenger that is not out; changed by the rule.
        standings: Of the challengers, by name.
        bounds: Of shares.
        only: The one challenger that may step; empty for all.
    """
    champion = known[roster.champion().name]
    asks = _ask(rule, roster, known, standings)
    shares = {arm.name: arm.share for arm in roster.challengers()}
    shrinking: list[Step] = []
    growing: list[Arm] = []
    staying: list[Step] = []
    for arm in roster.challengers():
        if only not in ("", arm.name):
            continue
        one, standing = known.get(arm.name), standings[arm.name]
        why = _out_of_reach(roster, arm, standing)
        if one is not None:
            why = why or _unknown(rule, champion, one)
        if one is None or why:
            staying.append(Step(arm.name, arm.share, arm.share, why))
            continue
        wanted = _wanted(rule, arm, one.row)
        if wanted > arm.share:
            growing.append(arm)
            continue
        step = _no_more(rule, roster, arm, one, standing, wanted)
        step = replace(step, asks=asks.get(arm.name, ""))
        (shrinking if wanted < arm.share else staying).append(step)
        shares[arm.name] = wanted
    grown: list[Step] = []
    for arm in sorted(growing, key=lambda arm: (-_merit(known[arm.name].row), arm.name)):
        step = _grow(rule, roster, arm, known[arm.name], standings[arm.name], bounds, shares)
        step = replace(step, asks=asks.get(arm.name, ""))
        shares[arm.name] = step.after
        (grown if step.after > step.before else staying).append(step)
    return [*shrinking, *grown, *staying]


def _ask(
    rule: Rule, roster: Roster, known: Mapping[str, Known], standings: Mapping[str, Standing]
) -> Mapping[str, str]:
    """Have the rule say share and fate of every challenger on trial; whom it is done with, and why.

    One whose time is up goes on as if it were not: only a person takes it out, and until then its
    traffic is a matter of evidence.
    """
    _prepare(rule, roster, known, standings)

    def ask(rows: Rows) -> None:
        each = zip(known.items(), rows, strict=True)
        _ask_once(rule, roster, {name: replace(one, row=row) for (name, one), row in each})

    first = ask_beyond_time([one.row for one in known.values()], ask)
    return {
        name: rule.says(row, on_paper=known[name].is_on_paper)
        for name, row in zip(known, first, strict=True)
        if row.fate in (RETIRE, TIME_OUT)
    }


def _prepare(
    rule: Rule, roster: Roster, known: Mapping[str, Known], standings: Mapping[str, Standing]
) -> None:
    """Tell the rows of challengers how they stand on the floor; the unknown are not there."""
    champion = known[roster.champion().name]
    for arm in roster.challengers():
        if arm.name not in known:
            continue
        row, fall = known[arm.name].row, standings[arm.name].dd_150
        is_known = not _unknown(rule, champion, known[arm.name])
        row.present = float(arm.state in TRADING and is_known)
        row.share = arm.share
        row.held = arm.share or arm.ceiling
        row.chosen = float(arm.share > 0)
        row.dd_150 = fall.number if isinstance(fall, Value) else nan


def _ask_once(rule: Rule, roster: Roster, known: Mapping[str, Known]) -> None:
    champion = known[roster.champion().name]
    on_paper: list[Contender] = []
    others: list[Contender] = []
    for one in known.values():
        if one is not champion:
            is_compared = one.is_on_paper and champion.is_on_paper
            (on_paper if is_compared else others).append(one.row)
    rule.ask(champion.row, on_paper, others)


def _out_of_reach(roster: Roster, arm: Arm, standing: Standing) -> str:
    """Why the night changes nothing of an arm, up or down; empty when it may."""
    if arm.state not in TRADING:
        return f"{arm.state}, no traffic"
    if holds := roster.challengers_frozen_by | roster.entries_stopped_by:
        return f"on hold by {', '.join(sorted(holds))}"
    if standing.scaled_today:
        return "its share has changed on this trading day already"
    return ""


def _unknown(rule: Rule, champion: Known, one: Known) -> str:
    """What the rule would have to know of an arm and the champion; empty when it does."""
    if not rule.desk.judges:
        return ""
    if one.lacks or champion.lacks:
        return one.lacks or f"of the champion, {champion.lacks}"
    if rule.compares_on_paper and one.is_on_paper and champion.is_on_paper:
        return ""
    for whose, its in (("it", one), ("the champion", champion)):
        if its.row.live_trades < FEWEST:
            paper = "" if its.is_on_paper or not rule.compares_on_paper else ", and none on paper"
            return f"{whose} has {its.row.live_trades:.0f} live trades in the trial{paper}"
    if one.row.live_squares + champion.row.live_squares < LEAST_SPREAD:
        return "every live trade of it and of the champion has made the same"
    return ""


def _wanted(rule: Rule, arm: Arm, row: Contender) -> float:
    """The share that the rule wants; a pause ends with no more than there was before it."""
    if row.fate == RETIRE or row.pf_30 < rule.pauses_below:
        return 0.0
    most = arm.ceiling if rule.compares_on_paper and not arm.share and arm.ceiling else 1.0
    wanted = floor(min(row.share, most) * MILLION + MARGIN) / MILLION
    return arm.share if abs(wanted - arm.share) < 1 / MILLION else wanted


def _merit(row: Contender) -> float:
    return row.share if isnan(row.better) else row.better


def _no_more(
    rule: Rule, roster: Roster, arm: Arm, one: Known, standing: Standing, after: float
) -> Step:
    """The step of an arm that does not grow; after a pause it comes back with what it had."""
    row = one.row
    told = rule.says(row, on_paper=one.is_on_paper)
    is_pause = arm.share > 0 and after == 0 and row.fate != RETIRE
    stays = after == arm.share
    return Step(
        arm.name, arm.share, after, told,
        _proposes(rule, roster, arm, one, standing) if stays else "",
        ceiling=arm.share if is_pause else None,
    )  # fmt: skip


def _proposes(rule: Rule, roster: Roster, arm: Arm, one: Known, standing: Standing) -> str:
    """What speaks for an arm that the rule would promote; empty where something speaks against."""
    is_ready = one.row.fate == PROMOTE and standing.losses >= FEWEST_LOSSES
    if not is_ready or _obstacle(rule, roster, arm, one, standing):
        return ""
    return proposal(one.row, rule.says(one.row, on_paper=one.is_on_paper))


def _obstacle(rule: Rule, roster: Roster, arm: Arm, one: Known, standing: Standing) -> str:
    """What is on hold, open, breached or unknown, because of which a share does not grow.

    A guard that only waits for more live trades does not hold up a rule that compares on paper:
    what that asks of paper stands in its place, and without traffic there would never be any.
    """
    if roster.ramp_frozen_by:
        return f"on hold by {', '.join(sorted(roster.ramp_frozen_by))}"
    if roster.blocking_reviews(arm.name):
        return "a review is open"
    if not (rule.compares_on_paper and one.is_on_paper):
        return guard_obstacle(standing)
    if isnan(one.row.pf_30):
        return f"it has no profit factor of its last {SHORT} trades, live and on paper"
    told = [(verdict, holds) for verdict, holds in standing.verdicts if not _waits(verdict)]
    return guard_obstacle(replace(standing, verdicts=told))


def _waits(verdict: Verdict) -> bool:
    """Whether a guard only has too few trades yet."""
    reading = verdict.reading
    return verdict.answer == "unknown" and isinstance(reading, Undefined) and (
        reading.state == "warming"
    )  # fmt: skip


def _grow(
    rule: Rule,
    roster: Roster,
    arm: Arm,
    one: Known,
    standing: Standing,
    bounds: ShareRules,
    shares: Mapping[str, float],
) -> Step:
    """The step of an arm that the rule wants to grow, as far as it goes."""
    row = one.row
    told = rule.says(row, on_paper=one.is_on_paper)
    others = {name: share for name, share in shares.items() if share and name != arm.name}
    if why := _obstacle(rule, roster, arm, one, standing):
        return Step(arm.name, arm.share, arm.share, f"{told}, but {why}")
    proposes = _proposes(rule, roster, arm, one, standing)
    if rule.compares_on_paper and others and not arm.share:
        told = f"{told}, but {', '.join(sorted(others))} has real traffic still"
        return Step(arm.name, arm.share, arm.share, told)
    is_free = bool(rule.frees_after) and row.live_trades >= rule.frees_after
    cap, least = (1.0, 0.0) if is_free else (bounds.cap, bounds.champion_floor)
    room = round(1.0 - least - sum(others.values()), 12)
    after = min(_wanted(rule, arm, row), cap, room)
    if after <= arm.share:
        told = (
            f"{told}, but there is no room: {100 * cap:.0f} % is the most, and the champion "
            f"keeps {100 * least:.0f} %"
        )
        return Step(arm.name, arm.share, arm.share, told, proposes)
    return Step(arm.name, arm.share, round(after, 12), told, proposes)
