"""The clean-up: models that nobody uses any more go, and the database is seen to.

First all of the database is looked through. Where it is damaged nothing else is done: what it says
of who uses what is not to be trusted. Then each model that may go is removed, one after the other:
only when a snapshot of the desk holds all of it, every byte read now, and when nobody trains here,
who may be making something of it. Pages, caches and unfinished work that belong to nothing go, too.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import count_text
from tiltyard.shell.archive.coverage import held_whole
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.tidying import damaged, growth, look_through, tidy
from tiltyard.shell.models.leftovers import WORK, caches_of, idle_work, lone_pages, trains
from tiltyard.shell.models.removing import alone_in, bytes_in, clear_aside, remove
from tiltyard.shell.models.unused import Fate, fates_of, retirements
from tiltyard.shell.models.versions import Origin, versions_in
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.training.alone import alone_at

TASK = "cleanup"


class Cleaned(NamedTuple):
    """Something in the folder of models that was looked at.

    Attributes:
        name: Its own, in the folder.
        what: ``model``, ``work`` or ``page``.
        outcome: ``removed``, ``planned``, ``kept`` or ``failed``.
        reason: Why; empty where it was removed because nobody uses it.
        size: Bytes.
        is_old: People may ask why it stays.
    """

    name: str
    what: str
    outcome: str
    reason: str = ""
    size: int = 0
    is_old: bool = True

    @property
    def line(self) -> str:
        """For people."""
        if self.outcome in ("removed", "planned"):
            done = "removed" if self.outcome == "removed" else "would be removed"
            return f"{self.what} {self.name}: {done}, {self.size / 1e3:,.1f} kB"
        return f"{self.what} {self.name} stays: {self.reason}"

    @property
    def told(self) -> Mapping[str, Any]:
        """As JSON values."""
        return {"name": self.name, "what": self.what, "outcome": self.outcome,
                "reason": self.reason, "bytes": self.size}  # fmt: skip


def clean(
    ledger: Ledger,
    settings: Settings,
    *,
    now: datetime,
    dry_run: bool,
    before: Mapping[str, Any] | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Done:
    """Remove what nobody uses, and see to the database.

    Args:
        ledger: Whose; not inside a transaction.
        settings: Where models and snapshots lie, and how long models are kept.
        now: UTC.
        dry_run: Say what would be done, and do nothing.
        before: ``told["database"]`` of the last clean-up; None where nobody knows.
        on_stage: Told each of :data:`tiltyard.shell.models.removing.STAGES` that is passed.

    Raises:
        TiltyardError: What keeps the ledger or the folder of models from being read.
    """
    checked = look_through(ledger)
    if checked.faults:
        error = damaged(ledger, checked)
        database = {"faults": list(checked.faults), "unchecked": checked.unchecked}
        line = "the database is damaged, so nothing was removed"
        return Done(TASK, (line,), {"dry_run": dry_run, "database": database}, (error,))
    failed: list[TiltyardError] = []
    broom = _Broom(ledger, settings, now, on_stage, failed, dry_run=dry_run)
    cleaned = broom.sweep()
    tidied, faults = tidy(ledger, now, dry_run=dry_run)
    size, database = growth(ledger, before)
    shown = [one.line for one in cleaned if one.is_old]
    if young := sum(not one.is_old for one in cleaned):
        who = "1 more stays: it is" if young == 1 else f"{young:,} more stay: they are"
        shown.append(f"{who} younger than {count_text(settings.models.keep_days, 'day')}")
    whole = "it is whole"
    if checked.unchecked:
        whole = f"no damage was found, and nobody looked at {checked.unchecked}"
    lines = [*shown, f"database: {whole}", *tidied, size]
    database |= {"faults": [], "unchecked": checked.unchecked, "done": tidied}
    told = {
        "dry_run": dry_run, "cleaned": [one.told for one in cleaned], "database": database,
        "bytes_removed": sum(one.size for one in cleaned if one.outcome == "removed"),
    }  # fmt: skip
    return Done(TASK, tuple(lines), told, (*failed, *faults))


class _Broom:
    """What cleans the folder of models."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        now: datetime,
        on_stage: Callable[[str], None],
        failed: list[TiltyardError],
        *,
        dry_run: bool,
    ) -> None:
        self._ledger = ledger
        self._archive = settings.archive
        self._folder = settings.models.path
        self._keep = timedelta(days=settings.models.keep_days)
        self._now = now
        self._on_stage = on_stage
        self._failed = failed
        self._dry_run = dry_run
        self._named = settings.jobs.encoder

    def sweep(self) -> list[Cleaned]:
        """Models first, then what belongs to none."""
        if not self._folder.is_dir():
            return []
        if not self._dry_run:
            with alone_in(self._folder):
                clear_aside(self._folder)
                clear_aside(self._folder / WORK)
        models = [self._model(fate) for fate in self._fates()]
        gone = [one.name for one in models if one.outcome == "planned"]
        work = [self._work(path) for path in idle_work(self._folder, self._keep, self._now)]
        return [*models, *work, *(self._page(path) for path in lone_pages(self._folder, gone))]

    def _fates(self) -> list[Fate]:
        with self._ledger.snapshot() as still:
            roster = still.roster()
            retired_at = retirements(json.loads(row.body) for row in still.audit())
        versions = versions_in(self._folder)
        return fates_of(versions, roster, retired_at, self._keep, self._now, self._named)

    def _model(self, fate: Fate) -> Cleaned:
        version = fate.version
        size = bytes_in(self._folder / version.name)
        kept = Cleaned(version.name, "model", "kept", fate.why_it_stays, size, fate.is_old)
        if fate.why_it_stays or not isinstance(version.origin, Origin):
            is_asked = fate.is_old or not isinstance(version.origin, Origin)
            return kept._replace(is_old=is_asked)
        path, digest = self._folder / version.name, version.origin.digest
        try:
            why = self._why_not_now(path, version.origin)
            if not why and not self._dry_run:
                with alone_in(self._folder):
                    why = remove(path, lambda: self._why_needed(version.name), self._on_stage)
        except TiltyardError as error:
            if error.code not in {one.code for one in self._failed}:
                self._failed.append(error)
            return kept._replace(outcome="failed", reason=str(error))
        if why:
            return kept._replace(reason=why)
        if self._dry_run:
            return kept._replace(outcome="planned")
        for cache in caches_of(self._folder, digest):
            with suppress(OSError):  # whoever comes next finds it again
                cache.unlink(missing_ok=True)
        return kept._replace(outcome="removed")

    def _why_not_now(self, path: Path, origin: Origin) -> str:
        if path.is_symlink():
            return "it is a link to somewhere else"
        if trains(self._folder):
            return "somebody trains here, and may be making something of it"
        if held_whole(self._archive, path.name, origin.digest) is None:
            return "no snapshot of the desk holds it whole"
        return ""

    def _why_needed(self, name: str) -> str:
        """Whether somebody has begun to use it since it was looked at."""
        with self._ledger.snapshot() as still:
            users = [
                arm.name
                for arm in still.roster().arms.values()
                if arm.state != "retired" and (arm.name == name or name.endswith(_end(arm.digest)))
            ]
        return f"{users[0]} has begun to use it" if users else ""

    def _work(self, path: Path) -> Cleaned:
        size = bytes_in(path)
        found = Cleaned(path.name, "work", "planned", "", size)
        if self._dry_run:
            return found
        try:
            with alone_at(path):
                why = remove(path, lambda: "", self._on_stage)
        except TiltyardError as error:
            return found._replace(outcome="failed", reason=str(error))
        return found._replace(outcome="kept" if why else "removed", reason=why)

    def _page(self, path: Path) -> Cleaned:
        found = Cleaned(path.name, "page", "planned")
        try:
            found = found._replace(size=path.lstat().st_size)
            if self._dry_run:
                return found
            path.unlink()
        except OSError as error:
            return found._replace(outcome="failed", reason=error.strerror or str(error))
        return found._replace(outcome="removed")


def _end(digest: str) -> str:
    """What the name of the model of a digest ends with; nothing ends so where there is none."""
    return f"_{digest[:8]}" if digest else "\0"
