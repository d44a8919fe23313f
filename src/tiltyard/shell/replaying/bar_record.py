"""What the record of a replay on bars says of itself: how it began, and what it left.

Its first event tells the span, a digest of the bars of each symbol and of every model that an arm
was traded by, until when that had learnt, and the conditions; its last one where the facts end, and
their digests. So nobody can change a fact, a bar or a setting unnoticed, or take the end away; and
who has the bars can play them again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from tiltyard.actions.record import Event
from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.models.learnt import Learnt
from tiltyard.shell.replaying.conditions import Conditions
from tiltyard.shell.replaying.scratch import ACTOR
from tiltyard.shell.replaying.start import EVENT, FINISHED, digests_beside_trades
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions

REPLAY_AGAIN = "remove the file and replay again"


@dataclass(frozen=True, slots=True)
class Span:
    """The bars that a replay plays.

    Attributes:
        interval: How long each lasts.
        began: When the first desk began, which decides by the bar that closed then.
        ended: When the last bar closed.
    """

    interval: timedelta
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class BarStart:
    """The first event of a replay on bars, as it was recorded.

    Attributes:
        span: What was played.
        bars: A digest of the bars of each symbol, until the end of the span.
        models: The digest of the snapshot of each arm that was traded by one.
        learnt: Until when each of those had learnt.
        conditions: What else decided.
    """

    span: Span
    bars: Mapping[str, str]
    models: Mapping[str, str]
    learnt: Learnt
    conditions: Conditions


def bar_start_event(
    settings: Settings,
    bars: Mapping[str, str],
    span: Span,
    models: Mapping[str, str],
    learnt: Learnt,
) -> Event:
    """The event of a replay that is about to play bars of these digests.

    Args:
        settings: Those that it is made with.
        bars: By symbol.
        span: What is played.
        models: The digest of the snapshot of each arm that is traded by one.
        learnt: Until when each of those has learnt.
    """
    return {
        "event": EVENT, "at": span.began, "actor": ACTOR,
        "span": {**asdict(span), "interval": span.interval.total_seconds()},
        "bars": bars,
        **({"models": models, "learnt_until": learnt} if models else {}),
        **Conditions.of(settings, trades_bars=True).told(),
    }  # fmt: skip


def is_bar_start(event: Mapping[str, Any]) -> bool:
    """Whether an event of the audit begins a replay on bars."""
    return event["event"] == EVENT and "bars" in event


def bar_start_from(event: Mapping[str, Any]) -> BarStart:
    """What such an event recorded."""
    told = event["span"]
    interval = timedelta(seconds=float(told["interval"]))
    span = Span(interval, moment(told["began"]), moment(told["ended"]))
    models = event.get("models", {})
    ends = event.get("learnt_until", dict.fromkeys(models))
    learnt = {name: None if end is None else moment(end) for name, end in ends.items()}
    return BarStart(span, event["bars"], models, learnt, Conditions.told_by(event))


def bar_end_event(scratch: Ledger, span: Span) -> Event:
    """The last event of such a replay: without it the record is not complete."""
    up_to = scratch.positions()
    return {
        "event": FINISHED, "at": span.ended, "actor": ACTOR, "up_to_seq": up_to._asdict(),
        "facts": digests_beside_trades(scratch, up_to),
    }  # fmt: skip


def check_bar_record(ledger: Ledger, end: Mapping[str, Any] | None, where: str) -> None:
    """Whether the facts of a replay on bars are those that it left.

    Args:
        ledger: Its record, whose trades the ingests in the audit vouch for.
        end: Its last event; None when there is none.
        where: For people.

    Raises:
        TiltyardError: ``REPLAY_UNFINISHED``, ``FACTS_DIFFER``.
    """
    if end is None:
        raise TiltyardError(
            "REPLAY_UNFINISHED", where, "its replay has no end: the last rows of the audit were "
            "removed", REPLAY_AGAIN,
        )  # fmt: skip
    up_to, now = Positions(**end["up_to_seq"]), ledger.positions()
    digests = digests_beside_trades(ledger, up_to)
    kinds = [kind for kind, digest in digests.items() if end["facts"][kind] != digest]
    kinds += [kind for kind, there in now._asdict().items() if there != up_to._asdict()[kind]]
    if kinds:
        raise TiltyardError(
            "FACTS_DIFFER", where, f"the {kinds[0]} are not those that the replay left: one was "
            "edited, removed or added", "somebody edited the database: replay again",
        )  # fmt: skip
