"""Whoever acts in whatever order, the database is right after every single commit.

People ask, with a desk or without; somebody edits shares by SQL; nights fall; policies
register; trades come in; a desk starts, stops, or is killed. Another connection looks after
every commit:

- shares add up to one, each between 0 and 1, and exactly one arm is the champion;
- whoever is not on trial and not the champion has nothing, and no room for anything;
- the audit, and the edits that it does not tell of yet, add up to the tables;
- a command has one outcome, and asked again it is the same command.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conformance.desks import (
    DAY,
    GUARDED,
    MINUTE,
    NOW,
    Clock,
    asked,
    audit_length,
    desk_on,
    run_sql,
)
from conformance.samples import USERS_SQL, NewDatabase
from tiltyard.actions.on_hold import on_hold
from tiltyard.facts.command import Outcome, Verb
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money
from tiltyard.router.lifecycle import TRADING
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.ingest import Reading, ingest
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.command_table import every_command
from tiltyard.shell.store.ledger import Ledger

NAMES = (
    "reinforcement_20250707_154526_eee02a74", "timesnet_20250701_090000_0badcafe",
    "timesnet_20250702_090000_1badcafe", "bot", "prod",
)  # fmt: skip
HEADER = "trade_id,policy,symbol,side,opened_at,closed_at,pnl"
VERBS: tuple[Verb, ...] = (
    "halt", "throttle", "freeze", "stop_all", "rollback", "rearm", "resume", "retire",
    "acknowledge", "approve", "scale",
)  # fmt: skip
TOLERANCE = 1e-9

names = st.sampled_from(NAMES)


class Witness:
    """Looks at the database over a connection of its own, after every commit."""

    def __init__(self, url: str) -> None:
        self._ledger = Ledger.open(url)
        self.looks = 0
        self.behind = False
        self.now = NOW
        self.wrong: list[BaseException] = []
        self._seen: tuple[object, ...] = ()

    def close(self) -> None:
        self._ledger.close()

    def look(self) -> None:
        """A connection of whoever acts is given back: something may be committed."""
        try:
            self._look()
        except BaseException as error:  # noqa: BLE001 the pool would swallow it
            self.wrong.append(error)

    def _look(self) -> None:
        with self._ledger.snapshot() as still:
            state = still.connection.execute(
                sa.text(
                    "SELECT (SELECT MAX(seq) FROM audit), (SELECT SUM(revision) FROM bandit_arms),"
                    " (SELECT MAX(seq) FROM external_edits), (SELECT COUNT(*) FROM outcomes)"
                )
            ).one()
            if tuple(state) == self._seen:
                return
            self._seen = tuple(state)
            self.looks += 1
            roster = still.roster()
            if not roster.arms:
                return
            arms = roster.arms.values()
            assert abs(sum(arm.share for arm in arms) - 1) < TOLERANCE
            assert all(0 <= arm.share <= 1 for arm in arms)
            assert roster.champion().state == "champion"
            for arm in roster.challengers():
                if arm.state not in TRADING:
                    assert (arm.share, arm.ceiling, arm.held_share) == (0, 0, 0), arm
            try:
                verify(still, GUARDED, self.now)
            except TiltyardError as error:
                # a desk that lives measures what came in when it makes its round
                if not (self.behind and error.code == "METRICS_DIFFER"):
                    raise


class Desks(RuleBasedStateMachine):
    """Everybody, on one database."""

    new_database: NewDatabase

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        url = self.open.enter_context(type(self).new_database())
        self.ledger = self.open.enter_context(Ledger.open(url, create=True))
        self.folder = Path(self.open.enter_context(tempfile.TemporaryDirectory()))
        self.clock = Clock()
        self.witness = Witness(url)
        self.open.callback(self.witness.close)
        self.token = 0
        self.numbers = 0
        self.answers: dict[str, tuple[Verb, Outcome]] = {}
        sa.event.listen(self.ledger._engine, "checkin", lambda *_: self.witness.look())

    def teardown(self) -> None:
        self.open.close()

    def sees_nothing_wrong(self) -> None:
        self.witness.now = self.clock.now
        self.witness.look()
        for error in self.witness.wrong:
            raise error
        with self.ledger.snapshot() as still:
            asked_for = every_command(still.connection)
        for command, outcome in asked_for:
            assert outcome == self.answers[command.key][1]

    def asks(self, verb: Verb, policy: str = "", **arguments: str) -> None:
        self.numbers += 1
        key = f"command {self.numbers}"
        self.clock.now += MINUTE / 30
        self.witness.now = self.clock.now
        outcome = asked(
            self.ledger, verb, policy, clock=self.clock, settings=GUARDED, key=key, **arguments
        )
        self.answers[key] = (verb, outcome)
        rows = audit_length(self.ledger)
        again = asked(
            self.ledger, verb, policy, clock=self.clock, settings=GUARDED, key=key, **arguments
        )
        assert (again.code, again.at) == (outcome.code, outcome.at)
        assert again.text.startswith(outcome.text)
        assert audit_length(self.ledger) == rows
        self.witness.behind = self.witness.behind and self.clock.desk is None
        self.sees_nothing_wrong()

    @initialize(first=st.integers(1, 3))
    def there_are_some(self, first: int) -> None:
        self.registers("prod", "champion", 5)
        for name in NAMES[:first]:
            self.registers(name, "challenger", 5)

    @rule(verb=st.sampled_from(VERBS), policy=names, number=st.integers(1, 6))
    def a_person_asks(self, verb: Verb, policy: str, number: int) -> None:
        whom = "" if verb in ("freeze", "stop_all", "resume", "acknowledge") else policy
        if verb == "scale" and number % 2:
            whom = ""
        arguments = {"number": str(number)} if verb in ("acknowledge", "approve") else {}
        self.asks(verb, whom, **arguments)

    @rule()
    def people_look(self) -> None:
        for hold in on_hold(self.ledger.roster()):
            self.asks("resume", hold=hold.name)
        roster = self.ledger.roster()
        for review in roster.open_reviews():
            self.asks("acknowledge", number=str(review.number))
        for arm in roster.challengers():
            if arm.state in ("throttled", "halted"):
                self.asks("rearm", arm.name)

    @rule(policy=names, role=st.sampled_from(["challenger", "champion"]), share=st.integers(0, 6))
    def registers(self, policy: str, role: str, share: int) -> None:
        arguments = {} if share % 2 else {"share": str(share / 10)}
        created = time_text(self.clock.now)
        self.asks("register", policy, role=role, capital="1000", created_at=created, **arguments)

    @rule(policy=names, share=st.sampled_from(["traffic_allocation * 1.5", "0", "0.3", "1", "-1"]))
    def somebody_edits_one(self, policy: str, share: str) -> None:
        run_sql(
            self.ledger,
            f"UPDATE bandit_arms SET traffic_allocation = {share} "  # noqa: S608 we write it
            f"WHERE policy_id = (SELECT id FROM policies WHERE name = '{policy}')",
        )
        self.sees_nothing_wrong()

    @rule(share=st.sampled_from(["traffic_allocation * 1.5", "0.05", "1"]))
    def somebody_edits_all(self, share: str) -> None:
        run_sql(self.ledger, f"UPDATE bandit_arms SET traffic_allocation = {share}, ceiling = 1")  # noqa: S608 we write it
        self.sees_nothing_wrong()

    @rule()
    def the_users_scale(self) -> None:
        run_sql(self.ledger, USERS_SQL)
        self.sees_nothing_wrong()

    @rule(policy=names, trades=st.sampled_from([1, 7, 160]), losing=st.booleans())
    def trades_come_in(self, policy: str, trades: int, losing: bool) -> None:  # noqa: FBT001 drawn
        self.clock.now += trades * MINUTE
        lines = [HEADER]
        for n in range(trades):
            closed = self.clock.now - (trades - n) * MINUTE
            opened = time_text(closed - MINUTE / 2)
            pnl = (-9 if losing else 4) if n % 2 == 0 else (2 if losing else -1)
            self.numbers += 1
            lines.append(f"{self.numbers},{policy},BTC,long,{opened},{time_text(closed)},{pnl}")
        file = self.folder / f"trades_{self.numbers}.csv"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.witness.now = self.clock.now
        self.witness.behind = self.clock.desk is not None
        how = Reading(source="bot", register=True, capital=money(1000))
        if self.clock.desk is not None:
            self.clock.desk.step(self.clock.now - MINUTE / 60)  # it lives
        ingest(self.ledger, file, how, GUARDED, self.clock.now)
        self.sees_nothing_wrong()
        self.time_passes(1)

    @rule(minutes=st.integers(1, 40))
    def time_passes(self, minutes: int) -> None:
        self.clock.now += minutes * MINUTE
        self.desk_steps()

    @rule()
    def a_night_falls(self) -> None:
        self.clock.now += DAY
        self.desk_steps()

    def desk_steps(self) -> None:
        self.witness.now = self.clock.now
        if self.clock.desk is not None:
            self.clock.desk.step(self.clock.now)
            self.witness.behind = False
        self.sees_nothing_wrong()

    @precondition(lambda self: self.clock.desk is None)
    @rule()
    def a_desk_starts(self) -> None:
        token = take(self.ledger, "desk", self.clock.now)
        if token is None:
            return  # the lease of the one that was killed still lasts
        self.token = token
        desk = LiveDesk(self.ledger, GUARDED, token)
        desk.start()
        self.clock.desk = desk
        self.desk_steps()

    @precondition(lambda self: self.clock.desk is not None)
    @rule()
    def the_desk_stops(self) -> None:
        give_back(self.ledger, self.token)
        self.clock.desk = None
        self.sees_nothing_wrong()

    @precondition(lambda self: self.clock.desk is not None)
    @rule()
    def the_desk_is_killed(self) -> None:
        self.clock.desk = None
        self.clock.now += MINUTE  # its lease ends
        self.sees_nothing_wrong()


@pytest.fixture
def machine(new_database: NewDatabase) -> type[Desks]:
    return type("DesksOnADatabase", (Desks,), {"new_database": staticmethod(new_database)})


def test_the_database_is_right_after_every_commit(machine: type[Desks]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8, stateful_step_count=30, deadline=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("living", [False, True])
def test_commands_about_nobody_are_refused_and_hold_up_nobody_else(
    ledger: Ledger, *, living: bool
) -> None:
    clock = Clock()
    created = time_text(NOW)
    asked(ledger, "register", "prod", role="champion", capital="1000", created_at=created)
    if living:
        token = take(ledger, "desk", NOW)
        assert token is not None
        clock.desk = LiveDesk(ledger, GUARDED, token)
        clock.desk.start()
    for verb in VERBS:
        outcome = asked(ledger, verb, "nobody", clock=clock, settings=GUARDED, number="7")
        assert outcome.refused == (verb not in ("freeze", "stop_all"))
    assert not asked(ledger, "scale", clock=clock, settings=GUARDED).refused


def test_a_desk_that_lives_registers_who_is_new(ledger: Ledger) -> None:
    clock = Clock()
    with desk_on(ledger, settings=GUARDED) as desk:
        clock.desk = desk
        created = time_text(NOW)
        for name, role in (("prod", "champion"), ("bot", "challenger")):
            asked(ledger, "register", name, clock=clock, role=role, capital="1000",
                  created_at=created)  # fmt: skip
        assert ledger.roster().arms["bot"].share == 0.1
        verify(ledger, GUARDED, clock.now)
