"""A record on bars with a trained arm names its snapshot, and is played again with that alone."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from floors import CHAMPION, populate, put_bars, rules
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR
from tiltyard.shell.replaying.bar_record import bar_start_from, is_bar_start
from tiltyard.shell.replaying.bar_replay import BarReplay, bars_to_play, play_again
from tiltyard.shell.replaying.scratch import take_arms
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from trained_policies import put_model, tiny, trained_on, wavy

START = datetime(2025, 5, 1, tzinfo=UTC)
LATER = START + timedelta(days=365)
BARS = wavy(START, 100)


def by(models: Path) -> Settings:
    """Settings by which snapshots lie there."""
    section = ModelSettings(folder=str(models))
    return rules().model_copy(update={"models": section})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars, models, and the record that a replay over some hours has left."""
    made = tmp_path_factory.mktemp("made")
    (made / "bars").mkdir()
    put_bars(made / "bars" / "SOL_USDT-1h.parquet", BARS)
    name = put_model(made / "models").name
    bars, span = bars_to_play(made / "bars", START + 40 * HOUR, LATER)
    with (
        Ledger.open(str(made / "desk.db"), create=True) as ledger,
        Ledger.open(str(made / "record.db"), create=True) as record,
    ):
        populate(ledger, [CHAMPION, name, "bot"], LATER, digests={name: tiny().digest})
        take_arms(record, ledger, span.began)
        assert list(BarReplay(record, by(made / "models"), bars, span).play())
    return made


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """All of that, as one's own."""
    return shutil.copytree(made, tmp_path / "own")


@pytest.fixture
def folder(own: Path) -> Path:
    return own / "bars"


@pytest.fixture
def settings(own: Path) -> Settings:
    return by(own / "models")


@pytest.fixture
def name(own: Path) -> str:
    return next((own / "models").glob("tabnet_*")).name


@pytest.fixture
def record(own: Path) -> Iterator[Ledger]:
    with Ledger.open(str(own / "record.db")) as record:
        yield record


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "scratch.db"), create=True, is_scratch=True) as ledger:
        yield ledger


def test_its_first_event_says_which_snapshots_were_traded_by(record: Ledger, name: str) -> None:
    (start,) = (event for row in record.audit() if is_bar_start(event := json.loads(row.body)))
    told = bar_start_from(start)
    assert told.models == {name: tiny().digest}
    assert told.learnt == {name: datetime(2025, 3, 13, 12, tzinfo=UTC)}
    assert {one.policy for one in record.trades()} == {name}


def test_until_when_they_had_learnt_is_not_guessed_where_a_record_does_not_say(
    record: Ledger, name: str
) -> None:
    (start,) = (event for row in record.audit() if is_bar_start(event := json.loads(row.body)))
    del start["learnt_until"]
    assert bar_start_from(start).learnt == {name: None}


def test_where_snapshots_lie_and_when_drift_is_measured_decides_nothing(record: Ledger) -> None:
    (start,) = (event for row in record.audit() if is_bar_start(event := json.loads(row.body)))
    assert not {"models", "drift"} & start["settings"].keys()


def test_played_again_with_the_snapshot_it_is_the_same(
    record: Ledger, scratch: Ledger, folder: Path, settings: Settings
) -> None:
    """Another one that has come since, with the name of an arm, changes nothing."""
    other = put_model(settings.models.path, trained_on(wavy(START, 300), seed=2))
    other.rename(settings.models.path / "bot")
    rows = play_again(record, scratch, settings, folder, where="record.db")
    assert rows == sum(1 for _ in record.audit())


@pytest.mark.parametrize("how", ["missing", "tampered"])
def test_without_its_snapshot_it_is_not_played_again(
    record: Ledger, scratch: Ledger, folder: Path, settings: Settings, name: str, how: str
) -> None:
    path = settings.models.path / name
    if how == "missing":
        shutil.rmtree(path)
    else:
        (path / "weights.safetensors").write_bytes(b"other")
    code = f"SNAPSHOT_{how.upper()} {name}: record.db was made with its model"
    with pytest.raises(TiltyardError, match=code):
        play_again(record, scratch, settings, folder, where="record.db")
    assert not scratch.roster().arms


def test_other_funding_is_another_market(
    record: Ledger, scratch: Ledger, folder: Path, settings: Settings
) -> None:
    frame = pl.DataFrame({"timestamp": [START], "funding_rate": [1e-4]})
    frame.write_parquet(folder / "SOL_USDT-funding.parquet")
    with pytest.raises(TiltyardError, match="BARS_DIFFER"):
        play_again(record, scratch, settings, folder, where="record.db")
