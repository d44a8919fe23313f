"""``init``, ``db upgrade`` and ``doctor``: the house itself."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tiltyard import __version__
from tiltyard.checklist.defaults import DEFAULT_TEXT
from tiltyard.facts.audit import broken_link
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.options import Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import system_now
from tiltyard.shell.models.versions import versions_in
from tiltyard.shell.report.desk import other_checklist, who_acts
from tiltyard.shell.report.outside import untold_lines
from tiltyard.shell.report.text import hold_lines
from tiltyard.shell.settings import FILE, Settings
from tiltyard.shell.store.command_table import pending_commands
from tiltyard.shell.store.lease import read_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import LEARNER, every_effect, told_in_vain
from tiltyard.shell.targets import targets_from

SETTINGS_TEXT = """\
# Tiltyard. Every line below is the default, or an example where there is none: uncomment
# what you change.

# [ledger]
# database = "./tiltyard.db"   # a path, or a database URL

# [account]
# name = "default"
# currency = "USDT"            # trades in another one are not counted in the account
# capital = 10000              # equity of the account; without it account guards are unknown

# [policies]
# capital = 1000               # of a policy that names none; without it drawdown is undefined

# [schedule]
# timezone = "UTC"
# nightly = "02:00:00"

# [scaling]
# rule = "ladder"              # what moves shares at night: "evidence", or another

# [run]
# deadman = 60                 # seconds without a judgement, then challengers get nothing

# [api]                        # the desk over HTTP
# serve = false
# host = "127.0.0.1"
# port = 8420
# requests_per_second = 50     # of a token; more are refused

# [market]                     # what the desk trades by itself, on paper
# feed = "bars"                # a folder of bars; without it, nothing
# fee_bps = 5
# half_spread_bps = 1
# sized = 0.1                  # of the arm's capital, for a position
# blackouts = [
#   { from = 2025-07-09T12:00:00Z, until = 2025-07-09T14:00:00Z, reason = "rate decision" },
# ]

# [models]                     # what was trained, and is traded by
# folder = "./models"
# keep_days = 90               # then what nobody uses is removed, once the archive holds it

# [drift]                      # of the encoders of those
# every = "6 h"                # or "off"
# current = "90 d"             # windows of so long back are compared with the baseline

# [shares]
# start = 0.10
# champion_floor = 0.40
# cap = 0.60
# trial_trades = 150

# [effects]                    # who else is told, while a desk runs
# file = "shares.json"         # written whole when shares change; without it, none
# webhook = "https://bots.example/tiltyard"   # told by POST of shares and notices
# attempts = 8                 # then a notice is given up; shares are told until they arrive
# timeout = 5                  # seconds that the webhook may take to answer

# [gpu]                        # how busy the GPUs are, while a desk runs
# source = "auto"              # "nvml", "off", or the address of a DCGM exporter
# every = 5                    # seconds between two samples

# [archive]                    # where snapshots of all this are kept
# folder = "./archive"
# bucket = ""                  # of S3, instead
# prefix = "tiltyard"          # what names in it begin with
# endpoint = ""                # of another server that speaks it
# region = "us-east-1"
# credentials_file = ""        # else AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
# keep_weeks = 12              # the newest, and what arms need, for longer

# [jobs]                       # what is done by the clock
# hosted = false               # by the running desk; else cron does it
# weekly = "sunday 03:00"      # snapshot, retraining, sweep, purge, clean-up
# health = "6 h"               # from one look at the house to the next
# data = ""                    # a folder of bars to learn from; without it, market.feed
# symbols = "SOL,BTC"          # of them; "" for all there are
# interval = ""                # of the bars: "1h"
# days = 0                     # only the newest so many are learnt from; 0 for all
# encoder = ""                 # a snapshot whose encoder is taken; "" trains one each time
# steps = 250000               # of players, for each network of a retrained policy
# seeds = 5                    # networks of it
# retrain_minutes = 240        # then the best there is, is kept
# trials = 10                  # of a sweep
# sweep_minutes = 240          # then no further trial is begun
# workers = 1                  # processes that run its trials; they find the same
# ray = "10.0.0.5:6379"        # a cluster for retraining and sweep
# refresh_epochs = 10          # of an encoder that has drifted
# folder = "./maintenance"     # reports of maintenance, and what it has begun

# [purge]                      # when a policy is stale, and retired by the weekly maintenance
# days = 60                    # so long at or below its starting share, after a full trial
# profit_factor = 1.2          # or below it, over the live trades of its trial
# trades = 150                 # of a full trial, and that a profit factor is made from
# minimum_active = 2           # so many policies are always left

# [learner]                    # who runs the learner: one of command, supervisord, deployment
# command = ["python", "train.py"]            # the desk itself, while it runs
# folder = "./tiltyard-learner"               # its status, log and journal
# grace = 10                   # seconds from SIGTERM to SIGKILL
# progress_within = 300        # seconds in which its step must rise
# checkpoint_within = 60       # seconds in which it saves its work before it is restarted
# supervisord = ""             # "unix:///run/supervisor.sock" or "http://127.0.0.1:9001"
# program = ""                 # its name there
# deployment = ""              # "NAMESPACE/NAME" of Kubernetes
# kubernetes = "https://kubernetes.default.svc"
# credentials = "/var/run/secrets/kubernetes.io/serviceaccount"

