"""The ``[notify]`` section of the settings: who is told, of what, and when.

The address of a recipient is a secret, so it is not in the settings: they say in which file it
stands, or in which variable of the environment.
"""

import re
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tiltyard.checklist.guard import Severity
from tiltyard.shell.notify.quiet import QuietHours
from tiltyard.shell.sections.from_a_variable import in_json

PREFIX = "notify:"
"""How the names of the targets begin that are people."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Recipient(BaseModel):
    """Somebody who is told.

    Attributes:
        name: For people, and of the target.
        address_file: Holds the address, on one line.
        address_env: The variable of the environment that holds it, instead.
        severities: Of what.
        escalation: Told only of what is critical and nobody has acknowledged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    address_file: str = ""
    address_env: str = ""
    severities: tuple[Severity, ...] = ("critical", "warning")
    escalation: bool = False

    @field_validator("name")
    @classmethod
    def _nameable(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("expected up to 40 letters, digits, and _ . -")  # noqa: TRY003 pydantic collects it
        return name

    @field_validator("address_file")
    @classmethod
    def _is_a_file(cls, file: str) -> str:
        if "\0" in file or "://" in file:  # it may be the address, and is not repeated
            raise ValueError("name the file that holds the address")  # noqa: TRY003 pydantic collects it
        return file

    @field_validator("address_env")
    @classmethod
    def _is_a_variable(cls, name: str) -> str:
        if name and not _VARIABLE.fullmatch(name):  # it may be the address, and is not repeated
            raise ValueError("name the variable that holds the address")  # noqa: TRY003 pydantic collects it
        return name

    @field_validator("severities")
    @classmethod
    def _of_something(cls, severities: tuple[Severity, ...]) -> tuple[Severity, ...]:
        if not severities:
            raise ValueError("of nothing: leave the recipient out")  # noqa: TRY003 pydantic collects it
        return severities

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if bool(self.address_file) == bool(self.address_env):
            raise ValueError("give address_file or address_env, one of them")  # noqa: TRY003 pydantic collects it
        if self.escalation and "critical" not in self.severities:
            raise ValueError("escalation is of what is critical")  # noqa: TRY003 pydantic collects it
        return self

    @property
    def target(self) -> str:
        """The name of the target."""
        return PREFIX + self.name


class NotifySettings(BaseModel):
    """Who is told; nobody while there is no recipient."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipient: tuple[Recipient, ...] = ()
    quiet: str = ""
    escalate_after: float = Field(default=15, ge=0, le=1440)
    link: str = ""

    @field_validator("recipient", mode="before")
    @classmethod
    def _from_a_variable(cls, said: Any) -> Any:  # noqa: ANN401 whatever a file says
        return in_json(said)

    @field_validator("recipient")
    @classmethod
    def _each_once(cls, recipients: tuple[Recipient, ...]) -> tuple[Recipient, ...]:
        names = [one.name for one in recipients]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"more than one is called {', '.join(twice)}")  # noqa: TRY003 pydantic collects it
        return recipients

    @field_validator("quiet")
    @classmethod
    def _hours(cls, text: str) -> str:
        if text:
            QuietHours.parse(text)
        return text

    @field_validator("link")
    @classmethod
    def _address(cls, link: str) -> str:
        if link and (fault := _fault_of_link(link)):
            raise ValueError(fault)
        return link.rstrip("/")

    @model_validator(mode="after")
    def _escalates_to_somebody(self) -> Self:
        never = [one.name for one in self.recipient if one.escalation and not self.escalate_after]
        if never:
            raise ValueError(  # noqa: TRY003 pydantic collects it
                f"{', '.join(never)} would never be told: escalate_after is 0"
            )
        return self

    @property
    def quiet_hours(self) -> QuietHours | None:
        """The hours as a value; None where there are none."""
        return QuietHours.parse(self.quiet) if self.quiet else None


def _fault_of_link(link: str) -> str:
    try:
        parts = urlsplit(link)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or not re.fullmatch(r"[!-~]+", link):
        return "expected an address that begins with http:// or https:// and a host"
    if parts.query or parts.fragment or "@" in parts.netloc:
        return "expected an address without user, query and fragment: what follows is added"
    if parts.scheme == "http" and not _is_in_the_house(host):
        return "a link is a secret: expected https://, save within one's own machine or network"
    return ""


def _is_in_the_house(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost"
