"""Laws of the roster, whoever acts in whatever order.

People ask by name, guards trip and clear, nights scale, somebody edits shares by SQL,
policies register, and the configuration changes. After every single step:

- shares add up to one, each between 0 and 1, and exactly one arm is the champion;
- whoever is not on trial and not the champion has nothing;
- no step takes the champion below the floor in force; one that is below it already,
  because the floor was raised, is taken no lower;
- no share on one trial grows by more than one multiplication in a trading day; one that
  somebody set to 0 by SQL may go back to the ceiling it had then;
- the audit, written and read again, adds up to the roster;
- a verb either refuses in words, or every one of its actions can be done, and asked
  again it has nothing left to do.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.actions.apply import apply
from tiltyard.actions.on_hold import on_hold
from tiltyard.actions.plan import (
    plan,
    plan_admissions,
    plan_ceilings,
    plan_expiry,
    plan_night,
)
from tiltyard.actions.record import Event, acted, after
from tiltyard.actions.verbs import PLANNERS, Situation, obey
from tiltyard.actions.way_back import ThrottledArm, plan_resume
from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.audit import canonical
from tiltyard.facts.command import Command, Verb
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Value
from tiltyard.router.lifecycle import TRADING
from tiltyard.scaling.ladder import FACTOR, ShareRules, Standing, ladder
from tiltyard.shell.registration import Registration, register, welcome

START = datetime(2025, 7, 7, 2, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
CAPITAL = Money(10**12)
NAMES = ("one", "two", "three", "four", "five")
VERBS: tuple[Verb, ...] = tuple(sorted(PLANNERS))
ODD_GUARDS = (
    Guard("account_review", "account", "pf_150", Comparison("<", 1), "review", 90),
    Guard("arm_rollback", "arm", "pf_150", Comparison("<", 1), "propose_rollback", 91),
    Guard("person", "account", "pf_150", Comparison("<", 1), "freeze_challengers", 92),
)
CHECKLIST = Checklist((*DEFAULT_CHECKLIST.guards, *ODD_GUARDS), "digest")
TOLERANCE = 1e-9
NOTHING_MORE: Mapping[str, str] = {}
NOBODY_HOLDS: Mapping[str, int] = {}

Pick = tuple[int, int, int]


def sized(arm: Arm) -> bool:
    return arm.capital is not None


def trading_day(at: datetime) -> date:
    return at.date()


class World:
    """A roster, its audit read back, and everybody who acts on it."""

    def __init__(self) -> None:
        self.now = START
        self.rules = ShareRules()
        self.roster = self.folded = Roster()
        self.most_today: dict[str, tuple[datetime | None, float]] = {}
        self.registers_a_champion((0, 0, 0))
        for number in (1, 2):
            self.registers((number, 1, 9))

    def audit(self, events: Iterable[Event]) -> None:
        for event in events:
            self.folded = after(self.folded, json.loads(canonical(event)))

    def does(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self.roster = apply(self.roster, action)
            self.audit([acted(action, "digest", "desk")])
            self.holds_its_laws()

    def one_of(self, number: int) -> Arm:
        arms = list(self.roster.arms.values())
        return arms[number % len(arms)]

    def commands(self, pick: Pick) -> None:
        verb, other = VERBS[pick[0] % len(VERBS)], self.one_of(pick[2])
        policy = self.one_of(pick[1]).name
        if verb == "rollback" and pick[1] % 3:
            policy = self.roster.champion().name
        arguments = {"number": str(pick[2] % 8)}
        if pick[1] % 4 == 0:
            arguments |= {"to": other.name, "hold": "api_error_rate_high"}
        self.asks(verb, policy, arguments, {other.name: 1})

    def people_look(self, pick: Pick) -> None:
        """Every hold is ended, every review acknowledged, and somebody comes back."""
        for hold in on_hold(self.roster):
            self.asks("resume", arguments={"hold": hold.name})
        for review in self.roster.open_reviews():
            self.asks("acknowledge", arguments={"number": str(review.number)})
        lost = [a for a in self.roster.challengers() if a.state not in TRADING]
        if lost:
            self.asks("rearm", lost[pick[0] % len(lost)].name)

    def people_decide(self, pick: Pick) -> None:
        """Somebody who grew is proposed and approved, or the champion is rolled back."""
        live = [arm.name for arm in self.roster.challengers() if arm.state == "live"]
        if pick[0] % 2 or not live:
            self.asks("rollback", self.roster.champion().name)
            return
        name = live[pick[1] % len(live)]
        self.does([Action("propose_promotion", name, "ladder", "enforce", self.now)])
        self.asks("approve", name)

    def asks(
        self, verb: Verb, policy: str = "", arguments: Mapping[str, str] = NOTHING_MORE,
        held: Mapping[str, int] = NOBODY_HOLDS,
    ) -> None:  # fmt: skip
        command = Command("key", verb, policy, "ada", "", self.now, arguments)
        try:
            obeyed = obey(command, Situation(self.roster, self.rules, self.now, held))
        except TiltyardError:
            return
        self.does(obeyed.actions)
        with suppress(TiltyardError):
            again = obey(command, Situation(self.roster, self.rules, self.now, held))
            assert not again.actions

    def guards_speak(self, pick: Pick) -> None:
        guard = CHECKLIST.guards[pick[0] % len(CHECKLIST.guards)]
        subjects = [arm.name for arm in self.roster.challengers() if arm.state in TRADING]
        if guard.scope == "champion":
            subjects = [self.roster.champion().name]
        elif guard.scope == "account":
            subjects = ["default"]
        if not subjects:
            return
        how = pick[2] % 4
        verdict = Verdict(
            guard.name, guard.scope, subjects[pick[1] % len(subjects)],
            "breach" if how < 2 else "unknown" if how == 2 else "pass",
            Value(1.0, 30), 1.6, confirmed=how < 2, tripped=how < 3, cleared=how == 3,
            escalated=how == 2, reason="", at=self.now, up_to_seq=1,
        )  # fmt: skip
        self.does(plan([verdict], self.roster, CHECKLIST))

    def comes_back(self, pick: Pick) -> None:
        arm, guard = self.one_of(pick[0]), CHECKLIST.guard("challenger_profit_factor_low")
        throttled = ThrottledArm(arm, guard, True, Value(2.0, 30), 30, self.now - 2 * DAY)  # noqa: FBT003 it has cleared
        action = plan_resume(throttled, self.roster, self.rules, self.now)
        self.does([action] if action else [])

    def graduates(self, pick: Pick) -> None:
        arm = self.one_of(pick[0])
        if arm.state == "probation":
            self.does([Action("graduate", arm.name, "lifecycle", "enforce", self.now)])

    def night_falls(self, pick: Pick) -> None:
        self.now = START + (trading_day(self.now) - START.date()) + DAY
        self.most_today = {}
        self.holds_its_laws()
        self.does(plan_expiry(self.roster, self.now))
        self.does(plan_ceilings(self.roster, self.rules, self.now, trading_day))
        self.ladder_runs(pick)
        ready = [arm.name for arm in self.roster.challengers() if arm.capital is not None]
        self.does(plan_admissions(self.roster, ready, self.rules, self.now))

    def ladder_runs(self, pick: Pick) -> None:
        standings = {
            arm.name: Standing(
                Value(1.0 + (pick[index % 3] + index) % 4, 150), Value(2.0, 150),
                Value(float((pick[1] + index) % 4), 150),
                scaled_today=arm.scaled_at is not None
                and trading_day(arm.scaled_at) >= trading_day(self.now),
                live_trades=600, losses=9,
            )
            for index, arm in enumerate(self.roster.challengers())
        }  # fmt: skip
        self.does(plan_night(ladder(self.roster, standings, self.rules), self.roster, self.now))

    def edits_by_sql(self, pick: Pick) -> None:
        """What the database's trigger makes of ``traffic_allocation = asked``."""
        arm, roster = self.one_of(pick[0]), self.roster
        asked = arm.share * FACTOR if pick[1] % 2 else (pick[2] % 13 - 1) / 10
        others = sum(a.share for a in roster.challengers() if a.name != arm.name)
        room = 1.0 - self.rules.champion_floor - others
        most = arm.share if roster.holds() else max(arm.share, min(arm.ceiling, room))
        share = round(max(0.0, min(asked, most)), 12)
        raised = share > arm.share and arm.role != "champion"
        ceiling = share if raised else arm.ceiling
        self.does([
            Action("external_edit", arm.name, "sql", "enforce", self.now, before=arm.share,
                   after=share, ceiling=ceiling, value=asked)
        ])  # fmt: skip

    def registers(self, pick: Pick) -> None:
        capital = CAPITAL if pick[1] % 2 else None
        share = None if pick[2] % 2 else (pick[2] % 8) / 10
        name = NAMES[pick[0] % len(NAMES)]
        wanted = Registration(name, "challenger", "", capital, share, self.now)
        with suppress(TiltyardError):
            self.roster, events = register(self.roster, wanted, self.rules, self.now, "ada", sized)
            self.audit(events)

    def registers_a_champion(self, pick: Pick) -> None:
        name = f"champion_{pick[0] % 2}"
        capital = CAPITAL if pick[1] % 2 else None
        wanted = Registration(name, "champion", "", capital, None, self.now)
        with suppress(TiltyardError):
            self.roster, events = register(self.roster, wanted, self.rules, self.now, "ada", sized)
            self.audit(events)

    def ingests_unknown_names(self, pick: Pick) -> None:
        names = [f"file_{pick[0] % 3}"]
        if names[0] not in self.roster.arms:
            self.roster, events = welcome(self.roster, names, CAPITAL, self.rules, self.now, "ada")
            self.audit(events)

    def is_configured(self, pick: Pick) -> None:
        floor = (0.3, 0.4, 0.6)[pick[0] % 3]
        self.rules = replace(self.rules, champion_floor=floor, cap=(0.6, 0.25)[pick[1] % 2])

    def step(self, who: str, pick: Pick) -> None:
        self.now += MINUTE
        before = self.roster.champion().share
        getattr(self, who)(pick)
        champion = self.roster.champion()
        assert champion.share >= min(before, self.rules.champion_floor) - TOLERANCE
        self.holds_its_laws()

    def holds_its_laws(self) -> None:
        arms = self.roster.arms.values()
        assert abs(sum(arm.share for arm in arms) - 1.0) < TOLERANCE
        assert all(0.0 <= arm.share <= 1.0 for arm in arms)
        champion = self.roster.champion()
        assert champion.state == "champion"
        assert FLAT in self.roster.arms
        for arm in self.roster.challengers():
            assert arm.state != "champion"
            if arm.state not in TRADING:
                assert (arm.share, arm.ceiling, arm.held_share) == (0.0, 0.0, 0.0), arm
            self._grows_once_a_day(arm)
        assert self.folded == self.roster

    def _grows_once_a_day(self, arm: Arm) -> None:
        if arm.state not in TRADING:
            self.most_today.pop(arm.name, None)
            return
        trial, most = self.most_today.get(arm.name, (None, -1.0))
        if most < 0 or trial != arm.trial_started_at:
            most = (arm.share or arm.held_share) * FACTOR or arm.ceiling
            self.most_today[arm.name] = (arm.trial_started_at, most)
        assert arm.share <= most + TOLERANCE, arm


ACTORS = (
    "commands", "commands", "people_look", "people_look", "people_decide", "guards_speak",
    "comes_back", "graduates", "graduates", "night_falls", "night_falls", "ladder_runs",
    "edits_by_sql", "edits_by_sql", "registers", "registers_a_champion",
    "ingests_unknown_names", "is_configured",
)  # fmt: skip

picks = st.tuples(*[st.integers(0, 11)] * 3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTORS), picks), max_size=60))
def test_the_laws_hold_whoever_acts_in_whatever_order(
    acts: list[tuple[str, Pick]],
) -> None:
    world = World()
    for who, pick in acts:
        world.step(who, pick)
