"""A breach tried in earnest, in a house of its own: a desk over a database nobody else knows of.

It is the desk that runs elsewhere, by the same checklist: facts are written into its ledger, it
judges, commits what follows, and tells a file who gets how much. Each stage that it passes is
timed. The last step of a course is what counts; those before it are as when a desk has run for a
while.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tiltyard.actions.record import Event, registered
from tiltyard.checklist.guard import Guard
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money_text
from tiltyard.shell.commanding import take
from tiltyard.shell.drill.breaching import (
    SOURCE,
    Course,
    Step,
    capital_in,
    course_for,
    roster_of,
)
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.effects.delivery import VERIFIED, deliver
from tiltyard.shell.live import COMMITTED, JUDGED, LiveDesk
from tiltyard.shell.own_folder import own_folder
from tiltyard.shell.rehearsal import rehearse_halt
from tiltyard.shell.sections.market import MarketSettings
from tiltyard.shell.settings import AccountSettings, RunSettings, Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import SHARES, open_effects
from tiltyard.shell.targets import FileTarget

LINKS = ("told", "judged", "committed", "shares told")
"""What a breach passes: its last fact is in the ledger, it is judged, what follows is committed,
and where that changes shares, a file has them."""
PREFIX = ".tiltyard-drill-"
"""What the names of their houses begin with."""
_STAGES = {"told": LINKS[0], JUDGED: LINKS[1], COMMITTED: LINKS[2], VERIFIED: LINKS[3]}
"""The links that end with the stages of a desk."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one guard.

    Attributes:
        guard: Which.
        follows: What the desk did, such as ``halt``; empty where the guard did not trip.
        spans: Seconds that each link took, in their order; that of shares only where they changed.
        why_not: Why nothing can be said of it; empty where it tripped.
        lost: What of that was told to nobody; empty where all was.
    """

    guard: Guard
    follows: str
    spans: Mapping[str, float]
    why_not: str = ""
    lost: str = ""

    @property
    def is_well(self) -> bool:
        """Whether what is declared has followed, and was told."""
        return self.is_as_declared and not self.lost

    @property
    def is_as_declared(self) -> bool:
        """Whether what the checklist declares has followed."""
        return self.guard.effect in self.follows.split(" + ")


def tried(
    guard: Guard, settings: Settings, stamp: str, now: datetime, steady: Callable[[], float],
    beside: Path | None = None,
) -> Tried:  # fmt: skip
    """Drive a guard into its breach, and say what followed and when.

    Args:
        guard: Of the checklist in force.
        settings: In force.
        stamp: Of the drill; the name of its challenger.
        now: UTC; when the first step may be.
        steady: Seconds on a clock that is never set.
        beside: A folder on the disk that is to be tried; None for that of temporary files.

    Raises:
        TiltyardError: What is wrong with the disk or the database.
    """
    own = _apart(settings, guard)
    roster = roster_of(stamp, own, now)
    course = course_for(guard, own, roster, now)
    if course is None:
        return Tried(guard, "", {}, "nothing that a drill tries trips it")
    with (
        own_folder(PREFIX, beside) as place,
        Ledger.open(str(place / "drill.db"), create=True) as ledger,
    ):
        shares = place / "shares"  # whoever writes there locks the folder, and its own is locked
        shares.mkdir()
        arms = [registered(arm, now, SOURCE) for arm in roster.arms.values()]
        ledger.save_roster(roster, arms, at=now)
        return _House(ledger, own, shares, steady).run(course, now)


def _apart(settings: Settings, guard: Guard) -> Settings:
    """The same, with nothing in it that is anybody else's, and where other guards only observe.

    Else one that trips sooner would take the arm away before this one has what it needs.
    """
    others = replace(
        settings.checklist,
        guards=tuple(
            one if one.name == guard.name else replace(one, mode="observe")
            for one in settings.checklist.guards
        ),
    )
    account = settings.account
    if account.capital is None:
        capital = float(money_text(capital_in(settings)))
        account = AccountSettings(name=account.name, currency=account.currency, capital=capital)
    alone = {
        "account": account, "market": MarketSettings(), "run": RunSettings(deadman=1e9),
        "checklist": others,
    }  # fmt: skip
    return settings.model_copy(update=alone)


class _House:
    """The desk of a drill.

    Args:
        ledger: Its own, with its arms.
        settings: Of nobody else.
        folder: Its own, for the file of shares.
        steady: Seconds on a clock that is never set.
    """

    def __init__(
        self, ledger: Ledger, settings: Settings, folder: Path, steady: Callable[[], float]
    ) -> None:
        self._ledger, self._settings, self._steady = ledger, settings, steady
        self._file = FileTarget(folder / "shares.json")
        self._stages: dict[str, float] = {}

    def run(self, course: Course, now: datetime) -> Tried:
        """Take all its steps, and time the last."""
        token = take(self._ledger, SOURCE, now) or 0  # nobody else is there to have it
        takes = {self._file.name: self._file.takes}
        desk = LiveDesk(
            self._ledger, self._settings, token, announcing=Announcing(takes),
            on_stage=self._passed, night_after=None,
        )  # fmt: skip
        desk.start()
        digest = self._settings.checklist.digest
        rehearse_halt(self._ledger, desk.roster, takes, digest, now)
        for step in (Step(now, ()), *course.before):
            self._tell(step)
            desk.step(step.at)
            self._deliver(token, step.at)
        self._stages.clear()
        began = self._steady()
        self._tell(course.last)
        self._passed("told")
        events = desk.step(course.last.at)
        self._deliver(token, course.last.at)
        if desk.trouble is not None:
            raise desk.trouble
        return self._came_of(course, events, began)

    def _tell(self, step: Step) -> None:
        trades = [fact for fact in step.facts if isinstance(fact, Trade)]
        if trades:
            with self._ledger.staging() as staging:
                staging.add([(number, one, False) for number, one in enumerate(trades)])
                staging.commit(now=step.at, known_at=step.at)
        readings = [fact for fact in step.facts if isinstance(fact, Observation)]
        if readings:
            self._ledger.append_observations(readings, known_at=step.at)

    def _deliver(self, token: int, now: datetime) -> None:
        deliver(
            self._ledger, token, {self._file.name: self._file}, now, on_stage=self._passed,
            lane=(self._file.name, SHARES),
        )  # fmt: skip

    def _passed(self, stage: str) -> None:
        self._stages[stage] = self._steady()

    def _came_of(self, course: Course, events: list[Event], began: float) -> Tried:
        own = [one for one in events if one.get("cause") == course.guard.name]
        if not own:
            why = "the loop in memory trips it, and the desk in its house did not"
            return Tried(course.guard, "", {}, why)
        spans, since = {}, began
        for stage, link in _STAGES.items():
            if (at := self._stages.get(stage)) is not None:
                spans[link], since = at - since, at
        follows = " + ".join(dict.fromkeys(one["event"] for one in own))
        return Tried(course.guard, follows, spans, lost=self._untold())

    def _untold(self) -> str:
        """Why a file does not have who gets how much; empty where it has."""
        with self._ledger.snapshot() as still:
            waiting = [one for one in open_effects(still.connection) if one.kind == SHARES]
        return f"nobody was told the shares: {waiting[-1].told}" if waiting else ""
