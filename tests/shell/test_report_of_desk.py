"""What ``doctor`` says of the running desk, and of one that runs no more."""

from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.shell.report.desk import who_acts
from tiltyard.shell.store.lease import LASTS, Lease

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
LEASE = Lease("ann@host, process 7", 3, 9, NOON)


@pytest.mark.parametrize(
    ("lease", "later", "told"),
    [
        (None, timedelta(0), "none runs"),
        (Lease("", 3, 9, NOON), timedelta(0), "none runs"),
        (LEASE, timedelta(0), "ann@host, process 7, last sign of life 0 s ago"),
        (LEASE, timedelta(seconds=14), "ann@host, process 7, last sign of life 14 s ago"),
        (
            LEASE,
            LASTS,
            "none renews its lease; the last sign of life of ann@host, process 7 was 15 s ago",
        ),
        (
            LEASE, timedelta(minutes=4, seconds=59),
            "none renews its lease; the last sign of life of ann@host, process 7 was 4 min ago",
        ),
        (
            LEASE, timedelta(days=3),
            "none renews its lease; the last sign of life of ann@host, process 7 was 3 d ago",
        ),
        (
            LEASE, timedelta(seconds=-40),
            "ann@host, process 7, last sign of life 40 s ahead of this clock",
        ),
    ],
)  # fmt: skip
def test_a_desk_is_told_with_its_last_sign_of_life(
    lease: Lease | None, later: timedelta, told: str
) -> None:
    assert who_acts(lease, NOON + later) == told
