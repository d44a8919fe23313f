"""Services on this machine that people are told by: mail, a JSON webhook, and one like ntfy."""

import email
import email.policy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from receivers import SECRET, Receiver, listening
from served import free_port
from tiltyard.checklist.guard import Severity
from tiltyard.shell.sections.notify import NotifySettings, Recipient
from tiltyard.shell.settings import RunSettings, Settings, load


@dataclass
class MailServer:
    """Takes mail.

    Attributes:
        address: As Apprise has it.
        mails: What has come.
    """

    address: str = ""
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd calls it so
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(email.message_from_bytes(content, policy=email.policy.default))
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    port = free_port()
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        server.address = (
            f"mailto://127.0.0.1:{port}?from=desk@tiltyard.example&to=ann@tiltyard.example"
        )
        yield server
    finally:
        controller.stop()


@dataclass
class Phone:
    """A web server as a phone's service.

    Attributes:
        receiver: Its script, and what it was asked.
        address: As Apprise has it.
    """

    receiver: Receiver
    address: str

    @property
    def titles(self) -> list[str]:
        """What has come, taken or not."""
        return [said["title"] for said in self.told]

    @property
    def told(self) -> list[dict[str, str]]:
        """The bodies of what has come."""
        return [json.loads(one.body) for one in self.receiver.asked]

    @property
    def keys(self) -> list[str]:
        """Under which keys."""
        return [one.headers["idempotency-key"] for one in self.receiver.asked]


@contextmanager
def phone() -> Iterator[Phone]:
    with listening() as receiver:
        port = urlsplit(receiver.url).port
        yield Phone(receiver, f"json://127.0.0.1:{port}/{SECRET}")


@contextmanager
def ntfy() -> Iterator[Phone]:
    with listening() as receiver:
        port = urlsplit(receiver.url).port
        yield Phone(receiver, f"ntfy://127.0.0.1:{port}/{SECRET}")


def recipient(
    folder: Path,
    name: str,
    address: str,
    severities: tuple[Severity, ...] = ("critical", "warning", "info"),
    *,
    escalation: bool = False,
) -> Recipient:
    """Somebody whose address stands in a file of the folder."""
    file = folder / f"{name}.address"
    file.write_text(f"{address}\n", "utf-8")
    return Recipient(
        name=name, address_file=str(file), severities=severities, escalation=escalation
    )


def telling(*recipients: Recipient, settings: Settings | None = None, **said: Any) -> Settings:  # noqa: ANN401 its fields
    """Settings by which these are told; nobody is called dead."""
    notify = NotifySettings(recipient=recipients, **said)
    changed = {"notify": notify, "run": RunSettings(deadman=1e9)}
    return (settings or load()).model_copy(update=changed)
