"""Pages: what is critical, each with a number, until somebody has acknowledged it.

Whoever decides writes them, in the transaction that decides. Anybody may acknowledge one, which
is audited and gives nobody anything. A link in what was told acknowledges one page as well; of
its secret only the hash is kept, and it is good for a week.

Nobody has to acknowledge any, so there may be any number that are open. Whoever looks often asks
for those that matter to them, and for what they tell of rather than for the pages.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.desk_tables import page_links, pages
from tiltyard.shell.store.token_table import hash_of

LINK_LASTS = timedelta(days=7)
LONGEST_SECRET = 200
MOST_NUMBERS = 2**63 - 1
_IS_OPEN = pages.c.acknowledged_at.is_(None)
_NEXT = sa.select(sa.func.max(pages.c.number) + 1)
"""Without gaps, which a server's own numbers have after what was taken back."""
_EVERY = sa.select(pages).order_by(pages.c.number)


@dataclass(frozen=True, slots=True)
class Page:
    """One thing that somebody is to look at, now.

    Attributes:
        number: 1, 2, 3 … in the order in which they were made.
        event: What was done, as the audit calls it.
        policy: The arm; empty for the account.
        cause: The guard, or what else it followed from.
        title: In one line.
        lines: What else people are told.
        happened_at: UTC.
        made_at: When it was written, UTC.
        acknowledged_at: UTC; None while it is open.
        acknowledged_by: Who did, or ``desk`` when it was settled by what was done since.
        reason: In their words.
        escalated_at: When others were told that nobody had; None for never.
    """

    number: int
    event: str
    policy: str
    cause: str
    title: str
    lines: tuple[str, ...]
    happened_at: datetime
    made_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    reason: str = ""
    escalated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What was seen, whoever saw it: open pages that tell of it need nobody any more.

    Attributes:
        by: Who has settled them.
        how: In words.
        event: Of pages of this alone; None for any, as for the next two.
        policy: Of this arm.
        cause: Of this guard, or what else.
    """

    by: str
    how: str
    event: str | None = None
    policy: str | None = None
    cause: str | None = None


def add_page(connection: sa.Connection, page: Page) -> int:
    """Write one that has no number yet; the number."""
    number = connection.scalar(_NEXT) or 1
    row = {"number": number, "event": page.event, "policy": page.policy, "cause": page.cause,
           "title": page.title, "lines": json.dumps(page.lines, ensure_ascii=False),
           "happened_at": page.happened_at, "made_at": page.made_at}  # fmt: skip
    connection.execute(pages.insert().values(**row))
    return number


def open_pages(connection: sa.Connection) -> Sequence[Page]:
    """Those that nobody has acknowledged, oldest first."""
    return _pages(connection, _EVERY.where(_IS_OPEN))


def standing_causes(connection: sa.Connection, event: str) -> Sequence[tuple[str, str]]:
    """Arm and cause of what open pages of an event tell of, each once."""
    own = sa.and_(_IS_OPEN, pages.c.event == event)
    query = sa.select(pages.c.policy, pages.c.cause).where(own).distinct()
    return [(policy, cause) for policy, cause in connection.execute(query)]


def waiting_pages(
    connection: sa.Connection, since: datetime, until: datetime, most: int
) -> Sequence[Page]:
    """Open ones that were made in that time, and of which no others were told; oldest first."""
    own = sa.and_(
        _IS_OPEN, pages.c.made_at >= since, pages.c.made_at <= until,
        pages.c.escalated_at.is_(None),
    )  # fmt: skip
    return _pages(connection, _EVERY.where(own).limit(most))


def every_page(connection: sa.Connection) -> Sequence[Page]:
    """All of them, oldest first."""
    return _pages(connection, _EVERY)


def find_page(connection: sa.Connection, number: int) -> Page:
    """One of them.

    Raises:
        TiltyardError: ``PAGE_UNKNOWN``.
    """
    is_one = 0 < number <= MOST_NUMBERS
    found = _pages(connection, _EVERY.where(pages.c.number == number)) if is_one else []
    if not found:
        raise TiltyardError(
            "PAGE_UNKNOWN", str(number), "no page has this number", "see: tiltyard notify list"
        )
    return found[0]


def acknowledge_page(
    connection: sa.Connection, number: int, actor: str, reason: str, now: datetime
) -> Page:
    """Say that somebody has seen it, and audit that; as it is then. Who was first stays.

    Raises:
        TiltyardError: ``PAGE_UNKNOWN``.
    """
    if settle_page(connection, number, actor, reason, now):
        event = {"event": "page_acknowledged", "at": now, "actor": actor, "number": number,
                 "reason": reason}  # fmt: skip
        append_audit(connection, [event], now)
    return find_page(connection, number)


def settle_page(
    connection: sa.Connection, number: int, actor: str, reason: str, now: datetime
) -> bool:
    """Close one that is open; False when somebody was faster."""
    if not 0 < number <= MOST_NUMBERS:
        return False
    row = {"acknowledged_at": now, "acknowledged_by": actor, "reason": reason}
    own = sa.and_(_IS_OPEN, pages.c.number == number)
    return bool(connection.execute(pages.update().where(own).values(**row)).rowcount)


def settle_pages(connection: sa.Connection, settled: Settled, now: datetime) -> None:
    """Close those that are open and tell of that."""
    of = {name: getattr(settled, name) for name in ("event", "policy", "cause")}
    own = [pages.c[name] == value for name, value in of.items() if value is not None]
    row = {"acknowledged_at": now, "acknowledged_by": settled.by, "reason": settled.how}
    connection.execute(pages.update().where(_IS_OPEN, *own).values(**row))


def note_escalations(connection: sa.Connection, numbers: Iterable[int], now: datetime) -> None:
    """Others are told of these now, and not again."""
    own = pages.c.number.in_(list(numbers))
    connection.execute(pages.update().where(own).values(escalated_at=now))


def add_link(connection: sa.Connection, number: int, recipient: str, now: datetime) -> str:
    """The secret of a new link that acknowledges a page, for a week."""
    connection.execute(page_links.delete().where(page_links.c.expires_at <= now))
    secret = secrets.token_urlsafe(24)
    row = {"hash": hash_of(secret), "page_number": number, "recipient": recipient,
           "expires_at": now + LINK_LASTS}  # fmt: skip
    connection.execute(page_links.insert().values(**row))
    return secret


def linked_page(connection: sa.Connection, secret: str, now: datetime) -> tuple[Page, str] | None:
    """The page that a link is good for, and whom it was sent; None for no such link."""
    query = sa.select(page_links).where(page_links.c.hash == hash_of(secret))
    row = connection.execute(query).mappings().first()
    if row is None or now >= row["expires_at"]:
        return None
    return find_page(connection, row["page_number"]), row["recipient"]


def _pages(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> Sequence[Page]:
    return [
        Page(**{**row, "lines": tuple(json.loads(row["lines"]))})
        for row in connection.execute(query).mappings()
    ]
