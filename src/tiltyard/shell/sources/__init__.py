"""Files that hold trades, and how they become facts.

:func:`open_source` looks at what a file is, by its first bytes and then by its suffix, and
gives a source: something with a name, its columns and batches of numbered rows. Reading
:func:`read_trades` through an :class:`~tiltyard.facts.intake.Intake` yields trades and bad
rows in the order of the file. One module per kind of file; each holds a batch in memory,
never a file (a backtest result is one JSON document and is the exception, up to 512 MB).

Nothing here writes. A database that a bot is using is read in short, read-only steps.
"""

from tiltyard.shell.sources.opening import PolicyFrom, open_source
from tiltyard.shell.sources.reading import BadRow, read_trades
from tiltyard.shell.sources.source import BadLine, Batch, Source

__all__ = ["BadLine", "BadRow", "Batch", "PolicyFrom", "Source", "open_source", "read_trades"]
