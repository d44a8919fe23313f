"""The command ``tiltyard``. Exit codes: 0 done, 1 failed, 2 wrong usage or input.

Which error is which says :mod:`tiltyard.shell.exit_codes`. ``report --check`` adds 3
for a breach and 4 for unknown; Ctrl-C ends with 130, SIGTERM with 143. Errors go to standard
error, each with a code that ``docs/reference/errors.md`` explains.
"""

import os
import sys
from typing import Annotated, NoReturn

import typer

from tiltyard import __version__
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli import (
    act,
    alerts,
    bench,
    checklist,
    demo,
    drift,
    drill,
    ingest,
    jobs,
    learner,
    ledger,
    live,
    maintain,
    notify,
    policy,
    replay,
    report,
    setup,
    snapshot,
    token,
    train,
)
from tiltyard.shell.cli.interruption import hear_termination
from tiltyard.shell.exit_codes import FAILED, INTERRUPTED, exit_code

app = typer.Typer(
    name="tiltyard",
    help="Live-ops for trading policies: a champion trades, challengers earn their traffic.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
ledger.add_to(app)
ingest.add_to(app)
policy.add_to(app)
checklist.add_to(app)
report.add_to(app)
replay.add_to(app)
live.add_to(app)
act.add_to(app)
token.add_to(app)
learner.add_to(app)
drift.add_to(app)
notify.add_to(app)
demo.add_to(app)
bench.add_to(app)
alerts.add_to(app)
train.add_to(app)
snapshot.add_to(app)
jobs.add_to(app)
drill.add_to(app)
maintain.add_to(app)
setup.add_to(app)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tiltyard {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say it, and end."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    run(app)


def run(command: typer.Typer) -> None:
    """Run a command line; errors become messages and exit codes."""
    code = hear_termination()
    try:
        command()
    except TiltyardError as error:
        typer.echo(str(error), err=True)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except OSError as error:
        what = f" {error.filename}" if error.filename else ""
        typer.echo(f"SYSTEM_REFUSED{what}: {error.strerror}", err=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        _interrupted(code())
    except SystemExit as done:
        if done.code == INTERRUPTED:  # so typer ends a command at Ctrl-C, without a word
            _interrupted(code())
        raise


def _interrupted(code: int) -> NoReturn:
    typer.echo("interrupted: nothing half-written", err=True)
    sys.exit(code)
