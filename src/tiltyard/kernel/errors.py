"""Errors a trader can act on.

An error carries a stable code, the subject it is about, the facts, and the remedy.
The code is also the log event and a heading in ``docs/reference/errors.md``. A file
with several things wrong raises one :class:`Faults` that lists all of them.

>>> print(TiltyardError("POLICY_UNKNOWN", "eee02a74", "no policy ends so", "policy list"))
POLICY_UNKNOWN eee02a74: no policy ends so. policy list
"""

import copyreg
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


class TiltyardError(Exception):
    """Something a person can mend: ``code subject: facts. remedy``.

    Args:
        code: Stable upper-case name, the same in logs, docs and ``--json``.
        subject: The policy, file or setting it is about.
        facts: What was seen, numbers against limits.
        remedy: What to do next; empty when there is nothing to add.
    """

    def __init__(self, code: str, subject: str, facts: str, remedy: str = "") -> None:
        self.code = code
        self.subject = subject
        self.facts = facts
        self.remedy = remedy
        super().__init__(f"{code} {subject}: {facts}" + (f". {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by what it holds: exceptions are made anew by their text alone otherwise."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one place of a file.

    Attributes:
        place: Where: ``row 7, column pnl`` or ``$.guard[1].metric``.
        message: What was found and what was expected there.
        spoils_file: It makes what stands elsewhere in the file doubtful, too.
        clash: The ledger has another ``policy``'s trade, or another ``trade``, under its name.
    """

    place: str
    message: str
    spoils_file: bool = field(default=False, compare=False)
    clash: Literal["", "policy", "trade"] = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.message} @ {self.place}"


class Faults(TiltyardError):  # noqa: N818 it is a list of faults, and says so
    """Every fault of one file at once.

    Args:
        code: Stable upper-case name.
        subject: The file.
        faults: Those kept for showing, in the order of the file.
        total: How many there were, when more than were kept.
        at_least: The file was not read to its end, so there may be more.
        remedy: What to do next.
    """

    def __init__(
        self,
        code: str,
        subject: str,
        faults: Sequence[Fault],
        *,
        total: int | None = None,
        at_least: bool = False,
        remedy: str = "",
    ) -> None:
        self.faults = tuple(faults)
        self.total = len(self.faults) if total is None else total
        plural = "fault" if self.total == 1 else "faults"
        counted = f"{'at least ' if at_least else ''}{self.total:,} {plural}"
        lines = [counted, *(f"  {fault}" for fault in self.faults)]
        if self.total > len(self.faults):
            lines.append(f"  … and {self.total - len(self.faults):,} more")
        super().__init__(code, subject, "\n".join(lines), remedy)

    def __str__(self) -> str:
        return f"{self.code} {self.subject}: {self.facts}" + (
            f"\n{self.remedy}" if self.remedy else ""
        )
