"""A command, carried out on a roster: the next roster, what to audit, and the answer.

Registration is a verb like the others here, and so are ``page`` and ``drill``, by which a job and
a drill have people told.
``scale`` is not: it needs what is measured, and belongs to the running desk.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from tiltyard.actions.apply import apply
from tiltyard.actions.open_positions import how_many, what_is_open
from tiltyard.actions.record import Event, acted
from tiltyard.actions.verbs import Situation
from tiltyard.actions.verbs import obey as planned
from tiltyard.facts.action import DRILL, JOB, Action
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.command import Command, Outcome
from tiltyard.facts.mark import LastMark
from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.paper import Position
from tiltyard.router.lifecycle import TRADING
from tiltyard.shell.registration import Registration, capital_of, register
from tiltyard.shell.settings import Settings

_LOG = logging.getLogger(__name__)
_SAYS_WHAT_IS_OPEN = frozenset({"halt", "throttle"})
NOBODY: Mapping[str, Sequence[Position]] = MappingProxyType({})
"""Where the desk trades for no arm."""


def obey(
    command: Command,
    roster: Roster,
    marks: Mapping[str, LastMark],
    settings: Settings,
    now: datetime,
    *,
    knows_capital: Callable[[Arm], bool],
    on_floor: Mapping[str, Sequence[Position]] = NOBODY,
    observes: bool = False,
) -> tuple[Roster, list[Event], Outcome]:
    """Carry a command out; a refusal is an outcome too, and changes nothing.

    So is a defect in one verb. An error of the database is not: the command waits on.

    Args:
        command: Any; ``scale`` only when it is not carried out any more.
        roster: As it stands.
        marks: The last of each arm.
        settings: Bounds of shares, and the checklist in force.
        now: UTC.
        knows_capital: Whether somebody said what equity an arm has.
        on_floor: What arms that the desk trades for itself hold.
        observes: Guards change nothing here, which a drill is told.
    """
    if (refusal := command.refusal(now)) is not None:
        return roster, [], Outcome(refusal.code, str(refusal), now)
    try:
        if command.verb == "register":
            return _register(command, roster, settings, now, knows_capital)
        if command.verb in ("page", "drill"):
            event = _page(command, settings, now, observes=observes)
            return roster, [event], Outcome("", "people are told", now)
        held = positions_held(roster, marks, on_floor)
        situation = Situation(
            roster, settings.shares.rules(), now, held, knows_capital, settings.schedule.trading_day
        )
        return _act(command, situation, marks, on_floor, settings)
    except TiltyardError as error:
        return roster, [], Outcome(error.code, str(error), now)
    except sa.exc.DBAPIError:
        raise  # what others have done or decided in this transaction is in doubt as well
    except Exception as error:  # noqa: BLE001 a defect in one verb must not stop the others
        _LOG.exception("command %s, %s, has failed", command.seq, command.verb)
        said = f"COMMAND_FAILED {command.typed}: {type(error).__name__}. it was not carried out"
        return roster, [], Outcome("COMMAND_FAILED", said, now)


def positions_held(
    roster: Roster,
    marks: Mapping[str, LastMark],
    on_floor: Mapping[str, Sequence[Position]] = NOBODY,
) -> Mapping[str, int | None]:
    """How many positions each arm has open; None, or nothing, where nobody knows.

    Args:
        roster: As it stands.
        marks: The last of each arm.
        on_floor: What arms that the desk trades for itself hold.
    """
    return {
        name: how_many(marks.get(name), on_floor.get(name), _entered_until(roster, name))
        for name in marks.keys() | on_floor.keys()
    }


def _entered_until(roster: Roster, name: str) -> datetime | None:
    """When an arm lost its traffic; None while it has some, or nobody knows.

    One that is on trial and has none, since all challengers are on hold, has lost it later than by
    its last review, so that says nothing.
    """
    arm = roster.arms.get(name)
    if arm is None or arm.share or arm.state in TRADING:
        return None
    return roster.taken_at(name)


def told(
    action: Action,
    checklist: str,
    actor: str,
    marks: Mapping[str, LastMark],
    now: datetime,
    on_floor: Mapping[str, Sequence[Position]] = NOBODY,
) -> Event:
    """The event of an action of the running desk; a halt says what is open."""
    event, name = acted(action, checklist, actor), action.policy
    if action.kind in _SAYS_WHAT_IS_OPEN:
        is_open = what_is_open(marks.get(name), now, action.kind, on_floor.get(name))
        return {**event, "open": is_open}
    return event


def _act(
    command: Command,
    situation: Situation,
    marks: Mapping[str, LastMark],
    on_floor: Mapping[str, Sequence[Position]],
    settings: Settings,
) -> tuple[Roster, list[Event], Outcome]:
    roster, now = situation.roster, situation.now
    obeyed = planned(command, situation)
    events: list[Event] = []
    lines = [obeyed.text]
    for action in obeyed.actions:
        roster = apply(roster, action)
        event = told(action, settings.checklist.digest, command.actor, marks, now, on_floor)
        events.append({**event, "command": command.seq, **_asked_by(command)})
        if "open" in event:
            lines.append(f"  {event['open']}")
    return roster, events, Outcome("", "\n".join(lines), now)


def _page(command: Command, settings: Settings, now: datetime, *, observes: bool) -> Event:
    """People are told that a step of a job has failed, or of a drill; nothing else changes."""
    said = command.arguments
    cause = DRILL if command.verb == "drill" else JOB
    action = Action("page", "", cause, "enforce", now, reason=command.reason)
    event = {**acted(action, settings.checklist.digest, command.actor), "command": command.seq}
    if cause == DRILL:
        return {**event, "drill": said.get("drill", ""), "observes": observes}
    return {**event, "run": said.get("run", "")}


def _asked_by(command: Command) -> Mapping[str, str]:
    """The alert that a command followed from; nothing where a person has asked."""
    alert = command.arguments.get("alert", "")
    return {"alert": alert} if alert else {}


def _registration(command: Command, now: datetime) -> Registration:
    said = command.arguments
    share = said.get("share")
    try:
        start = None if share is None else float(share)
    except ValueError:
        raise TiltyardError("SHARE_INVALID", command.policy, f"{share!r} is no number") from None
    return Registration(
        name=command.policy,
        role="champion" if said.get("role") == "champion" else "challenger",
        kind=said.get("kind", ""),
        capital=capital_of(said["capital"]) if "capital" in said else None,
        share=start,
        created_at=moment(said["created_at"]) if "created_at" in said else now,
        digest=said.get("digest", ""),
    )


def _register(
    command: Command,
    roster: Roster,
    settings: Settings,
    now: datetime,
    knows_capital: Callable[[Arm], bool],
) -> tuple[Roster, list[Event], Outcome]:
    wanted = _registration(command, now)
    rules = settings.shares.rules()
    roster, events = register(roster, wanted, rules, now, command.actor, knows_capital)
    arm = roster.arms[wanted.name]
    text = f"{arm.name}: {arm.role}, {arm.state}, traffic {100 * arm.share:.1f} %"
    if arm.state == "candidate":
        text += f"\n  {_why_it_waits(arm, roster, knows_capital)}"
    return roster, events, Outcome("", text, now)


def _why_it_waits(arm: Arm, roster: Roster, knows_capital: Callable[[Arm], bool]) -> str:
    if knows_capital(arm):
        why = ", ".join(sorted(roster.holds()))
        room = "there is no room above the champion's floor"
        return f"{f'on hold by {why}' if why else room}, so it waits"
    if arm.capital is None:
        return "drawdown is undefined without capital, so it waits: give --capital X"
    return "what it has traded is measured by that capital first, which takes a step of the desk"
