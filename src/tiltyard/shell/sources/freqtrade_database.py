"""The database of a running or stopped freqtrade bot, ``tradesv3.sqlite``.

Only closed trades are read. ``close_profit_abs`` of a closed trade is net of fees and
funding and sums over all its exits, partial ones included (freqtrade's
``recalc_trade_from_orders``); after partial exits ``amount``, ``stake_amount`` and so the
derived fees are those of the last part only. Times are stored without an offset and are
UTC. The bot goes on writing: every batch is one short read-only query, so that its lock is
never held while rows are judged.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.sources.source import BATCH_ROWS, Batch, unreadable

_NEEDED = ("id", "pair", "is_open", "open_date", "close_date", "close_profit_abs")
_WANTED = (
    *("strategy", "enter_tag", "exchange", "stake_currency", "stake_amount", "amount"),
    *("open_rate", "close_rate", "fee_open", "fee_close", "funding_fees", "leverage"),
)
_PATIENCE_SECONDS = 2.0
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class FreqtradeDatabase:
    """A source over the closed trades of one bot, in the order of their ids.

    Older versions lack some columns: without ``is_short`` every trade is long, without
    ``enter_tag`` or ``funding_fees`` these are missing.

    Args:
        path: Of the SQLite file.

    Raises:
        TiltyardError: ``SOURCE_UNREADABLE`` when it is not freqtrade's or is corrupt,
            ``SOURCE_LOCKED`` when somebody writes to it for longer than two seconds.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"freqtrade:{path.stem}"
        self._path = path
        present = {str(row[1]) for row in self._query("PRAGMA table_info(trades)", ())}
        if missing := [name for name in _NEEDED if name not in present]:
            raise unreadable(
                path,
                f"not a freqtrade database: table 'trades' lacks {', '.join(missing)}",
                "start a current freqtrade once on an old database to migrate it",
            )
        kept = (*_NEEDED, *(name for name in _WANTED if name in present))
        self.columns = (*kept, "side")
        side = (
            "CASE WHEN is_short THEN 'short' ELSE 'long' END" if "is_short" in present else "'long'"
        )
        self._select = (
            f"SELECT {', '.join(kept)}, {side} "  # noqa: S608 our own names
            "FROM trades WHERE is_open = 0 AND id > ? ORDER BY id LIMIT ?"
        )

    def batches(self) -> Iterator[Batch]:
        """Closed trades; one that closes while we read is seen or not, never half."""
        number, last = 1, -1
        while rows := self._query(self._select, (last, BATCH_ROWS)):
            named = (dict(zip(self.columns, row, strict=True)) for row in rows)
            yield list(enumerate(named, start=number))
            number, last = number + len(rows), rows[-1][0]

    def _query(self, sql: str, arguments: tuple[int, ...]) -> list[tuple[int, ...]]:
        address = f"file:{quote(str(self._path.absolute()))}?mode=ro"
        try:
            with closing(
                sqlite3.connect(address, uri=True, timeout=_PATIENCE_SECONDS)
            ) as connection:
                connection.text_factory = _readable
                return connection.execute(sql, arguments).fetchall()
        except sqlite3.Error as error:
            raise self._refusal(error) from None

    def _refusal(self, error: sqlite3.Error) -> TiltyardError:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _LOCKED:
            return TiltyardError(
                "SOURCE_LOCKED",
                str(self._path),
                f"somebody kept it locked for {_PATIENCE_SECONDS:g} s",
                "try again, or read a copy: sqlite3 FILE '.backup copy.sqlite'",
            )
        return unreadable(self._path, f"not a readable SQLite database: {error}")


def _readable(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
