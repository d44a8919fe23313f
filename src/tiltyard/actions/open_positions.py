"""What is still open when an arm loses its traffic, what happens to it, and by when."""

from datetime import datetime, timedelta

from tiltyard.facts.mark import Mark
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.money import money_text

LEFT_OPEN_AFTER = timedelta(minutes=30)
"""After a halt; then a person is paged."""


def what_is_open(mark: Mark | None, halted_at: datetime) -> str:
    """One sentence part for people, from the arm's last mark.

    >>> from datetime import UTC
    >>> from tiltyard.kernel.money import money
    >>> at = datetime(2025, 7, 7, 12, tzinfo=UTC)
    >>> what_is_open(Mark("bot", at, money(-12.5), 2, currency="USDT"), at)
    'open at 2025-07-07T12:00:00Z: 2 positions, exposure not reported, unrealised -12.5 USDT; \
reduce-only, and a page at 2025-07-07T12:30:00Z if any is left'
    """
    until = time_text(halted_at + LEFT_OPEN_AFTER)
    if mark is None:
        return "what is open is not known, no mark was reported; whatever it is, reduce-only"
    at = time_text(mark.marked_at)
    if not mark.open_positions:
        return f"nothing was open at {at}"
    unit = f" {mark.currency}" if mark.currency else ""
    exposure = (
        "exposure not reported"
        if mark.exposure is None
        else f"exposure {money_text(mark.exposure)}{unit}"
    )
    positions = "1 position" if mark.open_positions == 1 else f"{mark.open_positions:,} positions"
    return (
        f"open at {at}: {positions}, {exposure}, unrealised {money_text(mark.unrealised)}{unit}; "
        f"reduce-only, and a page at {until} if any is left"
    )
