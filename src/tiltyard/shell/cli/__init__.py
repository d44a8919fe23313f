"""The command ``tiltyard``. Exit codes: 0 done, 1 failed, 2 wrong usage or input.

``report --check`` adds 3 for a breach and 4 for unknown. Errors go to standard error,
each with a code that ``docs/reference/errors.md`` explains.
"""

import os
import sys

import typer

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli import checklist, demo, facts, ledger, policy, replay, report

app = typer.Typer(
    name="tiltyard",
    help="Live-ops for trading policies: a champion trades, challengers earn their traffic.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
ledger.add_to(app)
facts.add_to(app)
policy.add_to(app)
checklist.add_to(app)
report.add_to(app)
replay.add_to(app)
demo.add_to(app)

FAILED = 1
WRONG = 2
_FAILURES = frozenset(
    {
        "AUDIT_BROKEN",
        "HEAD_UNKNOWN",
        "TRADE_EDITED",
        "FACTS_DIFFER",
        "PROJECTION_DIFFERS",
        "METRICS_DIFFER",
        "VERDICTS_DIFFER",
        "CHECKLIST_DIFFERS",
        "SETTINGS_DIFFER",
        "METRICS_VERSION_DIFFERS",
        "REPLAY_UNFINISHED",
        "DATABASE_LOCKED",
        "DATABASE_FULL",
        "DATABASE_UNREACHABLE",
    }
)


def main() -> None:
    """Run the command line."""
    run(app)


def run(command: typer.Typer) -> None:
    """Run a command line; errors become messages and exit codes."""
    try:
        command()
    except TiltyardError as error:
        typer.echo(str(error), err=True)
        sys.exit(FAILED if error.code in _FAILURES else WRONG)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except OSError as error:
        what = f" {error.filename}" if error.filename else ""
        typer.echo(f"SYSTEM_REFUSED{what}: {error.strerror}", err=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing half-written", err=True)
        sys.exit(130)
