"""A halt that is rehearsed leaves nothing, and the desk is as it was."""

from pathlib import Path

from live_desks import NOON, good_ledger, kinds
from tiltyard.shell.commanding import take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.rehearsal import rehearse_halt
from tiltyard.shell.settings import load
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import every_effect

TAKES = {"file": frozenset({"shares", "notice"})}


def state(ledger: Ledger) -> tuple[object, ...]:
    with ledger.snapshot() as still:
        effects = every_effect(still.connection)
    return ledger.roster(), ledger.audit_head(), list(ledger.audit()), effects, ledger.metrics()


def test_nothing_of_it_is_written(tmp_path: Path) -> None:
    with good_ledger(tmp_path / "desk.db") as ledger:
        before = state(ledger)
        assert rehearse_halt(ledger, ledger.roster(), TAKES, "digest", NOON)
        assert state(ledger) == before


def test_where_nobody_has_a_share_there_is_nobody_to_halt(ledger: Ledger) -> None:
    assert not rehearse_halt(ledger, ledger.roster(), TAKES, "digest", NOON)


def test_a_locked_database_is_not_waited_for_twice_and_the_desk_goes_on(tmp_path: Path) -> None:
    with (
        good_ledger(tmp_path / "desk.db") as ledger,
        Ledger.open(str(tmp_path / "desk.db"), busy_timeout_ms=10) as other,
    ):
        token = take(other, "test", NOON)
        assert token is not None
        desk = LiveDesk(other, load(), token, announcing=Announcing(TAKES))
        desk.start()
        with ledger.transaction():
            assert not rehearse_halt(other, desk.roster, TAKES, "digest", NOON)
        assert "halt" not in kinds(desk.step(NOON))
