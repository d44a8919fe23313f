"""Whose drift is due when, what is reported of it, and what people are told.

What is measured is as the test says; time is passed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from drift.worlds import kept
from eventful_folders import eventful
from live_desks import MINUTE, NOON
from records import ledger_of
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR
from tiltyard.shell.drift.observer import DriftObserver, trained
from tiltyard.shell.drift.task import NO_ENCODER, Measured, Task
from tiltyard.shell.gauges import Gauges
from tiltyard.shell.models.shelf import Shelf
from tiltyard.shell.sections.drift import DriftSettings
from tiltyard.shell.sections.market import MarketSettings
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.ledger import Ledger

SECOND = timedelta(seconds=1)
Answer = Callable[[Task], Measured | None]


def found(as_of: datetime, value: float = 0.1) -> Answer:
    """A drift by bars until then."""
    return lambda task: Measured(
        task.policy, "defined", "", as_of, value, value - 0.05, value + 0.05, 141.5, 1440, "all"
    )


def by_the_hour(task: Task) -> Measured | None:
    """By bars until the last full hour."""
    return found(task.now.replace(minute=0, second=0, microsecond=0))(task)


def undefined(reason: str, state: str = "warming") -> Answer:
    return lambda task: Measured(task.policy, state, reason, NOON)


def fails(code: str, facts: str = "somehow") -> Answer:
    def raising(task: Task) -> Measured:
        raise TiltyardError(code, task.policy, facts)

    return raising


@dataclass
class Watch:
    """A ledger with a trained policy, and who observes its drift by a file that grows."""

    ledger: Ledger
    folder: Path
    name: str
    file: str = "SOL_USDT-1h.csv"
    every: str = "6 h"
    now: datetime = NOON
    answer: Answer = by_the_hour
    stands_still: bool = False
    asked: list[Task] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Another desk, which knows what is in the ledger."""
        self.observer = DriftObserver(
            self.ledger, settings(self.folder, self.every), self._measure,
            Gauges(self.ledger, lambda: self.now).report, now=lambda: self.now,
            steady=self._seconds, say=self.said.append,
        )  # fmt: skip

    def _seconds(self) -> float:
        return self.now.timestamp()

    def _measure(self, task: Task) -> Measured | None:
        self.asked.append(task)
        return self.answer(task)

    def go(self, span: timedelta, every: timedelta = 10 * MINUTE) -> None:
        """Look again and again until so much later."""
        until = self.now + span
        self.observer.look()
        while self.now < until:
            self.now += every
            if not self.stands_still:
                self.grow()
            self.observer.look()

    def grow(self) -> None:
        """A bar more in the file of them."""
        (self.folder / "bars").mkdir(exist_ok=True)
        with (self.folder / "bars" / self.file).open("a") as file:
            file.write("a bar\n")

    def observed(self, name: str = "encoder_kl_divergence") -> list[Observation]:
        return [one for one in self.ledger.observations() if one.name == name]


def settings(folder: Path, every: str) -> Settings:
    return load().model_copy(
        update={
            "market": MarketSettings(feed=str(folder / "bars")),
            "models": ModelSettings(folder=str(folder / "models")),
            "drift": DriftSettings(every=every),
        }
    )


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    name = kept(tmp_path / "models")
    with ledger_of(tmp_path / "desk.db", [], names=(name, "bot")) as ledger:
        yield Watch(ledger, tmp_path, name)


def test_a_drift_is_reported_with_its_interval_as_of_the_last_bar(watch: Watch) -> None:
    watch.now += 30 * MINUTE
    watch.go(MINUTE)
    assert [(one.name, one.number, one.observed_at, one.samples) for one in
            watch.ledger.observations()] == [
        ("encoder_kl_divergence_lower", 0.05, NOON, 1440),
        ("encoder_kl_divergence_upper", pytest.approx(0.15), NOON, 1440),
        ("encoder_effective_samples", 141.5, NOON, 1440),
        ("encoder_kl_divergence", 0.1, NOON, 1440),
    ]  # fmt: skip
    assert {one.policy for one in watch.ledger.observations()} == {watch.name}
    (task,) = watch.asked
    assert task == Task(watch.name, "", watch.folder / "models", watch.folder / "bars",
                        timedelta(days=90), NOON + 30 * MINUTE)  # fmt: skip
    assert not watch.said


def test_it_is_observed_when_the_last_observation_is_so_old(watch: Watch) -> None:
    watch.go(24 * HOUR)
    times = [one.observed_at for one in watch.observed()]
    assert times == [NOON + hours * HOUR for hours in (0, 6, 12, 18, 24)]
    assert len(watch.asked) == 5, "nobody measures what is not due"


def test_a_desk_that_begins_anew_goes_by_what_the_one_before_has_observed(watch: Watch) -> None:
    for _ in range(5):
        watch.begin()
        watch.go(HOUR)
    assert len(watch.asked) == 1
    watch.begin()
    watch.go(HOUR)
    assert [one.observed_at for one in watch.observed()] == [NOON, NOON + 6 * HOUR]


def test_a_feed_that_stands_still_does_not_look_fresh(watch: Watch) -> None:
    watch.answer, watch.stands_still = found(NOON - HOUR), True
    watch.go(24 * HOUR)
    assert [one.observed_at for one in watch.observed()] == [NOON - HOUR]
    assert len(watch.asked) == 1, "the same bars are not measured twice"
    watch.answer, watch.stands_still = found(NOON + 3 * HOUR, 0.2), False
    watch.go(10 * MINUTE)
    assert [one.number for one in watch.observed()] == [0.1, 0.2], "and goes on with the feed"


