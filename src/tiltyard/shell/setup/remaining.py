"""What remains for a person, in the order in which it is done, and only what really remains."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from tiltyard.facts.arm import FLAT, Roster
from tiltyard.shell.settings import FILE, Settings
from tiltyard.shell.setup.policy import Meant
from tiltyard.shell.setup.unit import NAME as UNIT
from tiltyard.shell.store.lease import Lease


class Situation(NamedTuple):
    """How things are once everything is written.

    Attributes:
        settings: Of the desk.
        roster: As it stands.
        lease: As it stands.
        meant: The policy that was asked for; None where none was.
        config: The folder of the files.
        kept: Files that somebody has edited, and that were left alone.
        cron: What is to be done so that cron goes by the crontab; empty for nothing.
        mail: What is to be said of mail; empty for nothing.
        shell: What is to be moved from the shell into files.
        now: UTC.
    """

    settings: Settings
    roster: Roster
    lease: Lease | None
    meant: Meant | None
    config: Path
    kept: Mapping[Path, Sequence[str]]
    cron: str
    mail: str
    shell: Sequence[str]
    now: datetime


def remaining(of: Situation) -> Sequence[str]:
    """A line for each step."""
    return [
        *_of_files(of), *_of_policies(of), *_of_settings(of), *of.shell, *_of_tokens(of),
        *_of_desk(of), *_of_others(of),
    ]  # fmt: skip


def _of_files(of: Situation) -> Iterator[str]:
    for path in of.kept:
        yield (
            f"{path} was edited, and left as it is: take over the lines above that you want, "
            "or run setup again with --force"
        )


def _of_policies(of: Situation) -> Iterator[str]:
    if of.meant is not None and of.meant.arm is None:
        yield (
            f"let {of.meant.name} join as a challenger: tiltyard policy register "
            f"{quote(of.meant.name)} (setup --quick does it)"
        )
    if all(arm.name == FLAT for arm in of.roster.arms.values() if arm.role == "champion"):
        yield (
            "name a champion, if one is to trade what challengers do not: "
            "tiltyard policy register NAME --role champion"
        )


def _of_settings(of: Situation) -> Iterator[str]:
    told = of.settings
    if told.account.capital is None:
        yield f"say what the account is worth: account.capital in {FILE}; its guards need it"
    if told.policies.capital is None and any(
        arm.capital is None and arm.name != FLAT for arm in of.roster.arms.values()
    ):
        yield f"say what a policy is given: policies.capital in {FILE}; its drawdown needs it"
    if told.jobs.bars(told.market.feed) is None:
        yield f"name a folder of bars to retrain on: jobs.data in {FILE}"
    if not told.notify.recipient:
        yield f"say who is told on their phone: [[notify.recipient]] in {FILE}"
    if of.mail:
        yield of.mail


def _of_tokens(of: Situation) -> Iterator[str]:
    told = of.settings.alerts
    wanted = [("prometheus", "read", told.scrape_token_file, "Prometheus shows to the desk")]
    if told.webhook:
        shown = "Alertmanager shows to the desk"
        wanted.append(("alertmanager", "operate", told.token_file, shown))
    for name, scope, file, what in wanted:
        path = of.config / file
        if not path.exists():
            command = f"tiltyard token create {name} --scope {scope} > {quote(str(path))}"
            yield f"make the token that {what}: (umask 077; {command})"


def _of_desk(of: Situation) -> Iterator[str]:
    if of.lease is None or not of.lease.is_held(of.now):
        unit = quote(str(of.config / UNIT))
        yield (
            "start the desk: tiltyard run --serve; or for good: "
            f"sudo cp {unit} /etc/systemd/system/ && sudo systemctl enable --now tiltyard"
        )
    if of.cron and not of.settings.jobs.hosted:
        yield of.cron


def _of_others(of: Situation) -> Iterator[str]:
    told = of.settings.alerts
    config = quote(str(of.config))
    yield (
        f"point Prometheus at {of.config / 'prometheus_scrape.yml'} and Alertmanager at "
        f"{of.config / 'alertmanager.yml'}, then see that they took it: tiltyard alerts validate "
        f"--output {config} --prometheus-url {told.prometheus_url} "
        f"--alertmanager-url {told.alertmanager_url}"
    )
    yield f"import {of.config / 'grafana_dashboard.json'} into Grafana"
