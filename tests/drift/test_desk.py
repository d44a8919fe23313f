"""A desk whose trained challenger sees another market: the guard trips, once an episode."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drift.worlds import CALM, WILD, kept, market
from floors import rules
from live_desks import MINUTE, NOON, audited, desk_on, good
from records import CHAMPION, ledger_of
from tiltyard.facts.observation import Observation
from tiltyard.market.bar import HOUR
from tiltyard.shell.drift.measuring import measure
from tiltyard.shell.drift.observer import DriftObserver, observations
from tiltyard.shell.drift.task import Measured
from tiltyard.shell.drift.watched import drift_watched
from tiltyard.shell.effects.courier import STOP_SECONDS
from tiltyard.shell.gauges import Gauges
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.sections.drift import DriftSettings
from tiltyard.shell.sections.market import MarketSettings
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from waiting import until

GUARD = "encoder_kl_divergence_high"
SLOT = 6 * HOUR


def settings(folder: Path) -> Settings:
    return rules(MarketSettings(feed=str(folder / "bars"))).model_copy(
        update={
            "models": ModelSettings(folder=str(folder / "models")),
            "drift": DriftSettings(current="20 d"),
        }
    )


@dataclass
class Floor:
    """A desk, and who observes drifts beside it, at times that are passed."""

    ledger: Ledger
    desk: LiveDesk
    folder: Path
    name: str
    now: datetime = NOON
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.observer = DriftObserver(
            self.ledger, settings(self.folder), measure,
            Gauges(self.ledger, lambda: self.now).report, now=lambda: self.now,
            steady=self._seconds, say=self.said.append,
        )  # fmt: skip

    def _seconds(self) -> float:
        return self.now.timestamp()

    def go(self, moves: float, span: timedelta = SLOT) -> int:
        """So much later, in a market that moves so; how often a refresh was asked for."""
        self.now += span
        market(self.folder / "bars", moves, self.now, hours=600)
        self.observer.look()
        self.desk.step(self.now)
        return len(audited(self.ledger, "refresh_encoder"))


@contextmanager
def floor(folder: Path) -> Iterator[Floor]:
    name = kept(folder / "models")
    trades = [*good(200, name), *good(200, CHAMPION)]
    with (
        ledger_of(folder / "desk.db", trades, names=(name,)) as ledger,
        desk_on(ledger, NOON - MINUTE, settings(folder)) as desk,
    ):
        desk.step(NOON - MINUTE)
        yield Floor(ledger, desk, folder, name)


def test_a_market_that_turns_wild_asks_for_a_refresh_once_an_episode(tmp_path: Path) -> None:
    with floor(tmp_path) as desk:
        assert desk.go(CALM) == 0
        assert desk.go(WILD) == 1
        assert desk.go(WILD) == 1, "the same episode"
        (action,) = audited(desk.ledger, "refresh_encoder")
        assert (action["policy"], action["cause"]) == (desk.name, GUARD)
        assert desk.desk.roster.arms[desk.name].share > 0, "nothing is taken from it"
        assert desk.go(CALM) == 1
        assert desk.go(WILD) == 2, "another episode"
        assert desk.said == []


@pytest.mark.parametrize("first", ["encoder_kl_divergence", "encoder_kl_divergence_lower"])
def test_a_drift_that_may_be_chance_asks_for_none_in_whatever_order_it_is_reported(
    first: str, tmp_path: Path
) -> None:
    with floor(tmp_path) as desk:
        for slot, (value, low) in enumerate([(0.05, -0.1), (0.45, 0.05), (0.35, -0.2), (0.9, 0.4)]):
            desk.now = NOON + slot * SLOT
            found = Measured(desk.name, "defined", "", desk.now, value, low, 1.0, 90.0, 700)
            told = sorted(observations(found), key=lambda one: one.name != first)
            assert desk.ledger.append_observations(told, known_at=desk.now) == 4
            desk.desk.step(desk.now)
            asked = audited(desk.ledger, "refresh_encoder")
            assert len(asked) == (low > 0.3), f"{value} nats, from {low}"


def test_who_tells_the_lower_end_before_the_drift_is_judged_by_both(tmp_path: Path) -> None:
    with floor(tmp_path) as desk:
        for name, number in (("_lower", 0.05), ("", 0.45)):
            one = Observation(f"encoder_kl_divergence{name}", number, desk.now, desk.name, 700)
            desk.ledger.append_observations([one], known_at=desk.now)
            desk.desk.step(desk.now)
        assert not audited(desk.ledger, "refresh_encoder")


def test_bars_that_are_too_few_trip_nothing_and_are_told(tmp_path: Path) -> None:
    with floor(tmp_path) as desk:
        desk.now += SLOT
        market(tmp_path / "bars", WILD, desk.now, hours=15)
        desk.observer.look()
        desk.desk.step(desk.now)
        assert not audited(desk.ledger, "refresh_encoder")
        assert not list(desk.ledger.observations())
        (said,) = desk.said
        assert said.startswith(f"{desk.name}: its encoder's drift is not known yet (warming: ")


def test_while_a_desk_runs_a_process_beside_it_observes(tmp_path: Path) -> None:
    name = kept(tmp_path / "models")
    market(tmp_path / "bars", WILD, hours=600)
    said: list[str] = []
    with ledger_of(tmp_path / "desk.db", [], names=(name,)) as ledger:
        with drift_watched(settings(tmp_path), ledger, say=said.append):
            until(lambda: bool(list(ledger.observations())))
        found = list(ledger.observations())
        assert found[0].policy == name
        assert len(found) == 4
        assert found[0].observed_at.date() == NOON.date(), "as old as the last bar"
        with drift_watched(settings(tmp_path), ledger, say=said.append):
            pass
    assert said == []


def test_a_desk_ends_at_once_while_a_drift_is_measured(tmp_path: Path) -> None:
    name = kept(tmp_path / "models")
    endless = market(tmp_path / "bars", WILD, hours=600) / "BTC_USDT-1h.csv"
    endless.unlink()
    os.mkfifo(endless)
    said: list[str] = []
    opened: list[int] = []

    def is_read() -> bool:
        with suppress(OSError):
            opened.append(os.open(endless, os.O_WRONLY | os.O_NONBLOCK))
        return bool(opened)

    with ledger_of(tmp_path / "desk.db", [], names=(name,)) as ledger:
        with drift_watched(settings(tmp_path), ledger, say=said.append):
            until(is_read)
            ends = time.monotonic()
        assert time.monotonic() - ends < 2 * STOP_SECONDS
        assert not list(ledger.observations())
    with pytest.raises(BrokenPipeError):
        os.write(opened[0], b"nobody reads it any more")
    os.close(opened[0])
    assert said == []
