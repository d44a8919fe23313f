"""Replay: what the checklist would have done with these trades, and when.

The facts of a scratch database go through the same loop as the running desk, in time
order, nights included. Every action is audited as it happens, so a replay can itself be
verified (:mod:`tiltyard.shell.replaying.verify`).

Trades that opened after their arm was throttled or halted count as shadow; earlier ones
run off live. In files with a named champion, trades that opened before the champion's
first are shadow too: there was nothing to challenge. At the end each of these trades gets
a revision in the shadow book, so that the record adds up to what the replay measured.
"""

import getpass
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tiltyard.actions.record import Event, acted
from tiltyard.facts.action import Action
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.shell.desk import Desk
from tiltyard.shell.replaying.judging import Judging
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.replaying.scratch import ACTOR
from tiltyard.shell.replaying.start import EVENT, FINISHED, Start, start_from
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

REPORT_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        desk: As it stands at the end.
        recording: The curves.
        actions: The newest in order, without the arms that nights skipped.
        trades: How many were judged.
        began: Time of the first fact.
        ended: Time of the last fact.
    """

    desk: Desk
    recording: Recording
    actions: Sequence[Action]
    trades: int
    began: datetime | None
    ended: datetime | None


def replay(
    scratch: Ledger,
    settings: Settings,
    now: datetime,
    *,
    on_action: Callable[[Action], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Judge everything in the scratch database from the start, act on it, and record it.

    Raises:
        TiltyardError: ``REPLAY_EMPTY`` for a database that nothing was taken into.
    """
    start = _start_of(scratch)
    judging = Judging(scratch, settings, scratch.roster(), start)
    recording = Recording()
    digest = settings.checklist.digest
    with scratch.recording(at=now, actor=ACTOR) as record:
        for judged in judging:
            for action in judged.actions:
                record.act(acted(action, digest, ACTOR))
                on_action(action)
            if judged.moved is not None:
                record.to_shadow(judged.moved)
            if isinstance(judged.fact, Trade):
                recording.note(judging.desk, judged.fact, judged.actions, was_live=judged.was_live)
                if judging.trades % REPORT_EVERY == 0:
                    progress(judging.trades)
            elif judging.ended is not None:
                recording.act(judging.desk, judging.ended, judged.actions)
        progress(judging.trades)
        finished = finished_event(judging, start, record.actions)
        record.finish(judging.desk.roster, judging.columns(), finished)
    return Replayed(
        judging.desk, recording, recording.actions, judging.trades, judging.began, judging.ended
    )


def finished_event(judging: Judging, start: Start, actions: int) -> Event:
    """The last event of a replay: without it the record is not complete."""
    return {
        "event": FINISHED, "at": judging.ended, "actor": ACTOR, "trades": judging.trades,
        "actions": actions, "moved_to_shadow": judging.moved, "facts": start.digest(),
        "settings": start.conditions.digest(),
    }  # fmt: skip


def actor_name() -> str:
    """Who runs the command, for the audit."""
    try:
        return storable(getpass.getuser())
    except (KeyError, OSError):
        return "unknown"


def _start_of(scratch: Ledger) -> Start:
    for row in scratch.audit():
        event = json.loads(row.body)
        if event["event"] == EVENT:
            return start_from(event)
    raise TiltyardError("REPLAY_EMPTY", str(scratch.url.database), "nothing was taken into it")
