"""``replay``: what the checklist would have done, and when.

With trades that are told, or with bars that the arms trade; ``--verify`` checks a record.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tiltyard.facts.action import Action
from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.cli.ingest import AssumeUtc, Columns, Policy, PolicyFrom, columns_from
from tiltyard.shell.cli.options import (
    AsJson,
    Capital,
    Config,
    Database,
    capital_from,
    open_ledger,
    settings_from,
)
from tiltyard.shell.cli.progress import counting
from tiltyard.shell.cli.scratch_file import scratch_ledger
from tiltyard.shell.clock import system_now
from tiltyard.shell.effects.announce import EVERY_DAY
from tiltyard.shell.ingest import Reading
from tiltyard.shell.pictures.file import refuse_unwritable
from tiltyard.shell.pictures.page import write_page
from tiltyard.shell.replaying.replay import Replayed, replay
from tiltyard.shell.replaying.scratch import take_files, take_ledger
from tiltyard.shell.replaying.verify import Verified, verify
from tiltyard.shell.report.content import describe
from tiltyard.shell.report.text import action_line, standing_lines
from tiltyard.shell.report.wire import action_json
from tiltyard.shell.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("replay")(replay_command)


@dataclass(frozen=True, slots=True)
class Output:
    """Where what a replay finds goes, and in which form.

    Attributes:
        into: Where the scratch database is kept; None for nowhere.
        html: The page to write; None for none.
        as_json: The timeline for programs.
        nights: Show also what a night does every day.
    """

    into: Path | None = None
    html: Path | None = None
    as_json: bool = False
    nights: bool = False

    def show(self, action: Action, *, known: bool | None = None) -> None:
        """One line of the timeline, as it happens.

        Args:
            action: What was done.
            known: Whether by bars that the policy has learnt from; None where no bars are played.
        """
        if action.kind in EVERY_DAY and not self.nights:
            return
        if not self.as_json:
            doubt = " (not a test)" if known and action.value is not None else ""
            typer.echo(action_line(action) + doubt)
            return
        told = action_json(action)
        typer.echo(json.dumps(told if known is None else {**told, "knew_bars": known}))


def replay_command(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE…]", help="Trades. [the ledger]")
    ] = None,
    champion: Annotated[str | None, typer.Option(help="Name or unique suffix. [flat]")] = None,
    capital: Capital = None,
    policy: Policy = None,
    columns: Columns = None,
    assume_utc: AssumeUtc = False,
    policy_from: PolicyFrom = "strategy",
    into: Annotated[Path | None, typer.Option(help="Keep the scratch database here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page.")] = None,
    nights: Annotated[bool, typer.Option("--nights", help="Show arms a night skipped.")] = False,
    check: Annotated[bool, typer.Option("--verify", help="Verify a ledger's record.")] = False,
    head: Annotated[
        str | None, typer.Option(metavar="HASH", help="With --verify: noted earlier.")
    ] = None,
    bars: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The arms trade the bars in it.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --bars. [the first bar]")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --bars. [the last bar]")
    ] = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Feed trades, or bars, through judge, plan and apply; real shares are not touched."""
    settings = settings_from(config)
    _refuse_idle(
        files=files, check=check, bars=bars, head=head, since=since, until=until, into=into,
        html=html, champion=champion, policy=policy, capital=capital, map=columns,
        policy_from=policy_from if policy_from != "strategy" else "", assume_utc=assume_utc,
    )  # fmt: skip
    if check:
        _verify(database, settings, head, bars, assume_utc=assume_utc)
        return
    if html is not None:
        refuse_unwritable(html)
    output = Output(into, html, as_json=as_json, nights=nights)
    if bars is not None:
        _replay_bars(database, settings, bars, since, until, output, assume_utc=assume_utc)
        return
    how = Reading(
        policy=policy, capital=capital_from(capital), columns=columns_from(columns),
        assume_utc=assume_utc, policy_from=policy_from,
    )  # fmt: skip
    _replay_trades(database, settings, files or [], how, champion, output)


def _replay_bars(
    database: str | None,
    settings: Settings,
    folder: Path,
    since: str | None,
    until: str | None,
    output: Output,
    *,
    assume_utc: bool,
) -> None:
    """The arms of the ledger trade the bars of a folder."""
    from tiltyard.shell.cli.replay_bars import replay_bars  # noqa: PLC0415 slow

    first, last = _span(since, until, system_now(), assume_utc=assume_utc)
    with open_ledger(database, settings) as ledger:
        replay_bars(
            ledger, settings, folder, output, since=first, until=last, assume_utc=assume_utc
        )


