"""``drill``: every breach of the checklist for once, and how long each link takes."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated

import typer

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.registry import did_you_mean
from tiltyard.shell.cli.asking import Actor, waking_times
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.exit_codes import FAILED, UNKNOWN
from tiltyard.shell.replaying.replay import actor_name
from tiltyard.shell.targets import targets_from

if TYPE_CHECKING:
    from tiltyard.checklist.guard import Guard
    from tiltyard.shell.drill.chain import Link
    from tiltyard.shell.drill.trial import Tried
    from tiltyard.shell.settings import Settings
    from tiltyard.shell.store.ledger import Ledger


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(drill)


def drill(
    guard: Annotated[
        list[str] | None, typer.Option("--guard", metavar="NAME", help="Only this one; repeatable.")
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Tell neither the desk nor anybody else of it.")
    ] = False,
    within: Annotated[float, typer.Option(help="Seconds each link may take.", min=1, max=600)] = 60,
    actor: Actor = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Drive a marked arm into every breach, and time what follows; no live share takes part.

    Guards are tried in a house of the drill's own. Then the desk pages its people that it is a
    drill, and a test alert goes through Alertmanager. Exit 1 when a link is lost or something else
    follows than is declared, 4 when a guard could not be driven into its breach.
    """
    settings = settings_from(config)
    guards = _chosen(settings, guard or [])
    began = system_now()
    stamp = f"drill_{began:%Y%m%d_%H%M%S}_{token_hex(4)}"
    say: Callable[[str], object] = _nothing if as_json else typer.echo
    with open_ledger(database, settings) as ledger:
        say(f"{stamp}, checklist {settings.checklist.digest[:12]}; times in milliseconds")
        every = list(_all_tried(guards, settings, stamp, ledger, say))
        links: list[Link] = []
        if not alone:
            for link in _told(ledger, settings, stamp, every, actor or actor_name(), within):
                links.append(link)
                say(_line(link))
    if as_json:
        typer.echo(json.dumps(_json(stamp, settings, every, links, time_text(began)), indent=2))
    if code := _exit_code(every, links):
        raise typer.Exit(code)


def _chosen(settings: "Settings", names: Sequence[str]) -> "Sequence[Guard]":
    known = {guard.name: guard for guard in settings.checklist.guards}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are: {', '.join(known)}"
            raise TiltyardError("GUARD_UNKNOWN", repr(name)[:60], "no guard is called so", hint)
    return [known[name] for name in dict.fromkeys(names)] or list(known.values())


def _nothing(_: str) -> None:
    """JSON is said at the end."""


def _all_tried(
    guards: "Sequence[Guard]", settings: "Settings", stamp: str, ledger: "Ledger",
    say: Callable[[str], object],
) -> "Iterator[Tried]":  # fmt: skip
    """Each guard after the other, and a line as soon as it is known."""
    from tiltyard.shell.drill.trial import LINKS, tried  # noqa: PLC0415 slow

    beside = Path(ledger.url.database or "").resolve().parent if _is_file(ledger) else None
    width = max(len(guard.name) for guard in guards)
    say(f"{'guard':<{width}}{_cells((*LINKS, 'in all'))}  what followed")
    for guard in guards:
        one = tried(guard, settings, stamp, system_now(), steady_seconds, beside=beside)
        say(f"{guard.name:<{width}}{_outcome(one, LINKS)}")
        yield one


def _is_file(ledger: "Ledger") -> bool:
    return ledger.url.get_backend_name() == "sqlite"


def _told(
    ledger: "Ledger", settings: "Settings", stamp: str, every: "Sequence[Tried]", actor: str,
    within: float,
) -> "Iterator[Link]":  # fmt: skip
    from tiltyard.shell.drill.chain import House, alerted, told  # noqa: PLC0415 slow

    with waking_times(ledger) as times:
        house = House(ledger, settings, times, targets_from(settings), within)
        yield from told(house, stamp, _summary(every), actor)
        yield from alerted(house, system_now())


def _summary(every: "Sequence[Tried]") -> str:
    well = sum(one.is_well for one in every)
    return f"{well} of {len(every)} guards did what is declared, in a house of the drill's own"


def _outcome(one: "Tried", links: Sequence[str]) -> str:
    if one.why_not:
        return f"  not known: {one.why_not}"
    each = [one.spans.get(link) for link in links]
    times = ["–" if span is None else f"{1000 * span:.1f}" for span in each]
    return f"{_cells((*times, f'{1000 * sum(one.spans.values()):.1f}'))}  {_followed(one)}"


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"{text:>13}" for text in texts)


def _followed(one: "Tried") -> str:
    observed = ", observed only" if one.guard.mode == "observe" else ""
    lost = f", LOST: {one.lost}" if one.lost else ""
    if one.is_as_declared:
        return one.follows + observed + lost
    return f"{one.follows}, and {one.guard.effect} is declared{observed}{lost}"


def _line(link: "Link") -> str:
    took = "" if link.seconds is None else f", after {link.seconds:.2f} s"
    mark = {"there": "", "lost": "LOST: ", "not set up": "not set up: "}[link.state]
    return f"{link.name:<8}{mark}{link.said}{took}"


def _json(
    stamp: str, settings: "Settings", every: "Iterable[Tried]", links: "Iterable[Link]", at: str
) -> dict[str, object]:
    return {
        "drill": stamp,
        "at": at,
        "checklist": settings.checklist.digest,
        "guards": [
            {
                "guard": one.guard.name, "declared": one.guard.effect, "mode": one.guard.mode,
                "followed": one.follows, "as_declared": one.is_as_declared,
                "seconds": {name: round(span, 6) for name, span in one.spans.items()},
                "why_not": one.why_not, "lost": one.lost,
            }
            for one in every
        ],
        "links": [
            {
                "link": one.name, "state": one.state, "said": one.said,
                "seconds": None if one.seconds is None else round(one.seconds, 3),
            }
            for one in links
        ],
    }  # fmt: skip


def _exit_code(every: "Sequence[Tried]", links: "Iterable[Link]") -> int:
    if any(one.state == "lost" for one in links):
        return FAILED
    if any(not one.is_well and not one.why_not for one in every):
        return FAILED
    return UNKNOWN if any(one.why_not for one in every) else 0
