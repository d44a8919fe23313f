"""When the nightly rule runs: once in a trading day, and when a person asks for it.

What was run is noted under the trading day, in the transaction that writes what it did, so
that whoever comes next, after a kill or a restart, does not run it again. Each arm is
multiplied once in a trading day, by whomever.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from tiltyard.facts.action import Action
from tiltyard.facts.arm import GONE, Roster
from tiltyard.facts.command import Command, Outcome
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import select
from tiltyard.scaling.ladder import LADDER
from tiltyard.scaling.trading_day import starts_at
from tiltyard.shell.desk import Desk
from tiltyard.shell.store.command_table import pending_commands
from tiltyard.shell.store.desk_record import runs_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.unwritten import Unwritten

"""Who gets no traffic, and nobody expects to."""


def read_ahead(
    ledger: Ledger, desk: Desk, unwritten: Unwritten, now: datetime, on_pause: Callable[[], None],
    *, nights: bool,
) -> None:  # fmt: skip
    """What the rule in force has to know for a night that comes next, read while others may write.

    In the transaction of the night it then finds little that is new.

    Args:
        ledger: Outside any transaction.
        desk: Whose rule.
        unwritten: Which nights were run.
        now: UTC.
        on_pause: Called now and then.
        nights: The night of the trading day is run when it is due.
    """
    with ledger.snapshot() as still:
        is_asked = any(one.verb == "scale" for one in pending_commands(still.connection))
        if not is_asked and not (nights and desk.ruling.lags(now)):
            return
        if is_asked or "" not in _ran(still, unwritten, desk.trading_day(now).isoformat()):
            desk.ruling.read_on(still, now, on_pause)


def run_if_due(
    inside: Ledger, desk: Desk, unwritten: Unwritten, now: datetime, judged_at: datetime | None,
    *, after: timedelta = timedelta(),
) -> list[Action]:  # fmt: skip
    """The night of this trading day, once; a day that began before any desk has none.

    Args:
        inside: In the transaction of the step.
        desk: Whose arms.
        unwritten: Where it is noted.
        now: UTC.
        judged_at: When the last step was written: a desk that stood in memory when the day
            began runs its night as soon as it can write.
        after: So long it is left to whoever else asks for it.
    """
    done = desk.raise_ceilings(now)
    day = desk.trading_day(now)
    ran = _ran(inside, unwritten, day.isoformat())
    if "" in ran:
        return done
    schedule = desk.settings.schedule
    due_at = starts_at(day, schedule.nightly, schedule.zone) + after
    if judged_at is not None and now < due_at:
        return done
    if judged_at is not None and judged_at < due_at:
        desk.ruling.read_on(inside, now)
        done += desk.night(now, barred=ran)
    unwritten.note_night(day.isoformat())
    return done


def run_as_asked(
    inside: Ledger, desk: Desk, unwritten: Unwritten, command: Command, now: datetime
) -> tuple[list[Action], Outcome]:
    """The verb ``scale``: the night for one arm or for all; what was done, and the answer."""
    if (refusal := command.refusal(now)) is not None:
        return [], Outcome(refusal.code, str(refusal), now)
    try:
        only = select(command.policy, list(desk.roster.arms)) if command.policy else ""
    except TiltyardError as error:
        return [], Outcome(error.code, str(error), now)
    if desk.observes:
        return [], Outcome("DESK_OBSERVES", "DESK_OBSERVES scale: the running desk only observes. "
                           "stop it, and run one that acts", now)  # fmt: skip
    day = desk.trading_day(now).isoformat()
    ran = _ran(inside, unwritten, day)
    desk.ruling.read_on(inside, now)
    done = desk.night(now, only, barred=ran)
    if not only and "" not in ran:
        unwritten.note_night(day)
    lines = _answer(desk.roster, done, only)
    if desk.ruling.name != LADDER:
        lines = [f"by the rule {desk.ruling.name}:", *lines]
    return done, Outcome("", "\n".join(lines), now)


def _ran(inside: Ledger, unwritten: Unwritten, day: str) -> set[str]:
    """Whose night of a trading day was run already; the empty name is the night itself."""
    return runs_of(inside.connection, day) | {
        policy for noted, policy in unwritten.nights if noted == day
    }


def _answer(roster: Roster, done: Iterable[Action], only: str) -> list[str]:
    """What a night brought each challenger, a line each.

    Who has been deposed or retired is told of only when named.
    """
    if only and (arm := roster.arms[only]).role == "champion":
        return [f"{only}: the champion, it has what is left over: {100 * arm.share:.1f} %"]
    steps = [
        f"{step.policy}: {100 * (step.before or 0):.1f} % to {100 * (step.after or 0):.1f} %, "
        f"{step.reason}"
        for step in done
        if step.kind in ("scale", "skip_scale")
        and (only or roster.arms[step.policy].state not in GONE)
    ]
    return steps or ["there is no challenger"]
