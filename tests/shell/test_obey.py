"""A verb that goes wrong is answered so; a database that does is nobody's answer."""

import logging

import pytest
import sqlalchemy as sa

from conformance.desks import FIRST, GUARDED, NOW, challenger, employ
from tiltyard.facts.arm import Arm
from tiltyard.facts.command import Command
from tiltyard.shell.obey import obey
from tiltyard.shell.store.ledger import Ledger

REARM = Command("key", "rearm", FIRST, "ann", "", NOW)


def test_a_defect_in_one_verb_is_its_answer_and_changes_nothing(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(arm: Arm) -> bool:
        raise KeyError(arm.name)

    employ(ledger, challenger(FIRST, 0, "halted"))
    roster = ledger.roster()
    with caplog.at_level(logging.ERROR):
        after, done, outcome = obey(REARM, roster, {}, GUARDED, NOW, knows_capital=broken)
    assert (after, done) == (roster, [])
    assert outcome.text == "COMMAND_FAILED rearm: KeyError. it was not carried out"
    assert "command 0, rearm, has failed" in caplog.text


def test_an_error_of_the_database_goes_to_whoever_holds_the_transaction(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0, "halted"))
    roster = ledger.roster()
    with ledger.snapshot() as still:

        def away(_: Arm) -> bool:
            return bool(still.connection.scalar(sa.text("SELECT 1 FROM a_table_that_is_gone")))

        with pytest.raises(sa.exc.DBAPIError):
            obey(REARM, roster, {}, GUARDED, NOW, knows_capital=away)
