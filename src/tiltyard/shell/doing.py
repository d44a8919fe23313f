"""What a step of the desk does: commands are carried out, and actions put down for the audit.

What is decided changes the roster at once, and stands among what is not written yet until a step
is. What stood there already when the desk had to begin again from the database is not put down
twice; when everything has been judged once more, the same may be decided anew.
"""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from tiltyard.actions.record import Event
from tiltyard.facts.action import Action
from tiltyard.facts.command import Command
from tiltyard.shell.desk import Desk
from tiltyard.shell.floor.written import WrittenFloor
from tiltyard.shell.left_open import left_open
from tiltyard.shell.nights import run_as_asked
from tiltyard.shell.obey import obey, told
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.writing import ACTOR, Writing


class Doing:
    """What one desk does.

    Args:
        settings: Bounds, schedule and checklist.
        desk: Measures and judges; its roster is changed.
        writing: Has what is not written yet.
    """

    def __init__(self, settings: Settings, desk: Desk, writing: Writing) -> None:
        self._settings = settings
        self._desk = desk
        self._writing = writing
        self._floor = WrittenFloor(settings)
        self._stood: set[tuple[str, str, str]] = set()

    def look(self, connection: sa.Connection) -> None:
        """See what the floor holds by now, for whoever is told what is open."""
        self._floor.look(connection)

    def go_on_from_what_stands(self) -> None:
        """The desk has begun again, and on top of that stands what is not written yet."""
        self._stood = {_what(event) for event in self._writing.unwritten.events}

    def obey(self, inside: Ledger, commands: Iterable[Command], now: datetime) -> None:
        """Carry commands out, or refuse them; those that were answered already are left.

        Args:
            inside: In the transaction of the step, or a snapshot when nothing can be written.
            commands: In the order in which they were asked for.
            now: UTC.
        """
        unwritten = self._writing.unwritten
        for command in commands:
            if command.seq in unwritten.answers:
                continue
            if command.verb == "scale":
                done, outcome = run_as_asked(inside, self._desk, unwritten, command, now)
                self.record(done, now)
            else:
                marks = self._desk.panel.last_marks()
                roster, events, outcome = obey(
                    command, self._desk.roster, marks, self._settings, now,
                    knows_capital=self._desk.knows_capital, on_floor=self._floor.held,
                    observes=self._desk.observes,
                )  # fmt: skip
                self._desk.adopt(roster)
                unwritten.events += events
            unwritten.answer(command, outcome)

    def record(self, actions: Iterable[Action], now: datetime) -> None:
        """Put down what was done.

        Args:
            actions: Done on the roster already.
            now: UTC.
        """
        unwritten = self._writing.unwritten
        digest, marks = self._settings.checklist.digest, self._desk.panel.last_marks()
        for action in actions:
            if (action.kind, action.policy, action.cause) in self._stood:
                continue  # decided before, and not written yet
            unwritten.events.append(told(action, digest, ACTOR, marks, now, self._floor.held))
            if action.kind == "scale":
                day = self._desk.trading_day(now).isoformat()
                unwritten.note_night(day, action.policy)

    def page_for_what_is_left(self, now: datetime) -> None:
        """Page a person for what is open some time after a halt."""
        marks, memories = self._desk.panel.last_marks(), self._desk.guards.memories
        self.record(left_open(self._desk.roster, marks, self._floor.held, memories, now), now)

    def have_judged(self) -> None:
        """What stood has been judged once more."""
        self._stood.clear()


def _what(event: Event) -> tuple[str, str, str]:
    return event["event"], event.get("policy", ""), event.get("cause", "")
