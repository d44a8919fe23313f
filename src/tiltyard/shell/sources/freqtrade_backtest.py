"""The result of a freqtrade backtest: a JSON document, or the zip that holds it.

``{"strategy": {NAME: {"trades": [...], "starting_balance": 1000, "stake_currency": …}}}``.
Every trade becomes a row that carries the strategy's name, its starting balance and its
stake currency. The document is read whole, but of each trade only what we use is kept
while it is parsed (its orders are most of the file), and no document above 512 MB is read.
"""

import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from tiltyard.shell.sources.source import BATCH_ROWS, Batch, Row, unreadable

LARGEST = 512 * 2**20
LARGEST_RATIO = 200
_SNIFFED = 65_536
_ZIP = b"PK\x03\x04"
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError,
)  # fmt: skip
"""What reading a zip archive raises, one error for each way in which it was packed."""
_RESULT = re.compile(r"(.*/)?backtest-result-[\d_-]+\.json")
_TRADE = (
    *("pair", "stake_amount", "amount", "open_date", "close_date", "open_rate", "close_rate"),
    *("fee_open", "fee_close", "funding_fees", "profit_abs", "leverage", "is_short"),
    *("enter_tag", "exit_reason"),
)
_ADDED = ("side", "strategy", "stake_currency", "starting_balance")


class FreqtradeBacktest:
    """A source over the trades of one backtest, strategy by strategy.

    Args:
        path: Of ``backtest-result-*.json``, or of the zip.

    Raises:
        TiltyardError: ``SOURCE_UNREADABLE`` when it is not freqtrade's, is encrypted, nested,
            corrupt or too large.
    """

    columns = (*_TRADE, *_ADDED)

    def __init__(self, path: Path) -> None:
        self.name = f"freqtrade-backtest:{path.stem}"
        self._path = path
        self._strategies = self._checked(self._document())

    def batches(self) -> Iterator[Batch]:
        """Trades in the order of the document."""
        rows = enumerate(self._rows(), start=1)
        while batch := list(islice(rows, BATCH_ROWS)):
            yield list(batch)

    def _rows(self) -> Iterator[Row]:
        for name, result in self._strategies.items():
            added = {
                "strategy": name,
                "stake_currency": result.get("stake_currency"),
                "starting_balance": result.get("starting_balance"),
            }
            for trade in result["trades"]:
                side = "short" if trade.get("is_short") else "long"
                yield {**dict.fromkeys(_TRADE), **trade, **added, "side": side}

    def _checked(self, document: object) -> dict[str, dict[str, Any]]:
        strategies = document.get("strategy") if isinstance(document, dict) else None
        if not isinstance(strategies, dict) or not all(map(_is_result, strategies.values())):
            raise unreadable(
                self._path,
                'not a freqtrade backtest result: no {"strategy": {NAME: {"trades": …}}}',
                "a file of one JSON object per line is named .jsonl",
            )
        return strategies

    def _document(self) -> object:
        with self._path.open("rb") as file:
            zipped = file.read(4) == _ZIP or self._path.suffix.lower() == ".zip"
        raw = self._unzipped() if zipped else self._plain()
        try:
            return json.loads(raw, parse_float=Decimal, object_hook=_kept)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise unreadable(self._path, f"not valid JSON: {error}"[:200]) from None

    def _plain(self) -> bytes:
        size = self._path.stat().st_size
        with self._path.open("rb") as file:
            start = file.read(_SNIFFED)
            if b"\0" in start or not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                raise unreadable(self._path, "not a JSON object")
            if size > LARGEST:
                raise unreadable(self._path, f"{size:,} bytes, more than {LARGEST:,}")
            return start + file.read(LARGEST)

    def _unzipped(self) -> bytes:
        try:
            with zipfile.ZipFile(self._path) as archive:
                member = self._member(archive)
                with archive.open(member) as file:
                    return file.read(LARGEST)
        except _BROKEN as error:
            raise unreadable(self._path, f"not a whole zip archive: {error}"[:200]) from None

    def _member(self, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
        found = [member for member in archive.infolist() if _RESULT.fullmatch(member.filename)]
        if len(found) != 1:
            names = ", ".join(archive.namelist()[:5])[:200]
            facts = f"expected one backtest-result-*.json in it, found {len(found)} among: {names}"
            remedy = "unpack it first" if ".zip" in names else ""
            raise unreadable(self._path, facts, remedy)
        (member,) = found
        if member.flag_bits & 1:
            raise unreadable(self._path, f"{member.filename} is encrypted", "unpack it first")
        ratio = member.file_size / max(member.compress_size, 1)
        if member.file_size > LARGEST or (ratio > LARGEST_RATIO and member.file_size > _SNIFFED):
            facts = f"{member.filename} unpacks to {member.file_size:,} bytes, {ratio:.0f}-fold"
            raise unreadable(self._path, facts, f"limits: {LARGEST:,} and {LARGEST_RATIO}-fold")
        return member


def _is_result(result: object) -> bool:
    return (
        isinstance(result, dict)
        and isinstance(result.get("trades"), list)
        and all(isinstance(trade, dict) for trade in result["trades"])
    )


def _kept(found: dict[str, object]) -> dict[str, object]:
    if "pair" in found and "open_rate" in found:
        return {name: found[name] for name in _TRADE if name in found}
    return {} if "ft_order_side" in found else found
