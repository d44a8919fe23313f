"""The ``[alerts]`` section of the settings: Prometheus and Alertmanager beside the desk.

No secret is in it: those are in files of their own, which Prometheus and Alertmanager read.
"""

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tiltyard.shell.sections.web_address import fault_of_address

_DESK = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f{}]*")
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}", re.ASCII)


class AlertSettings(BaseModel):
    """Who is asked, who is told, and how.

    Attributes:
        desk: The label on everything that is scraped from this desk.
        prometheus_url: Where Prometheus answers.
        alertmanager_url: Where Alertmanager answers.
        webhook: The desk's own ``/v1/alerts`` as Alertmanager reaches it; empty for none.
        token_file: A file with the token that Alertmanager shows there.
        scrape_token_file: A file with the token that Prometheus shows to the desk.
        mail_to: Who gets mail, separated by commas; empty for nobody.
        mail_from: Whom mail is from.
        smarthost: Host and port of the server that takes mail.
        mail_username: Who logs in there; empty for nobody.
        mail_password_file: A file with his password.
        mail_require_tls: Whether mail is only given away encrypted.
        runbooks: What the name of an alert's page is put behind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    desk: str = Field(default="tiltyard", pattern=f"^{_DESK}$")
    prometheus_url: str = "http://127.0.0.1:9090"
    alertmanager_url: str = "http://127.0.0.1:9093"
    webhook: str = ""
    token_file: str = "alerts.token"  # noqa: S105 the name of a file
    scrape_token_file: str = "scrape.token"  # noqa: S105 as above
    mail_to: str = ""
    mail_from: str = ""
    smarthost: str = ""
    mail_username: str = ""
    mail_password_file: str = ""
    mail_require_tls: bool = True
    runbooks: str = "docs/how-to/runbooks/"

    @field_validator("prometheus_url", "alertmanager_url", "webhook")
    @classmethod
    def _address(cls, url: str) -> str:
        if url and (fault := fault_of_address(url)):
            raise ValueError(fault)
        return url.rstrip("/")

    @field_validator(
        "token_file", "scrape_token_file", "mail_to", "mail_from", "mail_username",
        "mail_password_file", "runbooks",
    )  # fmt: skip
    @classmethod
    def _one_line(cls, text: str) -> str:
        if not _LINE.fullmatch(text):
            raise ValueError("expected one line without braces")  # noqa: TRY003 pydantic collects it
        return text

    @field_validator("smarthost")
    @classmethod
    def _host_and_port(cls, text: str) -> str:
        if text and not _HOST.fullmatch(text):
            raise ValueError("expected a host and a port such as mail.example:587")  # noqa: TRY003 as above
        return text

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        needs = {"mail_from": self.mail_from, "smarthost": self.smarthost}
        missing = [name for name, value in needs.items() if self.mail_to and not value]
        if missing:
            raise ValueError(f"mail_to needs {' and '.join(missing)}")  # noqa: TRY003 as above
        if bool(self.mail_username) != bool(self.mail_password_file):
            raise ValueError("give both of mail_username and mail_password_file, or none")  # noqa: TRY003 as above
        return self
