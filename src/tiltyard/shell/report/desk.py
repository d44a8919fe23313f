"""What is to be said of the running desk, by what it has left on its lease.

A desk reads its settings once, when it starts. Whoever changes the checklist beside it changes
nothing about what it does, and is told so.
"""

from datetime import datetime

from tiltyard.shell.store.lease import Lease

_DIGITS = 12


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
