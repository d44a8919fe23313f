"""``demo`` on a market: policies that trade by themselves, on hours that were or never were.

On real hours a champion follows two averages, and three challengers slower averages, breakouts
and reversion. On a simulated market whose trends last, one challenger is better than the
champion, one is bad, and one drifts: it is the good one until it forgets what it knew. Every
bar goes through the floor, every trade through the desk. On a terminal one watches the arms;
what is printed is what the desk did and when, what each stop was worth by what the arms did on
paper afterwards, and what real fills were worth beside those on paper.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

import typer

from tiltyard.facts.action import Action
from tiltyard.kernel.money import money
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import Costs
from tiltyard.metrics.unit import NAMES
from tiltyard.policies.catalogue import POLICIES
from tiltyard.policies.policy import Intent, Observation, Policy
from tiltyard.policies.trend import Trend
from tiltyard.router.floor import Seat
from tiltyard.shell.cli.watching import watching
from tiltyard.shell.effects.announce import EVERY_DAY
from tiltyard.shell.feeds.files import read_feed
from tiltyard.shell.pictures.page import write_page
from tiltyard.shell.replaying.course import Course, Venue, hours_of
from tiltyard.shell.report.content import describe
from tiltyard.shell.report.gap import gap_lines, gap_section
from tiltyard.shell.report.receipts import closing_lines
from tiltyard.shell.report.rules import closing_rules
from tiltyard.shell.report.text import action_line, standing_lines
from tiltyard.shell.settings import Settings

SEED = 20250707
CAPITAL = money(10_000)
SIZED = 0.03
"""Of the capital in each position: the 4 % halt is a rule of sizing."""
COSTS = Costs(fee_bps=5, half_spread_bps=1)
CHAMPION = "trend_20201001_000000_c4a3b105"
ON_REAL_HOURS: Mapping[str, Policy] = {
    CHAMPION: POLICIES.get("trend"),
    "trend_20201001_000000_510e0200": POLICIES.get("slow-trend"),
    "breakout_20201001_000000_b0ea4b00": POLICIES.get("breakout"),
    "reversion_20201001_000000_0badcafe": POLICIES.get("reversion"),
}
GOOD, BAD = Trend(50, 100, stop_ranges=6), POLICIES.get("reversion")


@dataclass(frozen=True, slots=True)
class Drifting:
    """A policy that is another from a time on, as one that has learnt is when its market changes.

    Attributes:
        before: What it was.
        since: From when on it is another, UTC.
        after: What it is then.
    """

    before: Policy
    since: datetime
    after: Policy

    @property
    def needs(self) -> tuple[str, ...]:
        """What both need."""
        return (*self.before.needs, *self.after.needs)

    @property
    def looks_back(self) -> int:
        """As far as either."""
        return max(self.before.looks_back, self.after.looks_back)

    def act(self, observation: Observation, rng: Random) -> Intent:
        """As the one that it is by now."""
        changed = observation.features.as_of >= self.since
        return (self.after if changed else self.before).act(observation, rng)


def on_a_simulated_market(drifts_at: datetime) -> Mapping[str, Policy]:
    """The champion, a good, a bad and a drifting challenger."""
    return {
        CHAMPION: Trend(20, 100, stop_ranges=6),
        "trend_20250325_090000_600dcafe": GOOD,
        "reversion_20250326_090000_badc0de5": BAD,
        "timesnet_20250327_090000_d21f7000": Drifting(GOOD, drifts_at, BAD),
    }


NOT_SHOWN = EVERY_DAY | {"review", "page"}
"""What a person is asked for beside what was done."""
REAL_BARS = "*_[uU][sS][dD][tT]-1h.parquet"


@dataclass(frozen=True, slots=True)
class Market:
    """Where a course of the demo is played.

    Attributes:
        title: For people.
        feeds: The bars of each symbol.
        policies: Who trades them, by name; the champion is among them.
        settings: With the checklist.
        page: Where the picture goes.
        live_costs: What real fills cost, where that is more than on paper.
    """

    title: str
    feeds: Sequence[Sequence[Bar]]
    policies: Mapping[str, Policy]
    settings: Settings
    page: Path
    live_costs: Costs | None = None


def real_feeds(folder: Path) -> list[Sequence[Bar]]:
    """The hours of every symbol in a folder; what is no price is told."""
    feeds = [read_feed(file) for file in sorted(folder.glob(REAL_BARS))]
    for feed in feeds:
        for flaw in feed.flaws:
            typer.echo(f"stale: {flaw}")
    return [feed.bars for feed in feeds]


def play_market(market: Market) -> None:
    """Play one course and say what came of it."""
    typer.echo(f"\n=== {market.title}\n")
    began = min(bars[0].opened_at for bars in market.feeds)
    ended = max(bars[-1].closes_at(HOUR) for bars in market.feeds)
    seats = {name: Seat(policy, CAPITAL, SIZED) for name, policy in market.policies.items()}
    course = Course(market.settings, seats, CHAMPION, Venue(HOUR, COSTS, market.live_costs), began,
                    seed=SEED)  # fmt: skip
    with watching(course) as (say, progress):
        course.play(
            hours_of(market.feeds), on_action=lambda action: _show(action, say), progress=progress
        )
    typer.echo("\n".join(_closing(course, began, ended)))
    names = list(course.desk.roster.arms)
    reports = [describe(course.desk, one, ended, course.recording.actions) for one in names]
    write_page(market.page, course.recording, reports, ended)
    typer.echo(f"Page: {market.page}")


def _show(action: Action, say: Callable[[str], object]) -> None:
    if action.kind not in NOT_SHOWN:
        say(action_line(action))


def _closing(course: Course, began: datetime, ended: datetime) -> Iterator[str]:
    arms = course.desk.roster.arms.values()
    yield f"\n{course.trades:,} trades, live and on paper, {began:%Y-%m-%d} to {ended:%Y-%m-%d}"
    yield from standing_lines(course.desk.roster)
    yield from closing_lines(course.receipts())
    yield from closing_rules(course.other_rules(course.desk.settings.scaling.rule))
    yield "\nLive fills beside their twins on paper, by volatility and symbol:"
    if not course.has_live_costs:
        yield "  (here both fill at the same prices and costs, so each gap is 0)"
    for arm in arms:
        if not (lines := gap_lines(course.desk.panel.arm(arm.name).gap)):
            continue
        yield f"  {arm.name}, in {NAMES[lines[0].unit]}"
        for line in gap_section(lines):
            yield f"    {line}"
