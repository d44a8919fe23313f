"""The weekly sweep: settings are tried, by what they earn, and the best two are kept.

Each week tries others: what is drawn is drawn by the day. None of them is registered, since the
best of several tries may be luck: a person looks at what was held out, and decides.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime

from tiltyard.kernel.text import count_text
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.joining import register_command
from tiltyard.shell.maintenance.learning import Lesson, Train, learnt
from tiltyard.shell.maintenance.note import note_of
from tiltyard.shell.maintenance.tethered import Json, answer_of
from tiltyard.shell.maintenance.worth import PARTIAL, percent, policy_json, policy_lines

TASK = "optuna"
STATES = {"complete": "complete", "pruned": "given up early", "failed": "failed"}
"""Of trials, for people."""


def sweep(house: House, day: date, now: datetime, train: Train = answer_of) -> Done:
    """Try settings, and keep the best two.

    Args:
        house: Whose bars and models.
        day: The trading day at whose beginning what they may know ends.
        now: UTC.
        train: Has the sweep done.

    Raises:
        TiltyardError: As :func:`~tiltyard.shell.maintenance.learning.learnt`.
    """
    jobs = house.settings.jobs
    words = [
        "train", "sweep", "--trials", str(jobs.trials), "--budget", f"{jobs.sweep_minutes:g}",
        "--seed", str(day.toordinal()),
    ]  # fmt: skip
    note = note_of(jobs.path, day, TASK)
    lesson = Lesson(
        words, day, note, jobs.sweep_limit, jobs.symbols, jobs.interval, jobs.days,
        where=jobs.on_workers,
    )  # fmt: skip
    answer = learnt(house, lesson, now, train)
    return Done(TASK, tuple(_lines(answer, house.day_begins(day))), _told(answer))


def _lines(answer: Json, until: datetime) -> Iterator[str]:
    counts = Counter(trial["state"] for trial in answer["trials"])
    counted = ", ".join(f"{counts[name]} {word}" for name, word in STATES.items() if counts[name])
    yield f"{count_text(len(answer['trials']), 'trial')}: {counted or 'none'}"
    yield f"  report: {answer['report']}"
    if answer["partial"]:
        yield f"  {PARTIAL}"
    worth = {trial["number"]: trial["value"] for trial in answer["trials"]}
    for place, one in enumerate(answer["best"], 1):
        low = f"{percent(worth[one['trial']])} a day at the lower end of its interval"
        yield f"{place}. trial {one['trial']}, {low}"
        yield from (f"   {line}" for line in policy_lines(one, until))
        yield f"   if what was held out convinces you: {register_command(one['name'])}"


def _told(answer: Json) -> Json:
    return {
        "report": answer["report"],
        "partial": answer["partial"],
        "trials": answer["trials"],
        "best": [{"trial": one["trial"], **policy_json(one)} for one in answer["best"]],
    }
