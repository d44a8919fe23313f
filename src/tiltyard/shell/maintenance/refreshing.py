"""An encoder that has drifted goes on learning, in a new policy, which goes on trial.

A guard that sees an encoder drift asks for a refresh of it. Nothing is changed in the policy that
it asked for, and the guard's flag on that stands: what is made has an encoder of its own, with
baseline windows of its own, and joins as a challenger, also where it is the champion that drifts.

Comes in: what the audit says was asked for, once for each time that a drift began. Goes out: for
each of them what was made, or why nothing is.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from tiltyard.facts.arm import GONE, Arm
from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.catalogue import POLICIES
from tiltyard.shell.floor.seating import kind_of
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.joining import Joined, put_on_trial, register_command
from tiltyard.shell.maintenance.learning import Lesson, Train, learnt
from tiltyard.shell.maintenance.note import begun, keep, read
from tiltyard.shell.maintenance.retraining import sizing_words, tried
from tiltyard.shell.maintenance.tethered import Json, answer_of
from tiltyard.shell.maintenance.worth import policy_json, policy_lines
from tiltyard.shell.models.loading import found_snapshot
from tiltyard.shell.models.manifest import manifest_of
from tiltyard.shell.models.shelf import Shelf, is_called_by
from tiltyard.shell.store.audit_table import every_event
from tiltyard.shell.store.command_table import keys_carried_out

TASK = "refresh"
SIZING = "dqn"
"""The kind of snapshot that says how much."""
UNITS = {"d": 86_400, "h": 3_600, "m": 60}
"""Seconds of what lengths of bars are told in."""
GOES_ON = "not registered, as it goes on learning in the next night; all the same"


class Wanted(NamedTuple):
    """A refresh that a guard has asked for.

    Attributes:
        policy: Whose encoder has drifted.
        episode: Position in the audit, by which it is done once.
        at: When it was asked for, UTC.
    """

    policy: str
    episode: int
    at: datetime

    @property
    def key(self) -> str:
        """Of the command that registers what is made."""
        return f"{TASK}/{self.episode}"

    @property
    def reason(self) -> str:
        """Of it, for the audit."""
        return f"the encoder of {self.policy} had drifted, and was refreshed in this one"


def wanted_refreshes(house: House) -> Sequence[Wanted]:
    """What was asked for and is not settled, oldest first; of each policy the last alone."""
    with house.ledger.snapshot() as still:
        asked = {
            one.policy: one for one in _asked(every_event(still.connection, "refresh_encoder"))
        }
        done = keys_carried_out(still.connection, f"{TASK}/")
    known = {key.partition(".")[0] for key in done}  # asked anew, a key has a number
    return sorted(
        (one for one in asked.values() if one.key not in known and not _is_settled(house, one)),
        key=lambda one: one.episode,
    )


def _asked(rows: Iterator[tuple[int, str]]) -> Iterator[Wanted]:
    for seq, body in rows:
        event = json.loads(body)
        if event["event"] == "refresh_encoder" and event["mode"] == "enforce":
            yield Wanted(event["policy"], seq, moment(event["at"]))


def refresh_all(house: House, now: datetime, train: Train = answer_of) -> Done:
    """Refresh whatever was asked for; what fails of one keeps no other from it."""
    lines: list[str] = []
    told: list[Json] = []
    failed: list[TiltyardError] = []
    for wanted in wanted_refreshes(house):
        try:
            done = refresh(house, wanted, now, train)
        except TiltyardError as error:
            lines.append(f"{wanted.policy}: not refreshed: {error.code}")
            failed.append(error)
            continue
        lines += done.lines
        told.append(done.told)
        failed += done.failed
    return Done(
        TASK, tuple(lines or ["no refresh is asked for"]), {"refreshed": told}, tuple(failed)
    )


def refresh(house: House, wanted: Wanted, now: datetime, train: Train = answer_of) -> Done:
    """Refresh the encoder of a policy, and put what is made of it on trial.

    A policy that says how much learns anew on its refreshed encoder, and has to pass the gate.

    Args:
        house: Whose.
        wanted: Which.
        now: UTC.
        train: Has the training done.

    Raises:
        TiltyardError: As :func:`~tiltyard.shell.maintenance.learning.learnt`. What is wrong with
            its model is among what failed.
    """
    arm = house.ledger.roster().arms.get(wanted.policy)
    if arm is None or (why := _why_not(arm)):
        return _settled(house, wanted, now, "it has never joined" if arm is None else why)
    try:
        path = found_snapshot(Shelf(house.settings.models.path), arm.name, arm.digest)
        manifest = manifest_of(path)
    except TiltyardError as error:
        return _done(wanted, ["not refreshed: its model cannot be read"], {}, (error,))
    asked = _Asked(house, wanted, path, manifest.told["settings"], now)
    is_sizing = manifest.told["kind"] == SIZING
    answer = learnt(house, asked.encoder() if is_sizing else asked.policy(), now, train)
    if answer["encoder_is_parents"]:
        return _settled(house, wanted, now, "what its encoder went on to learn was no better")
    if is_sizing:
        answer = learnt(house, asked.sizing(answer["path"]), now, train)
        joined = tried(house, answer, key=wanted.key, reason=wanted.reason)
    elif answer["partial"]:
        joined = Joined("", f"{GOES_ON}: {register_command(answer['name'])}")
    else:
        joined = put_on_trial(house, answer["name"], key=wanted.key, reason=wanted.reason)
    if not (joined.answer or joined.failed or answer["partial"]):
        _settle(house, wanted, now, joined.line)
    lines = [*policy_lines(answer, house.day_begins(asked.day)), joined.line]
    told = {**policy_json(answer), "registered": joined.told}
    return _done(wanted, lines, told, joined.failed)


class _Asked(NamedTuple):
    """What is to be learnt for a refresh, by the symbols and bars of the policy itself."""

    house: House
    wanted: Wanted
    path: Path
    settings: Json
    now: datetime

    @property
    def day(self) -> date:
        """At whose beginning the range ends, whenever the refresh is gone on with."""
        note = begun(_note(self.house, self.wanted), self.now)
        return self.house.settings.schedule.trading_day(note.begun_at)

    def policy(self) -> Lesson:
        """The encoder goes on learning, and the head is fitted anew."""
        return self._lesson(["train", "tabnet", *self._refresh()], "")

    def encoder(self) -> Lesson:
        """The encoder alone goes on learning."""
        return self._lesson(["train", "encoder", *self._refresh()], "encoder")

    def sizing(self, encoder: str) -> Lesson:
        """Networks that say how much, on an encoder."""
        jobs = self.house.settings.jobs.model_copy(update={"encoder": encoder})
        lesson = self._lesson(sizing_words(jobs), "")
        return replace(lesson, sees_ledger=True, where=jobs.on_cluster)

    def _refresh(self) -> list[str]:
        jobs = self.house.settings.jobs
        return [
            "--refresh", str(self.path), "--epochs", str(jobs.refresh_epochs),
            "--budget", f"{jobs.retrain_minutes:g}",
        ]  # fmt: skip

    def _lesson(self, words: list[str], part: str) -> Lesson:
        note = _note(self.house, self.wanted)
        if part:
            note = note.with_name(f"{note.stem}-{part}{note.suffix}")
        return Lesson(
            words, self.day, note, self.house.settings.jobs.retrain_limit,
            ",".join(self.settings["symbols"]),
            interval_word(self.settings["interval_seconds"]),
        )  # fmt: skip


def _why_not(arm: Arm) -> str:
    """Why nothing is to be refreshed for an arm, for good; empty where something is."""
    if arm.state in GONE:
        return f"it is {arm.state} since"
    if not is_called_by(arm.name, arm.digest) and (kind_of(arm) in POLICIES or not arm.digest):
        return "it is no policy that was trained here, so nobody knows its encoder"
    return ""


def interval_word(seconds: int) -> str:
    """How the command line is told how long a bar lasts.

    >>> interval_word(3_600), interval_word(900), interval_word(86_400)
    ('1h', '15m', '1d')
    """
    fits = (f"{seconds // one}{unit}" for unit, one in UNITS.items() if seconds % one == 0)
    return next(fits, f"{seconds}s")


def _settled(house: House, wanted: Wanted, now: datetime, why: str) -> Done:
    _settle(house, wanted, now, why)
    return _done(wanted, [f"not refreshed: {why}"], {"why_not": why})


def _settle(house: House, wanted: Wanted, now: datetime, why: str) -> None:
    file = _note(house, wanted)
    keep(file, begun(file, now)._replace(settled=why))


def _done(
    wanted: Wanted, lines: Sequence[str], told: Json, failed: tuple[TiltyardError, ...] = ()
) -> Done:
    head = f"{wanted.policy}: its encoder had drifted at {time_text(wanted.at)}"
    asked = {"drifted": wanted.policy, "asked_at": time_text(wanted.at), "episode": wanted.episode}
    return Done(TASK, (head, *(f"  {line}" for line in lines)), {**asked, **told}, failed)


def _note(house: House, wanted: Wanted) -> Path:
    return house.settings.jobs.path / TASK / f"{wanted.episode}.json"


def _is_settled(house: House, wanted: Wanted) -> bool:
    try:
        note = read(_note(house, wanted))
    except OSError:
        return False  # whoever goes on with it says so
    return note is not None and bool(note.settled)
