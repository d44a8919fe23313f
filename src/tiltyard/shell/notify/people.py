"""Requests that people are told, in the transaction that decides.

What is critical becomes a page with a number, and everybody who is to be told of what is
critical has it in a lane of their own; the rest are messages, which may wait for the morning.
Whoever is there for escalation has nothing yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import sqlalchemy as sa

from tiltyard.actions.record import Event
from tiltyard.checklist.guard import Checklist
from tiltyard.checklist.judge import Memory
from tiltyard.facts.arm import Roster
from tiltyard.facts.mark import LastMark
from tiltyard.shell.notify.message import Message, grouped, said
from tiltyard.shell.notify.scene import Scene
from tiltyard.shell.notify.settling import is_over, settled_by
from tiltyard.shell.sections.notify import Recipient
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.outbox import MESSAGE, PAGE, request_effect
from tiltyard.shell.store.page_table import Page, Settled, add_page, settle_pages, standing_causes


@dataclass(frozen=True, slots=True)
class People:
    """Whom the settings name.

    Attributes:
        recipients: In their order.
        checklist: Whose guards say how much it matters.
    """

    recipients: Sequence[Recipient]
    checklist: Checklist

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Those of these settings; None where nobody is named."""
        named = settings.notify.recipient
        return cls(named, settings.checklist) if named else None

    def request(
        self,
        connection: sa.Connection,
        key: str,
        events: Sequence[Event],
        worth_telling: Sequence[Event],
        roster: Roster,
        marks: Mapping[str, LastMark],
        memories: Mapping[tuple[str, str], Memory] | None,
        now: datetime,
    ) -> None:
        """Settle what is settled, and request what is to be told.

        Args:
            connection: In the transaction that decides.
            key: Of this request; the keys of messages begin so.
            events: All that was done.
            worth_telling: Those of them that people are told.
            roster: As it is afterwards.
            marks: The last of each arm.
            memories: What each guard remembers; None where that is not known.
            now: UTC.
        """
        for seen in settled_by(events):
            settle_pages(connection, seen, now)
        if memories is not None:
            for policy, cause in standing_causes(connection, "page"):
                if is_over(policy, cause, roster, marks, memories):
                    over = Settled("desk", "it is over", "page", policy, cause)
                    settle_pages(connection, over, now)
        scene = Scene(roster, marks, self.checklist)
        for number, group in enumerate(grouped(worth_telling)):
            message = said(group, scene)
            if message.severity == "critical":
                self._page(connection, group[0], message, now)
            else:
                self._tell(connection, f"{key}-message-{number}", message, now)

    def _page(
        self, connection: sa.Connection, event: Event, message: Message, now: datetime
    ) -> None:
        page = Page(
            0, event["event"], event.get("policy", ""), event.get("cause", ""), message.title,
            message.lines, message.at, now,
        )  # fmt: skip
        number = add_page(connection, page)
        body = page_body(number, message)
        for one in told_at_once(self.recipients):
            request_effect(connection, page_key(number, one), one.target, PAGE, body, now)

    def _tell(self, connection: sa.Connection, key: str, message: Message, now: datetime) -> None:
        body = body_of(message)
        for one in self.recipients:
            if message.severity in one.severities and not one.escalation:
                request_effect(connection, f"{key}-{one.target}", one.target, MESSAGE, body, now)


def told_at_once(recipients: Sequence[Recipient]) -> Sequence[Recipient]:
    """Those of them who are told of what is critical, before it goes to anybody higher."""
    return [one for one in recipients if "critical" in one.severities and not one.escalation]


def page_key(number: int, recipient: Recipient) -> str:
    """Under which a recipient is told a page."""
    return f"page-{number}-{recipient.target}"


def page_body(number: int, message: Message) -> Mapping[str, object]:
    """What somebody is told of a page."""
    lines = [*message.lines, f"page {number}: tiltyard notify ack {number} --reason …"]
    return {**body_of(message), "number": number, "lines": lines}


def body_of(message: Message) -> Mapping[str, object]:
    """What an effect tells of a message."""
    return {"title": message.title, "lines": list(message.lines), "severity": message.severity,
            "at": message.at, "number": 0}  # fmt: skip
