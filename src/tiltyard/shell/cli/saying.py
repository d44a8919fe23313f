"""What a running desk says on its terminal: what has happened, and how it is itself.

Events go where its output goes, one a line; what it says of itself goes beside them.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

import typer

from tiltyard.actions.record import Event
from tiltyard.facts.audit import canonical
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import select
from tiltyard.shell.effects.announce import EVERY_DAY
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.store.lease import Lease
from tiltyard.shell.store.ledger import Ledger


def about(only: str | None, names: Sequence[str]) -> Callable[[str], bool]:
    """Whether somebody is whom ``--only`` means; where nobody has joined yet, whoever ends so."""
    if not only:
        return lambda _: True
    if not names:
        return lambda name: name.endswith(only)
    chosen = select(only, names)
    return lambda name: name == chosen


def show(event: Event, concerns: Callable[[str], bool], *, as_json: bool) -> None:
    """An event that concerns whom it is asked of; of what happens every day only as JSON."""
    policy = event.get("policy", "") or event.get("arm", {}).get("name", "")
    if policy and not concerns(policy):
        return
    if as_json:
        say(canonical(event), err=False)
    elif event["event"] not in EVERY_DAY:
        observed = " (observed)" if event.get("mode") == "observe" else ""
        whom, why = policy or "all", " ".join(event.get("reason", "").split())
        cause = event.get("cause", event["actor"])
        say(f"{_time(event['at'])}  {event['event']}{observed}  {whom}: {why} [{cause}]", err=False)
        if "open" in event:
            say(f"    {event['open']}", err=False)


def _time(at: object) -> str:
    return time_text(at) if isinstance(at, datetime) else str(at)


def say(text: str, *, err: bool = True) -> None:
    """Say it, if anybody can hear: a desk does not end because its log is full."""
    with suppress(OSError):
        typer.echo(text, err=err)


def say_on_what(desk: LiveDesk, ledger: Ledger, *, once: bool) -> None:
    """That it has begun, and on which ledger."""
    mode = "observes" if desk.observes else "acts"
    end = "" if once else "; stop it with Ctrl-C"
    where = ledger.url.render_as_string(hide_password=True)
    say(f"the desk {mode} on {where}, {len(desk.roster.arms)} arms{end}")


def say_waiting(lease: Lease) -> None:
    """Who has the lease."""
    say(f"waiting: {lease.holder} holds the lease")


def say_alone(event: Event) -> None:
    """What stands in memory alone."""
    if event["event"] not in EVERY_DAY:
        whom, why = event.get("policy") or "all", event.get("reason", "")
        say(f"in memory, not written yet: {event['event']}  {whom}: {why}")


def say_trouble(trouble: TiltyardError | None) -> None:
    """That the database does not answer; None when it does again."""
    if trouble is None:
        say("the database answers again; whatever stood in memory is written")
    else:
        say(f"{trouble}\n  the desk goes on in memory: halts hold, and are written when it answers")