def test_bars_of_a_day_are_measured_once_a_day_though_their_file_is_written_all_the_time(
    watch: Watch,
) -> None:
    watch.file, midnight = "SOL_USDT-1d.csv", NOON - 12 * HOUR
    watch.answer = lambda task: found(task.now.replace(hour=0, minute=0))(task)
    watch.grow()
    watch.go(84 * HOUR)
    assert [one.now for one in watch.asked] == [
        NOON, *(midnight + days * 24 * HOUR for days in (1, 2, 3, 4))
    ]  # fmt: skip
    assert len(watch.observed()) == 5


@pytest.mark.parametrize("answer", [found(NOON), undefined("no bars of 1 h", "unobserved")])
def test_a_drift_gets_no_older_because_nothing_newer_was_found_for_a_while(
    watch: Watch, answer: Answer
) -> None:
    watch.every = "1 d"
    watch.begin()
    watch.go(23 * HOUR + 50 * MINUTE)
    watch.answer = answer
    watch.go(HOUR)
    assert len(watch.asked) == 1 + 2, "every half an hour"
    watch.answer = by_the_hour
    watch.go(30 * MINUTE)
    assert [one.observed_at for one in watch.observed()] == [NOON, NOON + 25 * HOUR]


def test_what_failed_is_tried_again_though_the_feed_stands_still(watch: Watch) -> None:
    watch.answer, watch.stands_still = fails("DRIFT_FAILED"), True
    watch.go(HOUR)
    assert len(watch.asked) == 3


def test_what_is_undefined_is_not_observed_and_is_told_once(watch: Watch) -> None:
    for number in range(4):
        watch.answer = undefined(f"{90 + number} of 128 independent windows")
        watch.go(6 * HOUR)
    assert not watch.observed()
    (said,) = watch.said
    assert said.startswith(f"{watch.name}: its encoder's drift is not known yet (warming: 90 of ")
    assert len(watch.asked) == 5, "it is tried again when the next is due"
    watch.answer = undefined("no bars of 1 h", "unobserved")
    watch.go(6 * HOUR)
    watch.answer = by_the_hour
    watch.go(6 * HOUR)
    assert [line.partition(": ")[2] for line in watch.said[1:]] == [
        "its encoder's drift is not known yet (unobserved: no bars of 1 h)",
        "its encoder's drift is observed",
    ]
    assert watch.observed()


def test_what_fails_is_told_once_and_tried_again_every_half_an_hour(watch: Watch) -> None:
    watch.answer = fails("DRIFT_FAILED", "the process that measures its drift was ended by SIGKILL")
    watch.go(2 * HOUR)
    assert len(watch.asked) == 5
    (said,) = watch.said
    assert said.startswith(f"DRIFT_FAILED {watch.name}: the process that measures its drift was")
    assert said.endswith("ended by SIGKILL; it is tried again")
    watch.answer = by_the_hour
    watch.go(HOUR)
    assert watch.said[1:] == [f"{watch.name}: its encoder's drift is observed"]
    watch.answer = fails("DRIFT_FAILED")
    watch.go(7 * HOUR)
    assert len(watch.said) == 3, "another time is another trouble"


def test_one_that_fails_keeps_no_other_from_being_observed(tmp_path: Path) -> None:
    name = kept(tmp_path / "models")
    other = f"other_{name}"
    (tmp_path / "models" / other).symlink_to(name)
    with ledger_of(tmp_path / "desk.db", [], names=(name, other)) as ledger:
        watch = Watch(ledger, tmp_path, name)
        broken = fails("SNAPSHOT_TAMPERED")
        watch.answer = lambda task: (broken if task.policy == name else by_the_hour)(task)
        watch.go(MINUTE)
        assert [one.policy for one in watch.observed()] == [other]


def test_a_snapshot_without_an_encoder_is_no_trouble(watch: Watch) -> None:
    watch.answer = fails(NO_ENCODER)
    watch.go(HOUR)
    assert not watch.said
    assert not watch.observed()


def test_a_desk_that_ends_meanwhile_observes_nothing_and_says_nothing(watch: Watch) -> None:
    watch.answer = lambda _: None
    watch.go(MINUTE)
    assert not watch.said
    assert not watch.observed()


def test_who_has_no_snapshot_is_not_asked_about(watch: Watch) -> None:
    (watch.folder / "models" / watch.name).rename(watch.folder / "elsewhere")
    watch.go(24 * HOUR)
    assert not watch.asked
    (watch.folder / "elsewhere").rename(watch.folder / "models" / watch.name)
    watch.go(MINUTE)
    assert [task.policy for task in watch.asked] == [watch.name]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"every": "2 d"}, "expected 1 min to 1 d, or off"),
        ({"every": "10 s"}, "expected 1 min to 1 d, or off"),
        ({"every": "often"}, 'expected a span such as "15 min"'),
        ({"current": "1 h"}, "expected 1 d to 3650 d"),
        ({"current": "off"}, 'expected a span such as "15 min"'),
    ],
)
def test_a_schedule_that_nobody_can_mean_is_refused(fields: dict[str, str], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        DriftSettings(**fields)


def test_who_has_a_snapshot_is_seen_by_one_look_at_the_folder(tmp_path: Path) -> None:
    models, listed = tmp_path / "models", list[Path]()
    name = kept(models)
    with ledger_of(tmp_path / "desk.db", [], names=(name, "a", "b", "c")) as ledger:
        roster = ledger.roster()
        for arm in ("a", "b", "c"):
            pinned = replace(roster.arms[arm], digest=sha256(arm.encode()).hexdigest())
            roster = roster.with_arm(pinned)
        shelf = Shelf(eventful(models, listed.append))
        assert list(trained(roster, shelf)) == [name]
        assert listed == [models]
    assert not trained(roster, Shelf(tmp_path / "nowhere"))
