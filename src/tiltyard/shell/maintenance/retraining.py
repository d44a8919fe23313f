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
from tiltyard.shell.maintenance.worth import gate_text, worth_json, worth_lines

TASK = "retrain"
LATE = 30.0
"""Minutes beyond its own for what is done when its time is up; then it is ended."""
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
    gate, name = answer["metrics"]["gate"], answer["name"]
    joined = Joined("", ())
    if gate["state"] == "passed":
        key = f"maintain/{day}/{TASK}/{name}"
        why = f"retrained for {day}, and it passed the gate"
        joined = put_on_trial(house, name, key=key, reason=why)
    end = joined.lines(name) if gate["state"] == "passed" else [
        f"{ADVICE[gate['state']]}: {register_command(name)}"
    ]  # fmt: skip
    return Done(
        TASK, (*_lines(answer), *end), {**_told(answer), "registered": joined.answer or None},
        joined.failed,
    )  # fmt: skip


def lesson(house: House, day: date) -> Lesson:
    """What is learnt for a day."""
    jobs = house.settings.jobs
    words = [
        "train", "rl", "--steps", str(jobs.steps), "--seeds", str(jobs.seeds),
        "--timeout", f"{jobs.retrain_minutes:g}",
    ]  # fmt: skip
    return Lesson(
        words, day, note_of(jobs.path, day, TASK), jobs.retrain_minutes + LATE, jobs.symbols,
        jobs.interval, sees_ledger=True,
    )  # fmt: skip


def _lines(answer: Json) -> list[str]:
    lines = [
        f"{answer['name']}, SHA-256 {answer['sha256']}",
        f"  report: {answer['report']}",
        *(f"  {line}" for line in worth_lines(answer["metrics"])),
        f"  gate: {gate_text(answer['metrics']['gate'])}",
    ]
    if answer["partial"]:
        lines.append(
            "  partial: the time was up before everything was learnt; with more "
            "jobs.retrain_minutes the same task goes on"
        )
    return lines


def _told(answer: Json) -> Json:
    return {
        "policy": answer["name"],
        "sha256": answer["sha256"],
        "report": answer["report"],
        "partial": answer["partial"],
        "worth": worth_json(answer["metrics"]),
        "gate": answer["metrics"]["gate"],
        "champion": answer["lineage"]["champion"],
        "register": register_command(answer["name"]),
    }
