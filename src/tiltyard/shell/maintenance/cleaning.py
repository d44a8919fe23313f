"""The clean-up: models that nobody uses any more go, and the database is seen to.

First all of the database is looked through. Where it is damaged nothing else is done: what it says
of who uses what is not to be trusted. Then each model that may go is removed, one after the other:
only when a snapshot of the desk holds all of it, every byte read now, and when nobody trains here,
who may be making something of it; and that is asked once more when it is put aside, and nobody
can begin to use it. One that a command is about to register stays, too: nobody carries it out yet,
and somebody will. Pages, caches and unfinished work that belong to nothing go, too, and what was
left aside where it is provably rubbish. Each removal stands for itself: what fails keeps no other
from being done, and is among what failed. So is what keeps all that follows from being done: what
has gone by then is told in any case.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import count_text
from tiltyard.shell.archive.coverage import held_whole
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.tidying import damaged, growth, look_through, tidy
from tiltyard.shell.models.aside import Aside, left_aside, put_back
from tiltyard.shell.models.leftovers import (
    WORK,
    caches_of,
    idle_work,
    is_untouched,
    lone_pages,
    trains,
)
from tiltyard.shell.models.manifest import manifest_of
from tiltyard.shell.models.removing import alone_in, bytes_in, delete, remove, unremovable
from tiltyard.shell.models.unused import Fate, fates_of, is_made_from, retirements
from tiltyard.shell.models.versions import Origin, Version, versions_in
from tiltyard.shell.models.whole import strangers
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.audit_table import identity_of
from tiltyard.shell.store.command_table import pending_commands
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.training.alone import alone_at

TASK = "cleanup"


class Cleaned(NamedTuple):
    """Something in the folder of models that was looked at.

    Attributes:
        name: Its own, in the folder.
        what: ``model``, ``work``, ``page``, or ``copy`` for what was left aside.
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
        TiltyardError: What keeps the ledger from being looked through.
    """
    checked = look_through(ledger)
    if checked.faults:
        error = damaged(ledger, checked)
        database = {"faults": list(checked.faults), "unchecked": checked.unchecked}
        line = "the database is damaged, so nothing was removed"
        return Done(TASK, (line,), {"dry_run": dry_run, "database": database}, (error,))
    broom = _Broom(ledger, settings, now, on_stage, dry_run=dry_run)
    cleaned = broom.sweep()
    tidied, faults = tidy(ledger, now, dry_run=dry_run)
    sizes: dict[str, Any] = {}
    sized: list[str] = []
    try:
        line, sizes = growth(ledger, before)
        sized.append(line)
    except TiltyardError as error:
        faults.append(error)
    shown = [one.line for one in cleaned if one.is_old]
    if young := sum(not one.is_old for one in cleaned):
        who = "1 more stays: it is" if young == 1 else f"{young:,} more stay: they are"
        shown.append(f"{who} younger than {count_text(settings.models.keep_days, 'day')}")
    whole = "it is whole"
    if checked.unchecked:
        whole = f"no damage was found, and nobody looked at {checked.unchecked}"
    lines = [*shown, f"database: {whole}", *tidied, *sized]
    database = sizes | {"faults": [], "unchecked": checked.unchecked, "done": tidied}
    told = {
        "dry_run": dry_run, "cleaned": [one.told for one in cleaned], "database": database,
        "bytes_removed": sum(one.size for one in cleaned if one.outcome == "removed"),
    }  # fmt: skip
    return Done(TASK, tuple(lines), told, (*broom.failed, *faults))


class _Broom:
    """What cleans the folder of models; each removal stands for itself."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        now: datetime,
        on_stage: Callable[[str], None],
        *,
        dry_run: bool,
    ) -> None:
        self._ledger = ledger
        self._archive = settings.archive
        self._folder = settings.models.path
        self._keep = timedelta(days=settings.models.keep_days)
        self._now = now
        self._on_stage = on_stage
        self._dry_run = dry_run
        self._named = settings.jobs.encoder
        self._own = ""
        self._going: set[str] = set()
        self._retired_at: Mapping[str, datetime] = {}
        self.failed: list[TiltyardError] = []

    def sweep(self) -> list[Cleaned]:
        """What was left aside, models, then what belongs to none."""
        if not self._folder.is_dir():
            return []
        found: list[Cleaned] = []
        aside = self._left_aside()
        try:
            found.extend(self._all())
        except (TiltyardError, OSError) as raised:
            self._told(raised, self._folder)
        return [*found, *aside]

    def _all(self) -> Iterator[Cleaned]:
        """Models, then what belongs to none; each is dealt with when it is its turn."""
        with self._ledger.snapshot() as still:
            self._own = identity_of(still.connection)
            self._retired_at = retirements(json.loads(row.body) for row in still.audit())
        fates = self._fates()
        yield from (self._model(fate, fates) for fate in fates)
        yield from map(self._work, idle_work(self._folder, self._keep, self._now))
        gone = self._going if self._dry_run else ()
        yield from map(self._file, lone_pages(self._folder, gone))

    def _left_aside(self) -> list[Cleaned]:
        """What is whole is put back under its name; of the rest, rubbish goes."""
        found: list[Cleaned] = []
        try:
            with alone_in(self._folder):
                for folder in (self._folder, self._folder / WORK):
                    if not self._dry_run:
                        self.failed += put_back(folder)
                    found.extend(map(self._aside, left_aside(folder, self._keep, self._now)))
        except (TiltyardError, OSError) as raised:
            self._told(raised, self._folder)
        return found

    def _aside(self, aside: Aside) -> Cleaned:
        found = Cleaned(aside.path.name, "copy", "kept", "", bytes_in(aside.path), aside.is_old)
        return self._done(found, lambda: aside.why_it_stays, lambda: delete(aside.path))

    def _fates(self, *aside: Version) -> list[Fate]:
        """What becomes of each model, and of those that are aside."""
        versions = [*versions_in(self._folder), *aside]
        return fates_of(
            versions, self._ledger.roster(), self._retired_at, self._keep, self._now, self._named
        )

    def _model(self, fate: Fate, fates: list[Fate]) -> Cleaned:
        version, path = fate.version, self._folder / fate.version.name
        is_asked = fate.is_old or not isinstance(version.origin, Origin)
        found = Cleaned(version.name, "model", "kept", fate.why_it_stays, bytes_in(path), is_asked)
        if fate.why_it_stays or not isinstance(version.origin, Origin):
            return found
        digest = version.origin.digest

        def why(_: Path) -> str:
            """Who has joined meanwhile waits no more, so who waits is asked first."""
            return self._why_wanted(version, digest) or self._why_needed(
                version, self._fates(version)
            )

        def look() -> str:
            return (
                self._why_wanted(version, digest)
                or self._why_needed(version, fates)
                or self._why_lost(path, digest)
            )

        def go() -> str:
            with alone_in(self._folder):
                return remove(path, why, self._on_stage)

        found = self._done(found, look, go)
        if found.outcome in ("removed", "planned"):
            self._going.add(version.name)
        if found.outcome == "removed":
            for cache in caches_of(self._folder, digest):
                self._file(cache)
        return found

    def _why_wanted(self, version: Version, digest: str) -> str:
        """Whether a command waits that registers it."""
        with self._ledger.snapshot() as still:
            waiting = pending_commands(still.connection)
        for one in waiting:
            if (
                one.verb == "register"
                and one.refusal(self._now) is None
                and (one.policy == version.name or one.arguments.get("digest") == digest)
            ):
                return f"command {one.seq} registers it, and waits to be carried out"
        return ""

    def _why_needed(self, version: Version, fates: list[Fate]) -> str:
        """Asked when it is looked at, and again when it is aside and nobody can begin to use it."""
        if trains(self._folder):
            return "somebody trains here, and may be making something of it"
        for fate in fates:
            if fate.version.name == version.name and fate.why_it_stays:
                return fate.why_it_stays
            if fate.version.name not in self._going and is_made_from(fate.version, version):
                return f"{fate.version.name} was made from it, and is still there"
        return ""

    def _why_lost(self, path: Path, digest: str) -> str:
        if path.is_symlink():
            return "it is a link to somewhere else"
        if held_whole(self._archive, path.name, digest, self._own) is None:
            return "no snapshot of the desk holds it whole"
        if own := strangers(path, manifest_of(path)):
            return f"no snapshot of the desk holds {own[0]}, which somebody has put into it"
        return ""

    def _work(self, path: Path) -> Cleaned:
        def why(aside: Path) -> str:
            is_idle = is_untouched(aside, self._keep, self._now)
            return "" if is_idle else "somebody has gone on with it"

        def go() -> str:
            with alone_at(path), alone_in(self._folder):
                return remove(path, why, self._on_stage)

        return self._done(Cleaned(path.name, "work", "kept", "", bytes_in(path)), lambda: "", go)

    def _file(self, path: Path) -> Cleaned:
        """A page, or a cache."""
        return self._done(
            Cleaned(path.name, "page", "kept", "", bytes_in(path)),
            lambda: "", lambda: delete(path),
        )  # fmt: skip

    def _done(
        self, found: Cleaned, look: Callable[[], str], go: Callable[[], str | None]
    ) -> Cleaned:
        """What came of one removal, which keeps no other from being done.

        Args:
            found: What is to go.
            look: Why it stays; empty when it may go.
            go: Removes it; why it is still there, nothing when it is gone.
        """
        try:
            why = look() or ("" if self._dry_run else go() or "")
        except (TiltyardError, OSError) as raised:
            error = self._told(raised, self._folder / found.name)
            return found._replace(outcome="failed", reason=str(error))
        if why:
            return found._replace(reason=why)
        return found._replace(outcome="planned" if self._dry_run else "removed")

    def _told(self, raised: TiltyardError | OSError, path: Path) -> TiltyardError:
        """It is among what failed, once."""
        error = unremovable(path, raised) if isinstance(raised, OSError) else raised
        if str(error) not in map(str, self.failed):
            self.failed.append(error)
        return error
