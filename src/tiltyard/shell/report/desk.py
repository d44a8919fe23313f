"""What is to be said of the running desk, by what it has left on its lease.

A desk reads its settings once, when it starts. Whoever changes the checklist beside it changes
nothing about what it does, and is told so.
"""

from datetime import datetime, timedelta

from tiltyard.kernel.clock import span_text
from tiltyard.shell.store.lease import Lease

_DIGITS = 12


def who_acts(lease: Lease | None, now: datetime) -> str:
    """Who has the lease and when it last showed that it lives; that none runs when it is over.

    A desk that was killed keeps its lease for 15 s. One that lives renews it every 5 s.
    """
    if lease is None or not lease.holder:
        return "none runs"
    if not lease.is_held(now):
        seen = f"the last sign of life of {lease.holder} was {_ago(lease, now)}"
        return f"none renews its lease; {seen}"
    return f"{lease.holder}, last sign of life {_ago(lease, now)}"


def other_checklist(lease: Lease | None, digest: str, settings: str, now: datetime) -> list[str]:
    """That a desk runs which goes by another checklist; no line where none does.

    Args:
        lease: As it stands.
        digest: Of the checklist in the settings.
        settings: The name of their file.
        now: UTC.
    """
    if lease is None or not lease.is_held(now) or lease.checklist in ("", digest):
        return []
    told = (
        f"the desk goes by another checklist ({lease.checklist[:_DIGITS]}) than {settings} "
        f"({digest[:_DIGITS]}): start it again, until then it judges by its own"
    )
    return [told]


def _ago(lease: Lease, now: datetime) -> str:
    """How long ago a lease was renewed.

    >>> from datetime import UTC
    >>> lease = Lease("desk", 1, 1, datetime(2025, 7, 7, 12, tzinfo=UTC))
    >>> [_ago(lease, lease.renewed_at + timedelta(seconds=some)) for some in (-9, 119, 7200)]
    ['9 s ahead of this clock', '119 s ago', '2 h ago']
    """
    span = now - lease.renewed_at
    if span < timedelta(0):
        return f"{-span / timedelta(seconds=1):.0f} s ahead of this clock"
    return f"{span_text(span)} ago"