# [notify]                     # who is told on their phone, while a desk runs
# quiet = "22:00-07:00"        # nothing but what is critical is told then
# escalate_after = 15          # minutes without an answer, then others are told; 0 for never
# link = "https://desk.example"   # where a phone reaches the API; without it, no links
# [[notify.recipient]]
# name = "ann"
# address_file = "ann.address" # holds an address of Apprise, on one line
# severities = ["critical", "warning"]

# [alerts]                     # Prometheus and Alertmanager beside the desk
# desk = "tiltyard"            # the label of everything that is scraped from it
# prometheus_url = "http://127.0.0.1:9090"
# alertmanager_url = "http://127.0.0.1:9093"
# webhook = "http://127.0.0.1:8420/v1/alerts"   # the desk, as Alertmanager reaches it
# token_file = "alerts.token"  # what Alertmanager shows there
# scrape_token_file = "scrape.token"   # what Prometheus shows to the desk
# mail_to = "me@example.org"   # who gets mail, separated by commas
# mail_from = "desk@example.org"
# smarthost = "mail.example.org:587"
# mail_username = "desk"
# mail_password_file = "mail.password"
# mail_require_tls = true
# runbooks = "docs/how-to/runbooks/"   # what the name of an alert's page is put behind

# The checklist. A guard of the same name replaces only the fields that it gives.

"""


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(init)
    app.command()(doctor)
    database = typer.Typer(help="The database.", no_args_is_help=True)
    database.command("upgrade")(upgrade)
    app.add_typer(database, name="db")


def init(
    database: Database = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write tiltyard.toml, commented, and make the database."""
    path = Path(FILE)
    if path.exists() and not force:
        remedy = "pass --force, or make the database alone: tiltyard db upgrade"
        raise TiltyardError("CONFIG_EXISTS", str(path), "it is there already", remedy)
    path.write_text(initial_text(), encoding="utf-8")
    settings = settings_from(None)
    with open_ledger(database, settings, create=True) as ledger:
        typer.echo(f"wrote {path}; database {ledger.url.render_as_string(hide_password=True)}")


def initial_text() -> str:
    """What ``init`` writes: every default, commented out."""
    guards = "".join(f"# {line}".rstrip() + "\n" for line in DEFAULT_TEXT.splitlines())
    return SETTINGS_TEXT + guards


def upgrade(database: Database = None, config: Config = None) -> None:
    """Bring the database to this version's schema, or make it."""
    with open_ledger(database, settings_from(config), create=True) as ledger:
        typer.echo(f"up to date: {ledger.url.render_as_string(hide_password=True)}")


def doctor(database: Database = None, config: Config = None) -> None:
    """Check the installation, the settings and the database."""
    typer.echo(f"tiltyard {__version__}, python {sys.version.split()[0]}")
    settings = settings_from(config)
    guards = settings.checklist.guards
    enforced = sum(guard.mode == "enforce" for guard in guards)
    typer.echo(f"checklist: {len(guards)} guards, {enforced} enforced")
    with open_ledger(database, settings) as ledger:
        roster = ledger.roster()
        broken = broken_link((row.previous, row.body, row.hash) for row in ledger.audit())
        typer.echo(f"database: {ledger.url.render_as_string(hide_password=True)}")
        typer.echo(f"arms: {len(roster.arms)}, open reviews: {len(roster.open_reviews())}")
        for line in hold_lines(roster):
            typer.echo(line)
        _tell_of_desk(ledger, settings, str(config or FILE))
        _tell_of_models(settings.models.path)
        for item in ledger.quarantined():
            typer.echo(f"quarantined: {item.policy} {item.trade_id}: {item.reason}")
        for fact in ledger.quarantined_facts():
            what = "a mark" if fact.kind == "mark" else fact.name
            whose = f"{what} of {fact.policy or 'the account'}"
            typer.echo(f"quarantined: {whose} at {time_text(fact.at)}: {fact.reason}")
        if broken is not None:
            raise TiltyardError("AUDIT_BROKEN", "audit", f"row {broken + 1} was edited")
        typer.echo(f"audit: the chain holds, head {ledger.audit_head()}")


def _tell_of_models(folder: Path) -> None:
    try:
        found = versions_in(folder)
    except TiltyardError as error:
        typer.echo(f"models: {error}")
        return
    refused = sum(isinstance(one.origin, TiltyardError) for one in found)
    if found:
        ends = f", {refused} refused: tiltyard policy versions says why" if refused else ""
        typer.echo(f"models: {len(found)} in {folder}{ends}")


def _tell_of_desk(ledger: Ledger, settings: Settings, file: str) -> None:
    with ledger.snapshot() as still:
        lease = read_lease(still.connection)
        waiting = pending_commands(still.connection)
        in_vain = told_in_vain(still.connection)
        failed = [one for one in every_effect(still.connection) if one.state == "failed"]
    now = system_now()
    typer.echo(f"desk: {who_acts(lease, now)}")
    for line in other_checklist(lease, settings.checklist.digest, file, now):
        typer.echo(line)
    for command in waiting:
        typer.echo(f"command {command.seq} waits: {command}")
    named = {*targets_from(settings), *([LEARNER] if settings.learner.is_supervised else [])}
    for line in untold_lines(in_vain, failed, named):
        typer.echo(line)
