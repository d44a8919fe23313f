"""The purge: stale policies are retired, each by a command, as a person would.

It looks at the whole ledger as of one moment and judges (:mod:`tiltyard.actions.purge`); a policy
whose model lies here goes only when a snapshot of the desk holds that, every byte of it read now.
Then it asks, one policy after the other, under a key of the day: asked again it is the same
command, so a purge that was killed goes on. With a desk or without one, whoever carries a command
out looks again, and may refuse; that is told.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from tiltyard.actions.purge import PURGE, Past, PurgeVerdict, Step, judge
from tiltyard.facts.arm import Roster
from tiltyard.facts.command import CommandRefused, Verb
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Value
from tiltyard.shell.archive.coverage import held_whole
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.pasts import pasts_of
from tiltyard.shell.models.versions import Origin, Version, versions_in
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.audit_table import identity_of

TASK = "purge"
VERBS: Mapping[Step, Verb] = {"retire": "retire", "take": "throttle"}
_WORDS: Mapping[tuple[Step, str], str] = {
    ("retire", "planned"): "{0} would be retired: {1}",
    ("retire", "done"): "{0} is retired: {1}",
    ("take", "planned"): "{0} would lose its traffic, since what it holds is not known: {1}",
    ("take", "done"): "{0} has lost its traffic, and is retired by the next purge if a mark says "
    "by then that nothing is open: {1}",
    ("keep", "kept"): "{0} stays: {1}",
    ("retire", "failed"): "{0} is not retired yet: {2}",
    ("take", "failed"): "{0} has its traffic for now: {2}",
    ("retire", "refused"): "{0} stays: {2}",
    ("take", "refused"): "{0} stays: {2}",
}


class Judged(NamedTuple):
    """A policy that was judged, and what came of it.

    Attributes:
        verdict: On it.
        outcome: ``kept``, ``planned``, ``done``, ``refused`` or ``failed``.
        answer: Of whoever carried the command out; empty where none was asked.
    """

    verdict: PurgeVerdict
    outcome: str
    answer: str = ""

    @property
    def line(self) -> str:
        """For people."""
        verdict = self.verdict
        words = _WORDS[verdict.step, self.outcome]
        return words.format(verdict.policy, verdict.reason, self.answer)

    @property
    def told(self) -> Mapping[str, Any]:
        """As JSON values."""
        verdict, past = self.verdict, self.verdict.past
        factor = past.profit_factor
        return {
            "policy": verdict.policy,
            "step": verdict.step,
            "reason": verdict.reason,
            "outcome": self.outcome,
            "answer": self.answer,
            "days_low": None if verdict.days is None else round(verdict.days, 3),
            "trades": past.trades,
            "profit_factor": factor.number if isinstance(factor, Value) else None,
            "profit_factor_trades": factor.samples,
            "open_positions": past.open_positions,
        }


def purge(house: House, *, day: date, now: datetime, dry_run: bool) -> Done:
    """Retire what is stale.

    Args:
        house: Whose policies; its settings say what is stale.
        day: By which the commands are called.
        now: UTC.
        dry_run: Say what would be done, and do nothing.

    Raises:
        TiltyardError: What keeps the ledger or the folder of models from being read.
    """
    roster, pasts = pasts_of(house.ledger, house.settings, now)
    with house.ledger.snapshot() as still:
        own = identity_of(still.connection)
    models = _Models(house.settings, roster, own)
    verdicts = _judged(roster, pasts, models, house.settings, now)
    judged: list[Judged] = []
    failed = list(models.failed.values())
    for verdict in verdicts:
        if verdict.step == "keep":
            judged.append(Judged(verdict, "kept"))
        elif dry_run:
            judged.append(Judged(verdict, "planned"))
        else:
            try:
                judged.append(_asked(house, verdict, day))
            except TiltyardError as error:
                failed.append(error)
                judged.append(Judged(verdict, "failed", str(error)))
    told = {"day": day.isoformat(), "dry_run": dry_run, "policies": [one.told for one in judged]}
    lines = [one.line for one in judged] or ["there is no challenger to judge"]
    return Done(TASK, tuple(lines), told, tuple(failed))


def _asked(house: House, verdict: PurgeVerdict, day: date) -> Judged:
    """A verdict as a command, and what comes of it.

    Raises:
        TiltyardError: It is not known, or not even asked.
    """
    key = f"maintain/{day}/{TASK}/{verdict.policy}"
    try:
        outcome = house.ask(
            VERBS[verdict.step], verdict.policy,
            {PURGE: str(house.settings.purge.minimum_active)},
            key=key if verdict.step == "retire" else f"{key}/traffic", reason=verdict.reason,
        )  # fmt: skip
    except CommandRefused as refusal:
        return Judged(verdict, "refused", str(refusal))
    return Judged(verdict, "done", outcome.text)


class _Models:
    """Whether what an arm is traded by is in a snapshot of the desk.

    Attributes:
        failed: What kept the archive from being read, by its code.
    """

    def __init__(self, settings: Settings, roster: Roster, own: str) -> None:
        self._archive, self._own = settings.archive, own
        self._of: dict[str, list[Version]] = {}
        self.failed: dict[str, TiltyardError] = {}
        for version in versions_in(settings.models.path):
            for arm in version.arms(roster):
                self._of.setdefault(arm.name, []).append(version)

    def lacks(self, policy: str) -> str:
        """What of its model no snapshot holds; empty where nothing is lost with it."""
        for version in self._of.get(policy, ()):
            if not isinstance(version.origin, Origin):
                return f"its model {version.name} cannot be read: {version.origin.code}"
            try:
                digest = version.origin.digest
                if held_whole(self._archive, version.name, digest, self._own) is None:
                    return f"no snapshot of the desk holds its model {version.name} whole"
            except TiltyardError as error:
                self.failed[error.code] = error
                return f"whether a snapshot of the desk holds its model is not known: {error.code}"
        return ""


def _judged(
    roster: Roster, pasts: dict[str, Past], models: _Models, settings: Settings, now: datetime
) -> list[PurgeVerdict]:
    """The verdicts, with what is in the archive looked up of those alone who would go.

    Where one of them stays for that, another may go in its place, and is looked up then.
    """
    looked_up: set[str] = set()
    while True:
        verdicts = judge(roster, pasts, settings.purge.rules(), now)
        going = {one.policy for one in verdicts if one.step != "keep"} - looked_up
        if not going:
            return verdicts
        for name in going:
            pasts[name] = replace(pasts[name], lacks=models.lacks(name))
        looked_up |= going
