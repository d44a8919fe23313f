"""``demo`` on a market: policies that trade by themselves, on hours that were or never were.

A champion that follows two averages, and three challengers: slower averages, breakouts,
reversion. Every bar goes through the floor, every trade through the desk. What is printed is
what the desk did and when; what each arm's shadow book said after it lost its traffic; and
what real fills were worth beside those on paper.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typer

from tiltyard.facts.action import Action
from tiltyard.kernel.money import money
from tiltyard.kernel.undefined import Value
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import Costs
from tiltyard.metrics.shadow_gap import Gap
from tiltyard.policies.catalogue import POLICIES
from tiltyard.router.floor import Seat
from tiltyard.shell.announce import EVERY_DAY
from tiltyard.shell.cli.progress import counting
from tiltyard.shell.course import AFTERWARDS, Course, Stop, Venue, hours_of
from tiltyard.shell.feeds import read_feed
from tiltyard.shell.page import write_page
from tiltyard.shell.report.content import describe
from tiltyard.shell.report.text import action_line, standing_lines
from tiltyard.shell.settings import Settings

SEED = 20250707
CAPITAL = money(10_000)
SIZED = 0.1
COSTS = Costs(fee_bps=5, half_spread_bps=1)
CHAMPION = "trend_20201001_000000_c4a3b105"
KINDS = {
    CHAMPION: "trend",
    "trend_20201001_000000_510e0200": "slow-trend",
    "breakout_20201001_000000_b0ea4b00": "breakout",
    "reversion_20201001_000000_0badcafe": "reversion",
}
REAL_BARS = "*_usdt-1h.parquet"


@dataclass(frozen=True, slots=True)
class Market:
    """Where a course of the demo is played.

    Attributes:
        title: For people.
        feeds: The bars of each symbol.
        settings: With the checklist.
        page: Where the picture goes.
    """

    title: str
    feeds: Sequence[Sequence[Bar]]
    settings: Settings
    page: Path


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
    seats = {name: Seat(POLICIES.get(kind), CAPITAL, SIZED) for name, kind in KINDS.items()}
    course = Course(market.settings, seats, CHAMPION, Venue(HOUR, COSTS), began, seed=SEED)
    with counting(market.page.stem, "hours") as progress:
        course.play(hours_of(market.feeds), on_action=_show, progress=progress)
    typer.echo("\n".join(_closing(course, began, ended)))
    names = list(course.desk.roster.arms)
    reports = [describe(course.desk, one, ended, course.recording.actions) for one in names]
    write_page(market.page, course.recording, reports, ended)
    typer.echo(f"Page: {market.page}")


def _show(action: Action) -> None:
    if action.kind not in EVERY_DAY:
        typer.echo(action_line(action))


def _closing(course: Course, began: datetime, ended: datetime) -> Iterator[str]:
    arms = course.desk.roster.arms.values()
    width = max(len(arm.name) for arm in arms)
    yield f"\n{course.trades:,} trades, live and on paper, {began:%Y-%m-%d} to {ended:%Y-%m-%d}"
    yield from standing_lines(course.desk.roster)
    yield from _aftermath(course.stops, width)
    yield "\nLive fills beside their twins on paper, in R:"
    for arm in arms:
        gap = course.desk.panel.arm(arm.name).gap.read()
        yield f"  {arm.name:<{width}}  {_gap_text(gap) if isinstance(gap, Gap) else gap}"


def _aftermath(stops: Iterable[Stop], width: int) -> Iterator[str]:
    yield f"\nWhat the shadow book said in the {AFTERWARDS} trades after each stop:"
    for stop in stops:
        reading, action = stop.profit_factor(), stop.action
        said = f"{reading.number:.2f}" if isinstance(reading, Value) else str(reading)
        few = "" if stop.trades == AFTERWARDS else f" ({stop.trades} trades)"
        yield (
            f"  {action.at:%Y-%m-%d %H:%M}  {action.kind:<8}  {action.policy:<{width}}  "
            f"profit factor {said}{few}"
        )


def _gap_text(gap: Gap) -> str:
    """The mean, its interval, and how many pairs it is made from."""
    return f"{gap.mean:+.3f}, interval {gap.low:+.3f} … {gap.high:+.3f}, {gap.pairs:,} pairs"
