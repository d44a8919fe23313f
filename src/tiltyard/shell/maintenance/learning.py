"""A training as a task of the maintenance: pinned to its day, in a process of its own, done once.

What has closed when the trading day begins is learnt from, and the ledger is seen as it stood when
the task was first run for the day. So whoever runs it again, after whatever ended it, makes the
same snapshot; and who runs it again after it has ended is told what was found then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.extra_learn import require_learn
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.note import begun, keep
from tiltyard.shell.maintenance.tethered import Json, answer_of
from tiltyard.shell.models.manifest import manifest_of
from tiltyard.shell.store.ledger import Ledger

Train = Callable[[Sequence[str], Ledger, float], Json]
"""Answers the words of a command within so many seconds."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be learnt.

    Attributes:
        words: Of the command, beside those that every lesson has.
        day: The trading day at whose beginning the range ends.
        note: File of what was begun and found.
        limit: After that it is ended.
        symbols: That are learnt from, with commas between; empty for all.
        interval: Of the bars; empty for the usual one.
        days: Before the day, of which bars are learnt from; 0 for all there are.
        sees_ledger: Whether the command asks the ledger for anything.
        where: Words that say who runs it, by which nothing else is found.
    """

    words: Sequence[str]
    day: date
    note: Path
    limit: timedelta
    symbols: str
    interval: str
    days: int = 0
    sees_ledger: bool = False
    where: Sequence[str] = ()


def learnt(house: House, lesson: Lesson, now: datetime, train: Train = answer_of) -> Json:
    """What the training's command answers, or has answered already if all of it is still there.

    One that was partial goes on.

    Args:
        house: Whose bars, models and ledger.
        lesson: What.
        now: UTC.
        train: Has it done.

    Raises:
        TiltyardError: ``JOBS_NO_DATA``, ``EXTRA_MISSING``, ``NOTE_UNWRITABLE``,
            ``TRAINING_STOPPED``, and whatever the training says.
    """
    require_learn()
    words = [*lesson.words, *_of_every_lesson(house, lesson)]
    note = begun(lesson.note, now)
    if lesson.sees_ledger:
        words += ["--as-of", time_text(note.begun_at)]
    if note.words == tuple(words) and note.answer is not None and _is_whole(house, note.answer):
        return note.answer
    answer = train([*words, *lesson.where], house.ledger, lesson.limit.total_seconds())
    keep(lesson.note, note._replace(words=tuple(words), answer=answer))
    return answer


def _of_every_lesson(house: House, lesson: Lesson) -> Iterator[str]:
    settings = house.settings
    bars = settings.jobs.bars(settings.market.feed)
    if bars is None:
        raise TiltyardError(
            "JOBS_NO_DATA", "jobs.data", "no folder of bars is named that could be learnt from",
            "name one: [jobs] data, or [market] feed",
        )  # fmt: skip
    yield from ("--data", str(bars), "--output", str(settings.models.path))
    if lesson.symbols:
        yield from ("--symbols", lesson.symbols)
    if lesson.interval:
        yield from ("--interval", lesson.interval)
    if house.settings_file is not None:
        yield from ("--config", str(house.settings_file))
    until = house.day_begins(lesson.day)
    if lesson.days:
        yield from ("--from", time_text(until - timedelta(days=lesson.days)))
    yield from ("--until", time_text(until), "--json")


def _is_whole(house: House, answer: Json) -> bool:
    """Whether there is nothing to go on with, and every snapshot of it lies where it was put."""
    if answer["partial"]:
        return False
    made = [answer, *answer.get("best", ())]
    try:
        return all(
            manifest_of(house.settings.models.path / one["name"]).digest == one["sha256"]
            for one in made
            if "name" in one
        )
    except TiltyardError:
        return False
