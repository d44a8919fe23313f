"""The weekly retraining: a sizing policy on the newest bars, which goes on trial if it passes.

What it makes is a candidate, and replaces nothing: it is registered as a challenger, on probation
at the usual share, if the gate lets it pass (:mod:`tiltyard.learners.gate`). One that does not
pass, or of which the gate can say nothing, is kept all the same, with the command by which a
person registers it.
"""

from datetime import date, datetime

from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.joining import Joined, put_on_trial, register_command
from tiltyard.shell.maintenance.learning import Lesson, Train, learnt
from tiltyard.shell.maintenance.note import note_of
from tiltyard.shell.maintenance.tethered import Json, answer_of
from tiltyard.shell.maintenance.worth import policy_json, policy_lines
from tiltyard.shell.sections.jobs import JobSettings

TASK = "retrain"
ADVICE = {
    "not passed": "not registered, as it did not pass; all the same",
    "undefined": "not registered, as the gate can say nothing for it; all the same",
}


def retrain(house: House, day: date, now: datetime, train: Train = answer_of) -> Done:
    """Train a sizing policy, and put it on trial if it passes.

    Args:
        house: Whose.
        day: The trading day at whose beginning what it may know ends.
        now: UTC.
        train: Has the training done.

    Raises:
        TiltyardError: As :func:`~tiltyard.shell.maintenance.learning.learnt`. Why it could not be
            registered is among what failed.
    """
    answer = learnt(house, lesson(house, day), now, train)
    key = f"maintain/{day}/{TASK}/{answer['name']}"
    joined = tried(house, answer, key=key, reason=f"retrained for {day}, and it passed the gate")
    lines = (*policy_lines(answer, house.day_begins(day)), joined.line)
    return Done(TASK, lines, {**policy_json(answer), "registered": joined.told}, joined.failed)


def tried(house: House, answer: Json, *, key: str, reason: str) -> Joined:
    """Put what was made on trial, if the gate lets it pass."""
    name, state = answer["name"], answer["metrics"]["gate"]["state"]
    if state == "passed":
        return put_on_trial(house, name, key=key, reason=reason)
    return Joined("", f"{ADVICE[state]}: {register_command(name)}")


def lesson(house: House, day: date) -> Lesson:
    """What is learnt for a day."""
    jobs = house.settings.jobs
    return Lesson(
        sizing_words(jobs), day, note_of(jobs.path, day, TASK), jobs.retrain_limit,
        jobs.symbols, jobs.interval, jobs.days, sees_ledger=True, where=jobs.on_cluster,
    )  # fmt: skip


def sizing_words(jobs: JobSettings) -> list[str]:
    """The command that trains a sizing policy, with its budgets."""
    encoder = ["--encoder", jobs.encoder] if jobs.encoder else []
    return [
        "train", "rl", "--steps", str(jobs.steps), "--seeds", str(jobs.seeds),
        "--timeout", f"{jobs.retrain_minutes:g}", *encoder,
    ]  # fmt: skip
