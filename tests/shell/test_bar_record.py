"""The record of a replay on bars: what is changed in it is found, and it can be played again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copy

import pytest

from floors import BREAKOUT, CHAMPION, REVERSION, populate, put_bars, sol_of
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.ingest import Reading, ingest
from tiltyard.shell.replaying.bar_replay import BarReplay, bars_to_play, play_again
from tiltyard.shell.replaying.scratch import take_arms
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.settings import AccountSettings, Settings, load, read_checklist
from tiltyard.shell.store.ledger import Ledger

START = datetime(2025, 5, 1, tzinfo=UTC)
LATER = START + timedelta(days=365)
SOL = "SOL_USDT-1h.parquet"


def settings() -> Settings:
    account = AccountSettings(currency="USDT", capital=100_000)
    return load().model_copy(update={"account": account})


@pytest.fixture(scope="module")
def made(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bars in ``bars`` and their record in ``record.db``."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "bars").mkdir()
    put_bars(folder / "bars" / SOL, sol_of(real_data, START, 10))
    bars, span = bars_to_play(folder / "bars", None, LATER)
    with (
        Ledger.open(str(folder / "desk.db"), create=True) as ledger,
        Ledger.open(str(folder / "record.db"), create=True) as record,
    ):
        populate(ledger, [CHAMPION, BREAKOUT, REVERSION], LATER)
        take_arms(record, ledger, span.began)
        assert list(BarReplay(record, settings(), bars, span).play())
    return folder


@pytest.fixture
def record(made: Path, tmp_path: Path) -> Path:
    """A record of one's own."""
    return Path(copy(made / "record.db", tmp_path))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "scratch.db"), create=True, is_scratch=True) as ledger:
        yield ledger


def edit(path: Path, *statements: str) -> None:
    """As somebody who may change the database, and takes its triggers away."""
    with closing(sqlite3.connect(path)) as database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            database.execute(statement)
        database.commit()


def code_of(path: Path, by: Settings | None = None) -> str:
    with Ledger.open(str(path)) as ledger, pytest.raises(TiltyardError) as caught:
        verify(ledger, by or settings(), LATER)
    return caught.value.code


def test_what_it_left_is_there(record: Path) -> None:
    with Ledger.open(str(record)) as ledger:
        found = verify(ledger, settings(), LATER)
        assert found.is_of_bars
        assert found.trades == len(list(ledger.trades())) > 10
        assert ledger.is_record()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET propensity = 0.5 WHERE seq = 1",
        "DELETE FROM decisions WHERE seq = (SELECT max(seq) FROM decisions)",
        "DELETE FROM decisions WHERE seq = 2",
        "UPDATE marks SET unrealised = unrealised + 1 WHERE seq = 3",
        "UPDATE marks SET exposure = exposure + 1 WHERE seq = 3",
    ],
)
def test_a_fact_that_was_changed_is_found(record: Path, statement: str) -> None:
    edit(record, statement)
    assert code_of(record) == "FACTS_DIFFER"


def test_a_record_without_its_end_is_found(record: Path) -> None:
    edit(record, "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    assert code_of(record) == "REPLAY_UNFINISHED"


def test_other_conditions_are_told(record: Path) -> None:
    guards = [{"name": "challenger_drawdown_high", "when": "> 50"}]
    other = settings().model_copy(update={"checklist": read_checklist(guards, "other")})
    assert code_of(record, other) == "CHECKLIST_DIFFERS"
    dearer = settings().market.model_copy(update={"fee_bps": 7.0})
    assert code_of(record, settings().model_copy(update={"market": dearer})) == "SETTINGS_DIFFER"
    elsewhere = settings().market.model_copy(update={"feed": "elsewhere"})
    with Ledger.open(str(record)) as ledger:
        assert verify(ledger, settings().model_copy(update={"market": elsewhere}), LATER).is_of_bars


def test_nobody_ingests_into_it(record: Path, tmp_path: Path) -> None:
    with Ledger.open(str(record)) as ledger, pytest.raises(TiltyardError, match="RECORD_CLOSED"):
        ingest(ledger, tmp_path / "log.csv", Reading(), settings(), LATER)


def test_played_again_it_is_the_same_row_for_row(made: Path, record: Path, scratch: Ledger) -> None:
    with Ledger.open(str(record)) as ledger:
        rows = play_again(ledger, scratch, settings(), made / "bars", where="record.db")
        assert rows == sum(1 for _ in ledger.audit())
        assert scratch.audit_head() == ledger.audit_head()


def test_other_bars_are_not_played_again(
    record: Path, scratch: Ledger, tmp_path: Path, real_data: Path
) -> None:
    bars = sol_of(real_data, START, 10)
    bars[50] = bars[50]._replace(close=bars[50].close * 1.0001)
    (tmp_path / "bars").mkdir()
    put_bars(tmp_path / "bars" / SOL, bars)
    with Ledger.open(str(record)) as ledger, pytest.raises(TiltyardError, match="BARS_DIFFER"):
        play_again(ledger, scratch, settings(), tmp_path / "bars", where="record.db")


def test_a_market_that_has_joined_since_keeps_nobody_from_playing_it_again(
    made: Path, record: Path, scratch: Ledger, tmp_path: Path, real_data: Path
) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    copy(made / "bars" / SOL, folder)
    later = [
        bar._replace(symbol="BTC/USDT", opened_at=bar.opened_at + timedelta(days=20))
        for bar in sol_of(real_data, START, 10)
    ]
    put_bars(folder / "BTC_USDT-1h.parquet", later)
    with Ledger.open(str(record)) as ledger:
        play_again(ledger, scratch, settings(), folder, where="record.db")
        assert scratch.audit_head() == ledger.audit_head()


def test_a_forged_record_whose_hashes_chain_does_not_play_again(
    made: Path, tmp_path: Path, scratch: Ledger
) -> None:
    """It was made of the same bars, by a desk that knew another checklist, and says otherwise."""
    bars, span = bars_to_play(made / "bars", None, LATER)
    looser = load().model_copy(
        update={"shares": load().shares.model_copy(update={"start": 0.2}),
                "account": settings().account}
    )  # fmt: skip
    with (
        Ledger.open(str(made / "desk.db")) as ledger,
        Ledger.open(str(tmp_path / "other.db"), create=True, is_scratch=True) as other,
    ):
        take_arms(other, ledger, span.began)
        list(BarReplay(other, looser, bars, span).play())
        with pytest.raises(TiltyardError, match="VERDICTS_DIFFER"):
            play_again(other, scratch, settings(), made / "bars", where="other.db")


def test_a_ledger_is_not_played_again(made: Path, scratch: Ledger) -> None:
    with Ledger.open(str(made / "desk.db")) as ledger, pytest.raises(TiltyardError, match="no rec"):
        play_again(ledger, scratch, settings(), made / "bars", where="desk.db")
