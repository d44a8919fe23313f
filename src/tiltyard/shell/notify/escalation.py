"""Escalation: when nobody has acknowledged a page in time, others are told, once.

That others are told is noted in the transaction that requests it, so it happens once, wherever
the process is killed. They are told of what has waited for less than a day: whoever is named today
for the first time is not told of all that ever waited. After a flood they are told of so many at a
time, so that no transaction is long.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from tiltyard.kernel.clock import time_text
from tiltyard.shell.notify.message import Message
from tiltyard.shell.notify.people import page_body, page_key
from tiltyard.shell.sections.notify import NotifySettings, Recipient
from tiltyard.shell.store.lease import check_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import PAGE, Effect, effects_by_key, request_effect
from tiltyard.shell.store.page_table import Page, note_escalations, waiting_pages

NEWS_FOR = timedelta(days=1)
"""Others are told until a page has waited so long after they were to be."""
MOST = 50
"""Pages of which others are told in one transaction."""

REQUESTED, NOTED = STAGES = ("escalation requested", "escalation noted")
"""What is passed: it is written, and committed."""


def escalate(
    ledger: Ledger,
    token: int,
    settings: NotifySettings,
    now: datetime,
    on_stage: Callable[[str], None] = lambda _: None,
) -> int:
    """Request that others are told of pages that have waited too long; how many there were.

    Args:
        ledger: Not inside a transaction.
        token: Of the lease.
        settings: How long is too long, and who the others are.
        now: UTC.
        on_stage: Told each of :data:`STAGES` that is passed.

    Raises:
        TiltyardError: ``LEASE_LOST``, or what is wrong with the database.
    """
    others = [one for one in settings.recipient if one.escalation]
    if not others:
        return 0
    until = now - timedelta(minutes=settings.escalate_after)
    since = until - NEWS_FOR
    with ledger.snapshot() as still:
        if not waiting_pages(still.connection, since, until, most=1):
            return 0
    with ledger.transaction() as inside:
        check_lease(inside.connection, token)
        waiting = waiting_pages(inside.connection, since, until, MOST)
        for page in waiting:
            _tell_others(inside.connection, page, settings.recipient, others, now)
        note_escalations(inside.connection, [page.number for page in waiting], now)
        on_stage(REQUESTED)
    on_stage(NOTED)
    return len(waiting)


def escalation_key(number: int, recipient: Recipient) -> str:
    """Under which a recipient is told that nobody has acknowledged; no name makes it another's."""
    return f"escalated-{number}-{recipient.target}"


def _tell_others(
    connection: sa.Connection,
    page: Page,
    everybody: Sequence[Recipient],
    others: Sequence[Recipient],
    now: datetime,
) -> None:
    first = {page_key(page.number, one): one.name for one in everybody if not one.escalation}
    told = [_was_told(first[one.key], one) for one in effects_by_key(connection, list(first))]
    message = Message(
        f"Nobody acknowledged: {page.title}",
        ("; ".join(told) or "nobody else was told", *page.lines), "critical", page.happened_at,
    )  # fmt: skip
    body = page_body(page.number, message)
    for one in others:
        request_effect(connection, escalation_key(page.number, one), one.target, PAGE, body, now)


def _was_told(name: str, effect: Effect) -> str:
    if effect.state in ("applied", "verified"):
        at = effect.settled_at or effect.due_at
        return f"{name} was told at {time_text(at.replace(microsecond=0))}"
    return f"{name} could not be told" if effect.attempts else f"{name} was not told yet"
