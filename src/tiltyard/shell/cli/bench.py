"""``bench``: what the rules are worth, on a benchmark whose truth is known."""

import json
import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated

import typer

from tiltyard.shell.cli.progress import counting

bench = typer.Typer(help="Measure what this program is worth.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(bench, name="bench")


@bench.callback()
def _group() -> None:
    """Measure what this program is worth."""


@bench.command()
def decisions(
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 1,
    runs: Annotated[int, typer.Option(min=2, max=100_000, help="Of each line.")] = 400,
    rule: Annotated[
        list[str] | None,
        typer.Option(help="Only this rule, under all circumstances; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with the picture.")] = None,
) -> None:
    """Play every scaling rule against simulated challengers whose truth is known."""
    from tiltyard.scaling.catalogue import RULES  # noqa: PLC0415 slow
    from tiltyard.shell.decision_benchmark import planned, played  # noqa: PLC0415 slow
    from tiltyard.shell.decision_table import decisions_json, decisions_text  # noqa: PLC0415 slow
    from tiltyard.shell.pictures.decision_page import write_decision_page  # noqa: PLC0415 slow
    from tiltyard.shell.pictures.file import refuse_unwritable  # noqa: PLC0415 slow

    for name in rule or ():
        RULES.get(name)
    if html is not None:
        refuse_unwritable(html)
    plan = planned(rule or ())
    with counting("playing", f"of {len(plan)} lines", plainly=max(1, len(plan) // 10)) as told:
        found = played(plan, seed=seed, runs=runs, told=told)
    if as_json:
        typer.echo(json.dumps(decisions_json(found, seed), indent=2))
    else:
        for line in decisions_text(found, seed, width=_width()):
            typer.echo(line)
    if html is not None:
        write_decision_page(html, found, seed)


def _width() -> int:
    """How many columns there are; in a pipe as many as anybody wants."""
    return get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