def _span(
    since: str | None, until: str | None, now: datetime, *, assume_utc: bool
) -> tuple[datetime | None, datetime]:
    """``--since`` and ``--until``, with the faults of both at once."""
    times: dict[str, datetime] = {}
    wrong: dict[str, TiltyardError] = {}
    for option, text in (("--since", since), ("--until", until)):
        try:
            if text is not None:
                times[option] = moment(text, assume_utc=assume_utc)
        except TiltyardError as error:
            wrong[option] = error
    if len(wrong) > 1:
        codes = {error.code for error in wrong.values()}
        faults = [
            Fault(option, ". ".join(filter(None, (f"{one.subject}: {one.facts}", one.remedy))))
            for option, one in wrong.items()
        ]
        raise Faults(codes.pop() if len(codes) == 1 else "TIME_INVALID", "--bars", faults)
    for alone in wrong.values():
        raise alone
    return times.get("--since"), min(now, times.get("--until", now))


def _replay_trades(
    database: str | None,
    settings: Settings,
    files: list[Path],
    how: Reading,
    champion: str | None,
    output: Output,
) -> None:
    """Replay the trades of files, or else of the ledger, and say what came of it."""
    now = system_now()
    with scratch_ledger(output.into) as scratch:
        if files:
            take_files(scratch, files, how, settings, now, champion=champion)
        else:
            with open_ledger(database, settings) as ledger:
                take_ledger(scratch, ledger, settings, now)
        with counting("replay", "trades") as progress:
            done = replay(scratch, settings, now, progress=progress, on_action=output.show)
    if not output.as_json:
        for line in closing_lines(done, settings):
            typer.echo(line)
    if output.html is not None and done.ended is not None:
        reports = [
            describe(done.desk, name, done.ended, done.actions) for name in done.desk.roster.arms
        ]
        write_page(output.html, done.recording, reports, done.ended)


def closing_lines(done: Replayed, settings: Settings) -> list[str]:
    """What a replay came to: how long, how each arm ended, and what could not be judged."""
    arms = done.desk.roster.arms.values()
    lines = ["", f"{done.trades:,} trades, {done.began:%Y-%m-%d} to {done.ended:%Y-%m-%d}"]
    lines += standing_lines(done.desk.roster)
    blind = [
        arm.name
        for arm in arms
        if arm.role == "challenger"
        and arm.capital is None
        and arm.name in done.recording.paths
        and settings.default_capital() is None
        and done.desk.panel.arm(arm.name).live.nav.without_capital
    ]
    if blind:
        lines.append("Drawdown could not be judged: say what equity a policy had with --capital X.")
    return lines


def verified_line(found: Verified) -> str:
    """What a verification found in order, on one line."""
    judged = f"{found.judgements or 0:,} judgements came out the same"
    if found.is_of_bars:
        judged = "and its other facts are as the replay left them (--bars FOLDER plays it again)"
    elif found.judgements is None:
        judged = "no replay has judged here, so no judgement was made again"
    return (
        f"verified: {found.rows:,} audit rows chain, {found.trades:,} rows of trades are as "
        f"they came in, {found.arms} arms equal the fold of the audit, {judged}"
    )


def _verify(
    database: str | None,
    settings: Settings,
    head: str | None,
    bars: Path | None,
    *,
    assume_utc: bool,
) -> None:
    with open_ledger(database, settings) as ledger:
        found = verify(ledger, settings, system_now(), head=head)
        typer.echo(verified_line(found))
        if bars is not None:
            from tiltyard.shell.cli.replay_bars import verify_by_bars  # noqa: PLC0415 slow

            typer.echo(verify_by_bars(ledger, settings, bars, assume_utc=assume_utc))
    typer.echo(f"head: {found.head}")


def _refuse_idle(
    *,
    files: list[Path] | None,
    check: bool,
    bars: Path | None,
    head: str | None,
    since: str | None,
    until: str | None,
    into: Path | None,
    html: Path | None,
    assume_utc: bool,
    **of_files: object,
) -> None:
    """Refuse what would be left unused without a word."""
    span = [name for name, value in (("--since", since), ("--until", until)) if value]
    kept = [name for name, value in (("--into", into), ("--html", html)) if value]
    given = [f"--{name.replace('_', '-')}" for name, value in of_files.items() if value]
    utc = ["--assume-utc"] if assume_utc else []
    if check and (
        idle := [*map(str, files or ()), *span, *kept, *given, *(utc if not bars else ())]
    ):
        why = "--verify replays nothing of its own"
    elif head is not None and not check:
        idle, why = ["--head"], "it belongs to --verify"
    elif bars and (idle := [*map(str, files or ()), *given]):
        why = "--bars trades with the arms of the ledger"
    elif span and not bars:
        idle, why = span, "it belongs to --bars"
    elif not bars and not files and (idle := [*given, *utc]):
        why = "it is for files, and the ledger says it already"
    else:
        return
    raise TiltyardError("OPTION_IDLE", idle[0], why, "leave it out")
