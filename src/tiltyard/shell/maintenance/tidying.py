"""The upkeep of the database, as a part of the clean-up: done, and told with how it has grown."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import count_text
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.upkeep import (
    WORTH_IT,
    Checked,
    Size,
    check,
    desk_at,
    free_part,
    refresh_statistics,
    shorten_log,
    sizes,
    total_size,
    vacuum,
)

Told = dict[str, Any]


def look_through(ledger: Ledger) -> Checked:
    """Whether a database is whole; one that cannot even be looked through is not."""
    try:
        return check(ledger)
    except TiltyardError as error:
        if error.code != "DATABASE_CORRUPT":
            raise
        return Checked((error.facts,))


def damaged(ledger: Ledger, checked: Checked) -> TiltyardError:
    """The error of a database that is not whole."""
    shown, count = ledger.url.render_as_string(hide_password=True), len(checked.faults)
    more = f", and {count - 1:,} more" if count > 1 else ""
    return TiltyardError(
        "DATABASE_CORRUPT", shown, f"{checked.faults[0]}{more}"[:500],
        "stop the desk, and restore a snapshot: tiltyard snapshot restore FOLDER",
    )  # fmt: skip


def tidy(ledger: Ledger, now: datetime, *, dry_run: bool) -> tuple[list[str], list[TiltyardError]]:
    """Statistics, log and free pages, where they may be seen to beside whoever is there.

    Returns:
        What was done, for people; and what could not be.
    """
    lines: list[str] = []
    failed: list[TiltyardError] = []
    try:
        free, desk = free_part(ledger), desk_at(ledger, now)
        is_worth_it = free > WORTH_IT
        if is_worth_it and desk:
            lines.append(
                f"database: {100 * free:.0f} % of its file is free, and {desk} is at it, so it is "
                "not written anew: run this while no desk runs"
            )
        if dry_run:
            if is_worth_it and not desk:
                lines.append(f"database: would be written anew, {100 * free:.0f} % of it is free")
            return lines, failed
        refresh_statistics(ledger)
        lines.append("database: its statistics are new")
        if is_worth_it and not desk:
            vacuum(ledger)
            lines.append(f"database: written anew, {100 * free:.0f} % of it was free")
        if not shorten_log(ledger):
            lines.append("database: its log stays for now, somebody else reads it")
    except TiltyardError as error:
        failed.append(error)
    return lines, failed


def growth(ledger: Ledger, before: Mapping[str, Any] | None) -> tuple[str, Told]:
    """How large the database is, and by how much it has grown.

    Args:
        ledger: Whose.
        before: What this told the last time; None where nobody knows.

    Returns:
        A line for people, and JSON values.
    """
    found, size = sizes(ledger), total_size(ledger)
    rows = sum(one.rows for one in found.values())
    known = before or {}
    told: Told = {
        "bytes": size, "bytes_grown": _more(size, known.get("bytes")),
        "rows": rows, "rows_grown": _more(rows, known.get("rows")),
        "tables": {name: _told(one, (known.get("tables") or {}).get(name) or {})
                   for name, one in found.items()},
    }  # fmt: skip
    line = f"database: {size / 1e6:,.1f} MB, {count_text(rows, 'row')}"
    if told["rows_grown"] is not None and told["bytes_grown"] is not None:
        more = told["rows_grown"]
        grown = f"{'-' if more < 0 else '+'}{count_text(abs(more), 'row')}"
        line += f"; {told['bytes_grown'] / 1e6:+,.1f} MB and {grown} since the last clean-up"
    return line, told


def _told(one: Size, before: Mapping[str, Any]) -> Told:
    return {
        "rows": one.rows, "rows_grown": _more(one.rows, before.get("rows")),
        "bytes": one.size, "bytes_grown": _more(one.size, before.get("bytes")),
    }  # fmt: skip


def _more(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before
