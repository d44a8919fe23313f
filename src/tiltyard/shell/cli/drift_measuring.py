"""Drifts on the command line: measured one after the other, printed, and recorded if asked for.

It is loaded when somebody measures: what reads bars takes longer to load than most commands take.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import typer

from tiltyard.kernel.clock import span_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.metrics.catalogue import DRIFT
from tiltyard.policies.name import select
from tiltyard.shell.clock import system_now
from tiltyard.shell.drift.measuring import measure
from tiltyard.shell.drift.observer import observations, task_for, trained
from tiltyard.shell.drift.task import Measured
from tiltyard.shell.gauges import Gauges
from tiltyard.shell.models.shelf import Shelf
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

ERROR = "error"
OLD = timedelta(days=2)
"""So long after the last bar it is said how old it is."""


def measure_drifts(
    ledger: Ledger, settings: Settings, policy: str | None, *, as_json: bool, report: bool
) -> bool:
    """Measure and print; whether nothing went wrong.

    Args:
        ledger: Who there is.
        settings: Where models and bars are.
        policy: Name or unique suffix; every trained policy when None.
        as_json: Print JSON.
        report: Record what was found.

    Raises:
        TiltyardError: ``DRIFT_WITHOUT_BARS``, ``POLICY_UNKNOWN``, ``SNAPSHOT_MISSING``.
    """
    if not settings.market.feed:
        raise TiltyardError(
            "DRIFT_WITHOUT_BARS", "market.feed", "the settings name no folder of bars",
            "say where they are: [market] feed",
        )  # fmt: skip
    wanted = _wanted(ledger, settings, policy)
    found = [_measured(name, digest, settings) for name, digest in wanted.items()]
    recorded = _recorded(ledger, found) if report else {}
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in found], indent=2))
    elif not found:
        typer.echo("no policy that was trained has joined")
    else:
        now = system_now()
        width = max(len(one.policy) for one in found)
        for one in found:
            typer.echo(f"{one.policy:<{width}}  {told_of(one, now)}{recorded.get(one.policy, '')}")
    return all(one.state != ERROR for one in found)


def _wanted(ledger: Ledger, settings: Settings, policy: str | None) -> Mapping[str, str]:
    roster = ledger.roster()
    every = trained(roster, Shelf(settings.models.path))
    if policy is None:
        return every
    name = select(policy, list(roster.arms))
    if name not in every:
        raise TiltyardError(
            "SNAPSHOT_MISSING", name, f"{settings.models.path} has no snapshot that serves it",
            "put its folder back; a policy that was not trained has none",
        )  # fmt: skip
    return {name: every[name]}


def _measured(name: str, digest: str, settings: Settings) -> Measured:
    try:
        return measure(task_for(name, digest, settings, system_now()))
    except TiltyardError as error:
        return Measured(name, ERROR, str(error))


def _recorded(ledger: Ledger, found: Sequence[Measured]) -> Mapping[str, str]:
    """What became of each that has a number."""
    last, said = ledger.last_observed(DRIFT), {}
    gauges = Gauges(ledger, system_now)
    for one in found:
        if one.value is None or one.as_of is None:
            continue
        before = last.get(one.policy)
        if before is not None and before >= one.as_of:
            said[one.policy] = "; not recorded: it was observed on these bars already"
            continue
        gauges.report(*observations(one))
        said[one.policy] = "; recorded"
    return said


def told_of(one: Measured, now: datetime) -> str:
    """What was found, for people, and how old the bars are where they are old.

    Args:
        one: What was found.
        now: UTC.
    """
    if one.value is None or one.as_of is None:
        return f"undefined ({one.state}: {one.reason})" if one.state != ERROR else one.reason
    age = now - one.as_of
    ago = f" ({span_text(age)} ago)" if age >= OLD else ""
    return (
        f"{one.value:.3f} nats, 95 %: {one.low:.3f} to {one.high:.3f}; {one.windows:,} windows "
        f"until {one.as_of:%Y-%m-%d %H:%M}Z{ago}, worth {one.effective_samples:.0f}; {one.dominant}"
    )
