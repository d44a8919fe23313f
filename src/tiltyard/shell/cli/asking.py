"""How the command line asks for something to be done: who asks, why, and the answer."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tiltyard.facts.command import CommandRefused, Verb
from tiltyard.shell.cli.options import open_ledger, settings_from
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.commanding import Times, ask, command_of
from tiltyard.shell.replaying.replay import actor_name
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import LastingWaking
from tiltyard.shell.targets import targets_from

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit.")]
Actor = Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Who asks. [the user]")]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="The same key asked twice is one command."),
]


def holder_name() -> str:
    """This process, as others see it on the lease."""
    return f"{actor_name()}@{socket.gethostname()}, process {os.getpid()}"


@contextmanager
def waking_times(ledger: Ledger, pause: Callable[[float], object] = time.sleep) -> Iterator[Times]:
    """The clocks of a command that waits until somebody writes to the ledger.

    Args:
        ledger: Where.
        pause: How the time between two looks is spent.
    """
    with closing(LastingWaking(ledger.url, pause)) as waking:
        yield Times(system_now, steady_seconds, waking.wait)


def ask_for(
    verb: Verb,
    policy: str = "",
    *,
    arguments: Mapping[str, str] | None = None,
    reason: str = "",
    actor: str | None = None,
    key: str | None = None,
    as_json: bool = False,
    database: str | None = None,
    config: Path | None = None,
    create: bool = False,
) -> None:
    """Ask, wait for the answer, and say it.

    Raises:
        CommandRefused: With the code of whatever refused it.
        TiltyardError: ``TEXT_TOO_LONG``.
    """
    command = command_of(
        verb, policy, arguments or {}, reason=reason, actor=actor or actor_name(), key=key or "",
        now=system_now(),
    )  # fmt: skip
    settings = settings_from(config)
    with open_ledger(database, settings, create=create) as ledger, waking_times(ledger) as times:
        outcome = ask(ledger, settings, command, times, holder=holder_name(),
                      targets=targets_from(settings))  # fmt: skip
    if outcome.refused:
        raise CommandRefused(outcome)
    if as_json:
        typer.echo(json.dumps({"verb": verb, "policy": policy, "done": outcome.text}, indent=2))
    else:
        typer.echo(outcome.text)
