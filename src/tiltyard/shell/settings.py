"""Settings: ``tiltyard.toml``, amended by ``TILTYARD_*`` environment variables.

Everything has a default, so no file is needed. A file with mistakes is refused with all
of them at once. The guards in it are read by :mod:`tiltyard.checklist.parse`.
"""

import os
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tiltyard.checklist.defaults import DEFAULT_TEXT
from tiltyard.checklist.guard import Checklist
from tiltyard.checklist.marks import marked_every
from tiltyard.checklist.parse import parse_checklist
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.kernel.money import Money, money
from tiltyard.kernel.registry import did_you_mean
from tiltyard.metrics.account import AccountMeasures
from tiltyard.scaling.catalogue import FOR_A_DESK
from tiltyard.scaling.in_force import Rule, in_force
from tiltyard.scaling.ladder import LADDER, ShareRules, fits
from tiltyard.scaling.trading_day import starts_at, trading_day
from tiltyard.shell.sections.alerts import AlertSettings
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.sections.drift import DriftSettings
from tiltyard.shell.sections.gpu import GpuSettings
from tiltyard.shell.sections.jobs import JobSettings
from tiltyard.shell.sections.learner import LearnerSettings
from tiltyard.shell.sections.market import MarketSettings
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.sections.notify import NotifySettings
from tiltyard.shell.sections.purge import PurgeSettings
from tiltyard.shell.sections.web_address import fault_of_address

FILE = "tiltyard.toml"
LARGEST_FILE = 1 << 20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LedgerSettings(_Section):
    """Where the facts are kept."""

    database: str = "./tiltyard.db"


class AccountSettings(_Section):
    """The account that the policies trade."""

    name: str = "default"
    currency: str = ""
    capital: float | None = Field(default=None, gt=0)


class PolicySettings(_Section):
    """What a policy has when it does not say."""

    capital: float | None = Field(default=None, gt=0)


class ScheduleSettings(_Section):
    """When the trading day begins."""

    timezone: str = "UTC"
    nightly: time = time(2)

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"unknown time zone {name!r}") from None  # noqa: TRY003 pydantic collects it
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as a value."""
        return ZoneInfo(self.timezone)

    def trading_day(self, at: datetime) -> date:
        """The start date of the trading day that a time lies in."""
        return trading_day(at, self.nightly, self.zone)

    def day_begins(self, at: datetime) -> datetime:
        """When the trading day began that a time lies in, UTC."""
        return starts_at(self.trading_day(at), self.nightly, self.zone)


class ScalingSettings(_Section):
    """What moves shares at night."""

    rule: str = LADDER

    @field_validator("rule")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FOR_A_DESK:
            near = did_you_mean(name, FOR_A_DESK) or f"known: {', '.join(FOR_A_DESK)}"
            raise ValueError(f"unknown rule {name!r}, {near}")  # noqa: TRY003 pydantic collects it
        return name

    def in_force(self, shares: ShareRules) -> Rule | None:
        """The rule, within these bounds; None for the ladder."""
        return None if self.rule == LADDER else in_force(self.rule, shares)


class RunSettings(_Section):
    """The running desk."""

    deadman: float = Field(default=60, ge=1)


class ApiSettings(_Section):
    """The running desk over HTTP."""

    serve: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    requests_per_second: float = Field(default=50, ge=1, le=100_000)


class ShareSettings(_Section):
    """Bounds of traffic allocation, fractions of all opportunities."""

    start: float = Field(default=0.10, gt=0, le=1)
    champion_floor: float = Field(default=0.40, ge=0, le=1)
    cap: float = Field(default=0.60, gt=0, le=1)
    trial_trades: int = Field(default=150, ge=1)

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        most = min(self.cap, 1 - self.champion_floor)
        if not fits(self.start, most):
            raise ValueError(  # noqa: TRY003 pydantic collects it
                f"start is {self.start:g}, and cap and champion_floor leave at most {most:g}"
            )
        return self

    def rules(self) -> ShareRules:
        """The same as the core's value; shares have six decimals, like those in the audit."""
        return ShareRules(
            round(self.start, 6), round(self.champion_floor, 6), round(self.cap, 6),
            self.trial_trades,
        )  # fmt: skip


class EffectSettings(_Section):
    """Who outside is told what was decided, and with which patience."""

    file: str = ""
    webhook: str = ""
    attempts: int = Field(default=8, ge=1, le=1000)
    timeout: float = Field(default=5.0, gt=0, le=60)

    @field_validator("file")
    @classmethod
    def _nameable(cls, file: str) -> str:
        if "\0" in file:
            raise ValueError("no file is named so")  # noqa: TRY003 pydantic collects it
        return file

    @field_validator("webhook")
    @classmethod
    def _address(cls, url: str) -> str:
        if url and (fault := fault_of_address(url)):
            raise ValueError(fault)
        return url


