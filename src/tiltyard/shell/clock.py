"""The one place that asks what time it is."""

from datetime import UTC, datetime


def system_now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)  # noqa: TID251 this is the clock that the shell owns
