"""What the other chain has told is kept for a season, however much it tells."""

from dataclasses import replace
from datetime import timedelta

from conformance.desks import NOW
from tiltyard.facts.alert import Alert
from tiltyard.shell.store.alert_table import KEPT, note_alerts, received_alerts
from tiltyard.shell.store.ledger import Ledger

ALERT = Alert("f", NOW, "firing", "ChallengerDrawdownHigh", "challenger_drawdown_high", "bot")
SECOND = timedelta(seconds=1)
MANY = 3000


def kept(ledger: Ledger) -> list[str]:
    with ledger.snapshot() as still:
        return [one.alert.fingerprint for one in received_alerts(still.connection, 2 * MANY)]


def test_an_episode_is_forgotten_90_days_after_it_was_told_last(ledger: Ledger) -> None:
    over, lasting = replace(ALERT, status="resolved"), replace(ALERT, fingerprint="lasts")
    with ledger.transaction() as inside:
        note_alerts(inside.connection, [over, lasting], NOW)
        note_alerts(inside.connection, [lasting], NOW + KEPT / 2)
        note_alerts(inside.connection, [], NOW + KEPT)
    assert kept(ledger) == ["lasts", "f"]
    with ledger.transaction() as inside:
        note_alerts(inside.connection, [lasting], NOW + KEPT + SECOND)
    assert kept(ledger) == ["lasts"]


def test_what_has_piled_up_goes_by_and_by_the_oldest_first(ledger: Ledger) -> None:
    told = [replace(ALERT, fingerprint=f"{number:04d}") for number in range(MANY)]
    with ledger.transaction() as inside:
        note_alerts(inside.connection, told[1:], NOW)
        note_alerts(inside.connection, told[:1], NOW - SECOND)
    left = []
    for _ in range(4):
        with ledger.transaction() as inside:
            note_alerts(inside.connection, [], NOW + KEPT + SECOND)
        left.append(len(kept(ledger)))
        assert "0000" not in kept(ledger)
    assert left == [2000, 1000, 0, 0]
