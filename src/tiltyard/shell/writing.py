"""How far the steps of a desk are in the database, and what of them is not.

The database numbers the steps it knows. Where it knows one more than we do, the last
attempt was written after all and only the answer was lost; where it knows fewer, a server
was handed over or restored, and what we would go on from is not there any more.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tiltyard.actions.record import Event
from tiltyard.checklist.judge import Memory
from tiltyard.facts.arm import Roster
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.desk import Desk
from tiltyard.shell.effects.announce import Announcing, revision_of
from tiltyard.shell.store.desk_record import (
    Progress,
    read_memories,
    read_progress,
    write_memories,
    write_progress,
)
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions
from tiltyard.shell.store.roster_table import ArmColumns, write_metrics
from tiltyard.shell.unwritten import Unwritten

ACTOR = "desk"


class Writing:
    """The steps of one desk, as they are written.

    Args:
        token: Of the lease.
        announcing: Which effects outside follow from what is done.
        modes: Of each guard.
        in_service: Its steps count: one that runs for a single command is in nobody's service.

    Attributes:
        unwritten: What is decided and is not in the database yet.
        announcing: As given.
        step: The last that was written.
        written_at: When everything there was had been judged, as far as that is written; None
            for never.
    """

    def __init__(
        self, token: int, announcing: Announcing, modes: Mapping[str, Mode], *, in_service: bool
    ) -> None:
        self.unwritten = Unwritten()
        self.announcing = announcing
        self.step = 0
        self.written_at: datetime | None = None
        self._token = token
        self._modes = modes
        self._in_service = in_service
        self._attempted = Unwritten()
        self._kept: dict[tuple[str, str], Memory] = {}
        self._news = "began"

    def begin(self, still: Ledger) -> dict[tuple[str, str], Memory]:
        """Go on from what the database has; what guards remember."""
        self._kept = read_memories(still.connection, self._modes)
        self.announcing.revision = revision_of(still.connection)
        return dict(self._kept)

    def tell_again(self, why: str) -> None:
        """Others were told something else meanwhile: the next step tells them how it stands.

        Args:
            why: For the audit, whose rows number what is told.
        """
        self.announcing.forget()
        self._news = why

    def catch_up(self, inside: Ledger) -> None:
        """See what became of the last attempt.

        Raises:
            TiltyardError: ``DATABASE_REPLACED`` when it has lost steps that were written.
        """
        progress = read_progress(inside.connection)
        if progress is None:
            return
        self._refuse_a_past(progress, inside)
        if progress.step > self.step:
            self._kept = read_memories(inside.connection, self._modes)
        self.settle(progress)

    def settle(self, progress: Progress) -> None:
        """The last attempt may have been written after all, and only the answer was lost."""
        if progress.step > self.step:
            self.unwritten = self.unwritten.less(self._attempted)
            self.step, self.written_at = progress.step, progress.judged_at
            self.announcing.committed()
        self._attempted = Unwritten()

    def write(
        self,
        inside: Ledger,
        desk: Desk,
        columns: Mapping[str, ArmColumns],
        seen: Positions,
        now: datetime,
        *,
        has_judged: bool,
        served_at: datetime | None,
        edited: Sequence[Event],
        before: Roster,
    ) -> bool:
        """Everything of a step; whether there was anything to write.

        Args:
            inside: In the transaction of the step.
            desk: As it stands at the end of it.
            columns: Rows of metrics that have changed.
            seen: Up to where facts are judged.
            now: UTC.
            has_judged: Something was judged in this step.
            served_at: When everything there was had been judged, and the night was run if it
                was due; the next desk runs one that has come due since.
            edited: What the audit was told of edits by SQL.
            before: The arms as this transaction has read them.
        """
        connection, waiting, memories = inside.connection, self.unwritten, desk.guards.memories
        if not (waiting or columns or self._news or edited or has_judged):
            return False
        waiting.write(connection, desk.roster, now, news=self._own_news(now), before=before)
        write_memories(connection, self._kept, memories, self._modes)
        write_metrics(connection, columns, now)
        key = f"{self._token}-{self.step + 1}"
        self.announcing.request(
            connection, key, waiting.events, desk.roster, now, memories, desk.panel.last_marks()
        )
        self._attempted = waiting.copy()
        judged_at = (served_at or now) if self._in_service else self.written_at
        if judged_at is not None:
            progress = Progress.of(seen, step=self.step + 1, judged_at=judged_at)
            write_progress(connection, progress)
        return True

    def committed(self, desk: Desk, served_at: datetime | None, *, is_step: bool) -> list[Event]:
        """The transaction went through; the events that it has written.

        Args:
            desk: As it was written.
            served_at: As it was written.
            is_step: There was something to write.
        """
        events, self.unwritten = self.unwritten.events, Unwritten()
        if is_step:
            self.step += 1
            self._news, self.written_at = "", served_at
            self._kept = dict(desk.guards.memories)
            self.announcing.committed()
        return events

    def take_back_what_was_given(self) -> bool:
        """Keep what stands though it is not written; whether anything was taken back."""
        if not self.unwritten.gives:
            return False
        self.unwritten, self._attempted = self.unwritten.takings(), self._attempted.takings()
        return True

    def _refuse_a_past(self, progress: Progress, inside: Ledger) -> None:
        if progress.step < self.step and self._in_service:
            raise TiltyardError(
                "DATABASE_REPLACED", inside.url.render_as_string(hide_password=True),
                f"it knows {progress.step:,} steps of the desk, and {self.step:,} were written",
                "start the desk again on what is there now",
            )  # fmt: skip

    def _own_news(self, now: datetime) -> list[Event]:
        """When a desk begins or goes on, the audit tells; shares are numbered by its rows."""
        if not self._news:
            return []
        return [{"event": "desk", "at": now, "actor": ACTOR, "lease": self._token,
                 "said": self._news}]  # fmt: skip
