"""Rows into trades: where a source and an intake meet."""

from collections.abc import Iterator
from dataclasses import dataclass

from tiltyard.facts.arm import FLAT
from tiltyard.facts.intake import Intake, Reader
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import Fault, TiltyardError
from tiltyard.policies import name as policy_name
from tiltyard.shell.sources.source import BadLine, Row, Source

_RESERVED = (
    f"expected the name of a policy, found {FLAT!r}, the champion of last resort, which trades "
    "nothing"
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no trade.

    Attributes:
        row: Its number.
        raw: What was there: its columns, or the beginning of its line.
        faults: Everything wrong with it.
    """

    row: int
    raw: Row | str
    faults: list[Fault]


def read_trades(source: Source, intake: Intake) -> Iterator[tuple[int, Trade, bool] | BadRow]:
    """Every row of the file: its number, its trade and whether it states its revision.

    Raises:
        Faults: ``COLUMNS_MISSING`` when no row of the file could be a trade.
        TiltyardError: ``SOURCE_EMPTY`` after the last row if there was none, and what the
            source raises.
    """
    reader, names, number = intake.reader(), set[str](), 0
    if source.columns:
        reader.expect(source.columns)
    for batch in source.batches():
        for number, row in batch:
            yield _read(reader, names, number, row)
    if not number:
        raise TiltyardError("SOURCE_EMPTY", source.name, "no trades in it")


def _read(
    reader: Reader, names: set[str], number: int, row: Row | BadLine
) -> tuple[int, Trade, bool] | BadRow:
    if isinstance(row, BadLine):
        return BadRow(number, row.text, [Fault(f"row {number}", row.message)])
    found = reader.read(number, row)
    if isinstance(found, list):
        return BadRow(number, row, found)
    trade, states_revision = found
    if trade.policy not in names:
        if trade.policy == FLAT:
            return BadRow(number, row, [Fault(f"row {number}, column policy", _RESERVED)])
        try:
            names.add(policy_name.parse(trade.policy).name)
        except TiltyardError as error:
            fault = Fault(f"row {number}, column policy", f"{error.facts}, found {error.subject}")
            return BadRow(number, row, [fault])
    return number, trade, states_revision
