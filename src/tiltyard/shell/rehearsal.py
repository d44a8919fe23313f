"""The first halt in earnest is as quick as the second, because it was rehearsed.

A halt is rare, and what it writes is written at no other time. What Python, SQLAlchemy and the
database prepare for a statement they prepare when they first see it, which takes several
times as long as the halt itself. So a desk that starts writes one and takes it back: its
transaction is left before it is committed, and nobody sees or remembers it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from tiltyard.actions.apply import apply
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.notify.people import People
from tiltyard.shell.obey import told
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.unwritten import Unwritten


class _TakenBackError(Exception):
    """Leaves the transaction."""


def rehearse_halt(
    ledger: Ledger,
    roster: Roster,
    takes: Mapping[str, Collection[str]],
    checklist: str,
    now: datetime,
    people: People | None = None,
) -> bool:
    """Write the halt of a challenger, and take it back; whether there was anybody to halt.

    Args:
        ledger: Not inside a transaction.
        roster: As the database has it.
        takes: Who would be told which kinds of effect.
        checklist: Digest of the one in force.
        now: UTC.
        people: Who would be told in words.
    """
    arm = next((arm for arm in roster.challengers() if arm.share), None)
    if arm is None:
        return False
    halt = Action("halt", arm.name, "rehearsal", "enforce", now, before=arm.share, after=0.0)
    halted = apply(roster, halt)
    telling = Announcing(takes, people=people)
    try:
        with ledger.transaction() as inside:
            decided = Unwritten([told(halt, checklist, "rehearsal", {}, now)])
            decided.write(inside.connection, halted, now)
            telling.request(inside.connection, "rehearsal", decided.events, halted, now)
            raise _TakenBackError  # noqa: TRY301 it is what takes it back
    except _TakenBackError:
        return True
    except TiltyardError:
        return False  # the database does not let us: then it goes without
