"""What is wrong with a file: counted, shown in a message, or written beside it.

A person mends a handful of rows, not a million, so both ways end early: a file is read no
further than 10,000 faulty rows, and with ``--skip-bad`` no rejects file holds more than
100,000. Rejects are collected in an unnamed temporary file, which a killed process leaves
nothing of, and appear under their name only when they are complete.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from tiltyard.kernel.errors import Fault, Faults

MOST_FAULTY = 10_000
MOST_REJECTED = 100_000
LONGEST_RAW = 2_000
SHOWN_FAULTS = 50
_ENOUGH = f"reading stopped after {MOST_FAULTY:,} faulty rows."
_NO_LOG = (
    f"more than {MOST_REJECTED:,} rows are faulty. So this is no log of trades, or its columns "
    "are not what they seem: see --map."
)


class Rejects:
    """Collects the faulty rows of one file.

    Args:
        file: The file.
        skip: They are left out and written beside it; otherwise they refuse the file.
        cures: What mends a file whose trades clash with the ledger's, by ``Fault.clash``.
    """

    def __init__(
        self, file: Path, *, skip: bool, cures: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.path = file.with_name(file.name + ".rejects.jsonl")
        self.skip = skip
        self.most = MOST_REJECTED if skip else MOST_FAULTY
        self.rows = 0
        self._file = file
        self._cures = cures
        self._cure = ""
        self._faults: list[Fault] = []
        self._total = 0
        self._collected = tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 closed on exit

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._collected.close()

    def add(self, row: int, raw: object, faults: Sequence[Fault]) -> None:
        """One more row that cannot be written.

        Raises:
            Faults: ``INGEST_REFUSED`` when there are more than anybody will look at, or when a
                fault makes every other number of the file doubtful.
        """
        self.rows += 1
        self._total += len(faults)
        for fault in faults:
            self._cure = self._cure or self._cures.get(fault.clash, "")
        self._faults += faults[: max(0, SHOWN_FAULTS - len(self._faults))]
        if not self.skip:
            if self.rows >= self.most:
                raise self._refusal(_ENOUGH)
            return
        if doubtful := [fault for fault in faults if fault.spoils_file]:
            raise self._doubt(doubtful)
        if self.rows > self.most:
            raise self._refusal(_NO_LOG)
        record = {"row": row, "faults": [str(fault) for fault in faults], "raw": _bounded(raw)}
        self._collected.write(json.dumps(record, default=str, ensure_ascii=False) + "\n")

    def refuse(self) -> None:
        """Refuse the file if it has faults and they may not be skipped.

        Raises:
            Faults: ``INGEST_REFUSED``.
        """
        if self._total and not self.skip:
            raise Faults(
                "INGEST_REFUSED", str(self._file), self._faults, total=self._total,
                remedy=f"Nothing was written. {self._how_to_mend()}",
            )  # fmt: skip

    def put_in_place(self) -> None:
        """Write the rejects beside the file, whole or not at all."""
        if not self.skip or not self.rows:
            return
        unfinished = self.path.with_name(self.path.name + ".part")
        try:
            self._collected.seek(0)
            with unfinished.open("w", encoding="utf-8", errors="backslashreplace") as stream:
                shutil.copyfileobj(self._collected, stream)
            unfinished.replace(self.path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def _refusal(self, why: str) -> Faults:
        skip = "" if self.skip else f" {self._how_to_mend()}"
        return Faults(
            "INGEST_REFUSED", str(self._file), self._faults, total=self._total, at_least=True,
            remedy=f"Nothing was written: {why}{skip}",
        )  # fmt: skip

    def _how_to_mend(self) -> str:
        mend = "Mend the file, or leave bad rows out with --skip-bad."
        return f"{self._cure} Otherwise m{mend[1:]}" if self._cure else mend

    def _doubt(self, faults: Sequence[Fault]) -> Faults:
        return Faults(
            "INGEST_REFUSED", str(self._file), faults, total=len(faults), at_least=True,
            remedy="Nothing was written, and --skip-bad does not help: where a comma is the "
            "decimal sign, 1.234 may stand for 1234. Export the file with decimal points.",
        )  # fmt: skip


def _bounded(raw: object) -> object:
    text = json.dumps(raw, default=str, ensure_ascii=False)
    return raw if len(text) <= LONGEST_RAW else text[:LONGEST_RAW] + "…"