class Settings(_Section):
    """Everything that can be configured, guards included.

    Attributes:
        checklist: The guards, defaults amended by the file's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    ledger: LedgerSettings = LedgerSettings()
    account: AccountSettings = AccountSettings()
    policies: PolicySettings = PolicySettings()
    schedule: ScheduleSettings = ScheduleSettings()
    shares: ShareSettings = ShareSettings()
    scaling: ScalingSettings = ScalingSettings()
    run: RunSettings = RunSettings()
    api: ApiSettings = ApiSettings()
    effects: EffectSettings = EffectSettings()
    notify: NotifySettings = NotifySettings()
    market: MarketSettings = MarketSettings()
    models: ModelSettings = ModelSettings()
    drift: DriftSettings = DriftSettings()
    gpu: GpuSettings = GpuSettings()
    learner: LearnerSettings = LearnerSettings()
    alerts: AlertSettings = AlertSettings()
    archive: ArchiveSettings = ArchiveSettings()
    jobs: JobSettings = JobSettings()
    purge: PurgeSettings = PurgeSettings()
    checklist: Checklist

    def default_capital(self) -> Money | None:
        """Capital of a policy that names none."""
        return None if self.policies.capital is None else money(self.policies.capital)

    def marked_every(self, interval: timedelta) -> "Settings":
        """The same where positions are valued once in an interval: a mark may be so much older."""
        return self.model_copy(update={"checklist": marked_every(self.checklist, interval)})

    def account_measures(self) -> AccountMeasures:
        """The account before its first trade, its day beginning when the schedule says."""
        account = self.account
        capital = None if account.capital is None else money(account.capital)
        return AccountMeasures(account.name, account.currency, capital, self.schedule.trading_day)


def load(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Args:
        path: The file; ``tiltyard.toml`` in this folder when None, and then it may be
            missing.
        environment: Whose variables amend it.

    Raises:
        TiltyardError: ``CONFIG_MISSING``, ``CONFIG_UNREADABLE``.
        Faults: ``CONFIG_INVALID`` or ``CHECKLIST_INVALID``.
    """
    file = path or Path(FILE)
    table = _read(file, required=path is not None)
    guards = table.pop("guard", [])
    _amend(table, environment)
    faults: list[Fault] = []
    checklist: Checklist | None = None
    try:
        checklist = read_checklist(guards, str(file))
    except Faults as error:
        faults.extend(error.faults)
    try:
        settings = Settings(**table, checklist=checklist or read_checklist([], str(file)))
    except ValidationError as error:
        faults.extend(_fault(detail) for detail in error.errors())
    if faults:
        code = "CHECKLIST_INVALID" if checklist is None else "CONFIG_INVALID"
        raise Faults(code, str(file), faults)
    return settings


def read_checklist(guards: object, file: str) -> Checklist:
    """The built-in checklist amended by a file's ``[[guard]]`` tables."""
    if not isinstance(guards, list) or not all(isinstance(guard, dict) for guard in guards):
        raise Faults("CHECKLIST_INVALID", file, [Fault("$.guard", "expected [[guard]] tables")])
    return parse_checklist(guards, tomllib.loads(DEFAULT_TEXT)["guard"], file)


def _read(file: Path, *, required: bool) -> dict[str, Any]:
    if not file.is_file():
        if required:
            raise TiltyardError("CONFIG_MISSING", str(file), "no such file", "see: tiltyard init")
        return {}
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise TiltyardError("CONFIG_UNREADABLE", str(file), "larger than 1 MB")
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TiltyardError("CONFIG_UNREADABLE", str(file), str(error)) from error


def variables() -> Mapping[str, tuple[str, str]]:
    """By its variable, the section and the name of each setting that has one."""
    return {
        f"TILTYARD_{section}_{name}".upper(): (section, name)
        for section, field in Settings.model_fields.items()
        if section != "checklist"
        for name in getattr(field.annotation, "model_fields", {})
    }


def _amend(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable, (section, name) in variables().items():
        value = environment.get(variable)
        if value is not None and isinstance(table.setdefault(section, {}), dict):
            table[section][name] = value


def _fault(detail: Any) -> Fault:  # noqa: ANN401 pydantic's own shape
    place = "$." + ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        word = str(detail["loc"][-1])
        section = Settings.model_fields.get(str(detail["loc"][0]))
        known = (
            getattr(section.annotation, "model_fields", {}) if section else Settings.model_fields
        )
        return Fault(place, f"unknown setting {word!r}, {did_you_mean(word, known)}".rstrip(", "))
    return Fault(place, str(detail["msg"]).removeprefix("Value error, "))
