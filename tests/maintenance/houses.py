"""A house that is maintained in tests, and a trainer that has its answers ready.

The trainer saves real snapshots, made by hand, and answers as ``tiltyard train … --json`` does; the
real one is met in the end-to-end tests.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from conformance.samples import NewDatabase
from tiltyard.facts.arm import Role
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import save
from tiltyard.shell.commanding import Times
from tiltyard.shell.jobs.catalogue import JOBS
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.registration import Registration, arguments_of
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.ledger import Ledger

Json = Mapping[str, Any]

SUNDAY = date(2026, 11, 22)
NIGHT = datetime(2026, 11, 22, 3, tzinfo=UTC)
CHAMPION = "trend_20250301_000000_c4a3b105"
PASSED = {"state": "passed", "reasons": [], "seeds": 5, "lower_quartile": 0.0003, "against": {}}
WORTH = {
    "since": 1732233600, "until": 1763337600, "days": 360, "trades": 900,
    "daily_return": {"value": 0.0004, "interval": {"low": 0.0001, "high": 0.0007}},
    "profit_factor": {"value": 1.2, "interval": {"low": 1.0, "high": 1.4}},
}  # fmt: skip
SETTINGS = """\
[policies]
capital = 10000
[market]
feed = "bars"
"""


def settings_in(folder: Path, text: str = SETTINGS) -> Settings:
    """Settings whose folders are all in one."""
    (folder / "tiltyard.toml").write_text(text, "utf-8")
    found = load(folder / "tiltyard.toml")
    jobs = found.jobs.model_copy(update={"folder": str(folder / "maintenance")})
    models = found.models.model_copy(update={"folder": str(folder / "models")})
    return found.model_copy(update={"jobs": jobs, "models": models})


@contextmanager
def house_in(
    folder: Path, new_database: NewDatabase, text: str = SETTINGS, champion: str = CHAMPION
) -> Iterator[House]:
    """A house with a champion, whose commands are carried out by whoever asks."""
    clock = Clock()
    with new_database() as url, Ledger.open(url) as ledger:
        times = Times(clock.now, clock.steady, clock.wait)
        house = House(ledger, settings_in(folder, text), None, times, "a test", {})
        if champion:
            join(house, champion, "champion")
        yield house


def join(house: House, name: str, role: Role = "challenger", digest: str = "") -> None:
    """Somebody joins, as by hand."""
    wanted = Registration(name, role, "", None, None, NIGHT, digest)
    house.ask("register", name, arguments_of(wanted), key="", reason="")


class Clock:
    """Stands still until somebody waits."""

    def __init__(self) -> None:
        self._passed = 0.0

    def now(self) -> datetime:
        return NIGHT + timedelta(seconds=self._passed)

    def steady(self) -> float:
        return self._passed

    def wait(self, seconds: float) -> None:
        self._passed += seconds


@dataclass
class Trainer:
    """Answers what it was told to, and keeps what it was asked.

    Attributes:
        models: Folder of snapshots.
        made: What it makes of the words of a command: a snapshot, or an error.
        gate: Of whatever it makes.
        is_partial: The time is up.
        asked: Words of every command so far.
        granted: Seconds that each of them may take.
    """

    models: Path
    made: Callable[[Sequence[str]], Snapshot | TiltyardError]
    gate: Json | None = None
    is_partial: bool = False
    is_parents: bool = False
    asked: list[list[str]] = field(default_factory=list)
    granted: list[float] = field(default_factory=list)

    def __call__(self, words: Sequence[str], ledger: Ledger, seconds: float) -> Json:
        """As :func:`tiltyard.shell.maintenance.tethered.answer_of`."""
        assert ledger.roster().arms
        self.granted.append(seconds)
        self.asked.append(list(words))
        made = self.made(words)
        if isinstance(made, TiltyardError):
            raise made
        return self.told(made)

    def told(self, snapshot: Snapshot) -> dict[str, Any]:
        """What is told of a snapshot, which is kept."""
        metrics = {"walk_forward": WORTH, "hold_out": None} | (
            {"gate": self.gate} if self.gate else {}
        )
        snapshot = replace(snapshot, metrics=metrics)
        path = save(snapshot, self.models, NIGHT)
        return {
            "kind": snapshot.kind, "name": path.name, "sha256": snapshot.digest,
            "path": str(path), "report": f"{path}.html", "encoder": None,
            "partial": self.is_partial, "encoder_is_parents": self.is_parents,
            "metrics": metrics, "lineage": dict(snapshot.lineage),
        }  # fmt: skip


def budgeted(house: House, minutes: float) -> House:
    """The same, whose trainings have so many minutes."""
    return with_jobs(house, retrain_minutes=minutes, sweep_minutes=minutes)


def with_jobs(house: House, **told: object) -> House:
    """The same, with other settings of its jobs."""
    jobs = house.settings.jobs.model_copy(update=told)
    return replace(house, settings=house.settings.model_copy(update={"jobs": jobs}))


def limit_of(house: House, job: str, step: str) -> float:
    """Seconds after which a host of jobs ends a step."""
    steps = {one.name: one for one in JOBS[job].steps(house.settings)}
    return steps[step].limit.total_seconds()


def option(words: Sequence[str], name: str) -> str:
    """What an option of a command is given."""
    return words[words.index(name) + 1]
