"""``policy``: who there is, who joins, and the verbs about one policy."""

import json
from contextlib import nullcontext
from typing import Annotated, Literal

import typer

from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money_text
from tiltyard.scaling.ladder import LADDER
from tiltyard.shell.cli.act import add_verbs_to
from tiltyard.shell.cli.asking import Actor, ask_for
from tiltyard.shell.cli.options import (
    AsJson,
    Capital,
    Config,
    Database,
    capital_from,
    open_ledger,
    settings_from,
)
from tiltyard.shell.cli.versions import versions
from tiltyard.shell.clock import system_now
from tiltyard.shell.models.registering import (
    Joining,
    brought_home,
    checked_for_trial,
    snapshot_meant,
    staying,
)
from tiltyard.shell.models.shelf import looks_like_snapshot
from tiltyard.shell.registration import Registration, arguments_of
from tiltyard.shell.report.text import hold_lines
from tiltyard.shell.report.text import share as share_text
from tiltyard.shell.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    policies = typer.Typer(help="Policies and their arms.", no_args_is_help=True)
    policies.command("list")(list_policies)
    policies.command("versions")(versions)
    policies.command("register")(register_policy)
    add_verbs_to(policies)
    app.add_typer(policies, name="policy")


def register_policy(
    name: Annotated[
        str,
        typer.Argument(
            help="<kind>_<yyyymmdd>_<hhmmss>_<sha8>, any name, or a snapshot: its folder, name, or "
            "the end of that."
        ),
    ],
    role: Annotated[Literal["champion", "challenger"], typer.Option()] = "challenger",
    kind: Annotated[str, typer.Option(help="What sort of policy. [from the name]")] = "",
    capital: Capital = None,
    share: Annotated[float | None, typer.Option(help="Start share, 0 to 0.6. [0.10]")] = None,
    digest: Annotated[str, typer.Option(help="SHA-256 of what serves.")] = "",
    created_at: Annotated[str | None, typer.Option(help="When it was made. [now]")] = None,
    actor: Actor = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Let a policy join: a challenger on probation, or the first champion."""
    settings = settings_from(config)
    now = system_now()
    made_at = moment(created_at) if created_at else now
    trained = _trained(name, settings, kind=kind, digest=digest)
    if trained is not None:
        name, kind, digest = trained.name, trained.kind, trained.digest
        made_at = made_at if created_at else min(now, trained.made_at)
    if role == "champion" and share is not None:
        raise TiltyardError(
            "SHARE_INVALID", name, "a champion has no start share: it carries what is left over",
            "leave --share out",
        )  # fmt: skip
    if made_at > now:
        raise TiltyardError(
            "TIME_INVALID", repr(created_at), "it lies in the future", "leave --created-at out"
        )
    amount = capital_from(capital) or settings.default_capital()
    wanted = Registration(name, role, kind, amount, share, made_at, digest)
    with nullcontext() if trained is None else staying(trained, settings.models.path):
        ask_for("register", name, arguments=arguments_of(wanted), actor=actor, database=database,
                config=config, create=True)  # fmt: skip


def _trained(text: str, settings: Settings, *, kind: str, digest: str) -> Joining | None:
    """The snapshot that is registered, where a desk finds it; None for a plain name."""
    folder = settings.models.path
    path = snapshot_meant(text, folder)
    if path is None:
        if looks_like_snapshot(text) and not (kind or digest):
            raise TiltyardError(
                "SNAPSHOT_MISSING", text, f"no snapshot in {folder} is called so",
                f"see: ls {folder}. If a bot trades it elsewhere, say of what kind it is: "
                "--kind KIND",
            )  # fmt: skip
        return None
    found = checked_for_trial(path)
    if kind not in {"", found.kind}:
        raise TiltyardError(
            "OPTION_IDLE", "--kind", f"the snapshot says that it is of kind {found.kind!r}",
            "leave it out",
        )  # fmt: skip
    if digest not in {"", found.digest}:
        raise TiltyardError(
            "DIGEST_DIFFERS", found.name, f"its digest is {found.digest}, and {digest} was asked "
            "for", "register the snapshot that was meant",
        )  # fmt: skip
    if brought_home(found, folder):
        typer.echo(f"copied to {folder / found.name}, where a desk looks for it", err=True)
    if not settings.market.feed:
        typer.echo("no market.feed is set: a desk by these settings trades on no bars", err=True)
    return found


def list_policies(
    as_json: AsJson = False, database: Database = None, config: Config = None
) -> None:
    """Every arm: role, state, traffic, trades."""
    settings = settings_from(config)
    with open_ledger(database, settings) as ledger:
        roster = ledger.roster()
        totals = {name: ledger.totals(name) for name in roster.arms}
    arms = sorted(roster.arms.values(), key=lambda arm: (arm.role != "champion", arm.created_at))
    if as_json:
        rows = [
            {
                "policy": arm.name,
                "kind": arm.kind,
                "digest": arm.digest or None,
                "role": arm.role,
                "state": arm.state,
                "traffic_allocation": arm.share,
                "capital": None if arm.capital is None else money_text(arm.capital),
                "total_trades": totals[arm.name].trades,
                "created_at": time_text(arm.created_at),
            }
            for arm in arms
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max([len(arm.name) for arm in arms], default=6)
    typer.echo(f"{'policy':<{width}}  {'role':<11}{'state':<11}{'traffic':>8}{'trades':>9}")
    for arm in arms:
        typer.echo(
            f"{arm.name:<{width}}  {arm.role:<11}{arm.state:<11}{share_text(arm.share):>8}"
            f"{totals[arm.name].trades:>9,}"
        )
    if settings.scaling.rule != LADDER:
        typer.echo(f"shares follow the rule {settings.scaling.rule}")
    for line in hold_lines(roster):
        typer.echo(line)
