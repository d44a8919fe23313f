"""What a running desk does for itself, done by whoever writes where none runs.

An ingest and a person's verb raise ceilings on a new trading day; an ingest puts candidates
on trial as well, and brings the metric columns up to date.
"""

from datetime import datetime

from tiltyard.actions.plan import plan_ceilings
from tiltyard.actions.record import Event, carried_out
from tiltyard.facts.arm import Arm, Roster
from tiltyard.shell.bounds import tell_bounds
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.registration import admit, is_sized
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger


def act_in_its_stead(inside: Ledger, settings: Settings, now: datetime, actor: str) -> None:
    """What follows when facts have come in."""

    def change(roster: Roster) -> tuple[Roster, list[Event]]:
        ready = [arm.name for arm in roster.challengers() if knows_capital(inside, arm, settings)]
        roster, raised = raise_ceilings(roster, settings, now, actor)
        rules, digest = settings.shares.rules(), settings.checklist.digest
        roster, admitted = admit(roster, ready, rules, now, actor, digest)
        return roster, [*raised, *admitted]

    inside.change_roster(change, at=now)
    refresh_metrics(inside, settings, now)
    tell_bounds(inside.connection, settings, now)


def raise_ceilings(
    roster: Roster, settings: Settings, now: datetime, actor: str
) -> tuple[Roster, list[Event]]:
    """On a new trading day every arm has room for one multiplication again."""
    raised = plan_ceilings(roster, settings.shares.rules(), now, settings.schedule.trading_day)
    return carried_out(roster, raised, settings.checklist.digest, actor)


def knows_capital(ledger: Ledger, arm: Arm, settings: Settings) -> bool:
    """Whether somebody said what equity an arm has, by what is in the ledger."""
    if arm.capital is not None or settings.default_capital() is not None:
        return is_sized(arm, is_said=True, is_blind=False)
    said = ledger.capital_said(arm.name)
    return is_sized(arm, is_said=said.last, is_blind=not said.always)
